"""Metropolis-Hastings and Hamiltonian Monte Carlo: why their targets stay, line by line."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.markov import finite_chains
from refvi.derivations.models.phase_space import phase_points, trajectories, unit_points

HASTINGS = "Hastings 1970, Biometrika 57, section 2.2"
NEAL = "Neal 2011, arXiv:1206.1901v1"


@derivation(
    "mh.detailed-balance",
    title="Metropolis-Hastings balances every pair of states",
    statement="π(x) T(y|x) = π(y) T(x|y) for x ≠ y",
    source=f"{HASTINGS}; D2 section 2.1",
    system="S4",
    models=finite_chains,
)
def detailed_balance(pi_x, pi_y, g_there, g_back, T_there, T_back, least):
    """The flow is the smaller of two numbers, and which comes first does not matter."""
    yield Step("", "π(x) T(y|x)", pi_x * T_there)
    yield Step(
        "=",
        "π(x) g(y|x) min(1, π(y) g(x|y) / π(x) g(y|x))",
        pi_x * g_there * least(1.0, pi_y * g_back / (pi_x * g_there)),
        "the chain goes where a proposal is made and accepted",
    )
    yield Step(
        "=",
        "min(π(x) g(y|x), π(y) g(x|y))",
        least(pi_x * g_there, pi_y * g_back),
        "a min(1, b/a) = min(a, b)",
    )
    yield Step(
        "=",
        "π(y) g(x|y) min(1, π(x) g(y|x) / π(y) g(x|y))",
        pi_y * g_back * least(1.0, pi_x * g_there / (pi_y * g_back)),
        "min(a, b) = min(b, a)",
    )
    yield Step("=", "π(y) T(x|y)", pi_y * T_back, "the chain from y")


@derivation(
    "mh.stationary",
    title="a balanced chain keeps its target",
    statement="Σ_x π(x) T(y|x) = π(y)",
    source=f"{HASTINGS}; D2 section 2.1",
    system="S4",
    models=finite_chains,
)
def stationary(pi, T, column, transposed, total):
    """Balance is summed over where the chain comes from."""
    yield Step("", "Σ_x π(x) T(y|x)", total(transposed(column(pi) * T)))
    yield Step(
        "=", "Σ_x π(y) T(x|y)", total(column(pi) * T), "mh.detailed-balance; x = y is the same on both sides"
    )
    yield Step("=", "π(y) Σ_x T(x|y)", pi * total(T), "π(y) does not depend on x")
    yield Step("=", "π(y)", pi, "from y the chain goes somewhere: rows have mass one")


@derivation(
    "mh.random-walk",
    title="for a symmetric proposal the correction cancels",
    statement="P(x') N(x;x',ε²I) / (P(x) N(x';x,ε²I)) = P(x')/P(x)",
    source=f"{HASTINGS}; D2 section 2.1",
    system="S4",
    models=phase_points,
)
def random_walk(q, z, eps, walked, log_pi, log_normal, least):
    """A normal about the state sees the square of the distance only."""
    moved = walked
    forward, backward = log_normal(moved, q), log_normal(q, moved)
    yield Step(
        "",
        "min(0, log P(x') + log N(x;x',ε²I) - log P(x) - log N(x';x,ε²I))",
        least(0.0, log_pi(moved) + backward - log_pi(q) - forward),
    )
    yield Step(
        "=",
        "min(0, log P(x') - log P(x) - |x-x'|²/2ε² + |x'-x|²/2ε²)",
        least(0.0, log_pi(moved) - log_pi(q) - sum((q - moved) ** 2) / (2 * eps**2) + sum(z**2) / 2),
        "the constants cancel; x' - x = ε z",
    )
    yield Step("=", "min(0, log P(x') - log P(x))", least(0.0, log_pi(moved) - log_pi(q)), "|x-x'| = |x'-x|")


@derivation(
    "hmc.energy-conserved",
    title="Hamilton's equations keep the energy",
    statement="d/dt H(q, p) = 0 along dq/dt = M⁻¹p, dp/dt = -∇U(q)",
    source=f"{NEAL}, section 5.2.2",
    system="S4",
    models=phase_points,
)
def energy_conserved(q, p, H, grad_U, velocity, slope, total):
    """The chain rule gives two terms that are each other's negative."""
    v, g = velocity(p), grad_U(q)
    along = slope(lambda t: H(q + t[0] * v, p - t[0] * g), (0.0,))[0]
    yield Step("", "d/dt H(q + t M⁻¹p, p - t ∇U) at 0", along)
    yield Step("=", "∇U · M⁻¹p + M⁻¹p · (-∇U)", total(g * v) + total(v * -g), "chain rule; dK/dp = M⁻¹p")
    yield Step("=", "0", 0.0, "the same products with both signs")


@derivation(
    "hmc.leapfrog-reversible",
    title="leapfrog and a flip of the momentum undo themselves",
    statement="F(F(q, p)) = (q, p), F(q, p) = flip(leapfrog(q, p))",
    source=f"{NEAL}, sections 5.2.2 and 5.3.2",
    system="S4",
    models=phase_points,
)
def leapfrog_reversible(q, p, kick, drift, leapfrog, both):
    """Kick, drift, kick reads the same backwards."""
    half = kick(q, p)
    moved = drift(q, half)
    arrived = kick(moved, half)
    back = leapfrog(moved, -arrived)
    yield Step("", "F(F(q,p))", both(back[0], -back[1]))
    returned = drift(moved, -half)
    yield Step(
        "=",
        "flip(kick(drift(q', -p½)))",
        both(returned, -kick(returned, -half)),
        "the first kick back, at q', undoes the last one: -p' - ½ε∇U(q') = -p½",
    )
    yield Step("=", "flip(kick(q, -p½))", both(q, -kick(q, -half)), "the drift goes back: q' - ε M⁻¹p½ = q")
    yield Step("=", "(q, p)", both(q, p), "the second kick undoes the first: -p½ - ½ε∇U(q) = -p")


@derivation(
    "hmc.leapfrog-volume",
    title="leapfrog keeps volume in phase space",
    statement="det ∂(q', p')/∂(q, p) = 1",
    source=f"{NEAL}, sections 5.2.2 and 5.2.3",
    system="S4",
    models=phase_points,
)
def leapfrog_volume(leapfrog, both, jacobian, det, shears):
    """Every part moves one half of the variables by a function of the other half: a shear."""
    first, middle, last = shears
    yield Step("", "det of leapfrog's Jacobian", det(jacobian(lambda x, v: both(*leapfrog(x, v)))))
    yield Step(
        "=",
        "det(kick at q') det(drift) det(kick at q)",
        det(last) * det(middle) * det(first),
        "chain rule; the determinant of a product",
    )
    yield Step("=", "1", 1.0, "triangular with ones on the diagonal")


@derivation(
    "hmc.energy-error",
    title="over a fixed time leapfrog's energy error is of order ε²",
    statement="(H(end) - H(start)) / ε² → h(start) - h(end), h = pᵀU''p/12 - |∇U|²/24",
    source=f"{NEAL}, section 5.2.3; Leimkuhler and Reich 2004, Simulating Hamiltonian Dynamics, section 5.1",
    system="S4",
    models=trajectories,
)
def energy_error(q, p, rise, shadow, exact_end):
    """Leapfrog keeps H + ε² h up to ε⁴, so what H gains h loses."""
    steps = (16, 32, 64)
    yield Step("", "(H(end) - H(start)) / ε² for 16, 32, 64 steps", [rise(n) for n in steps])
    yield Step(
        "->",
        "h(start) - h(end of the exact flow)",
        shadow(q, p) - shadow(*exact_end),
        "the modified energy H + ε² h + O(ε⁴) is kept",
        steps,
        2.0,
    )


@derivation(
    "hmc.momentum",
    title="a momentum of temperature T is sqrt(T) C noise",
    statement="p = √T C z, z ~ N(0, I): log density of p = -K(p)/T - log det(√T C) - log 2π",
    source=f"{NEAL}, eq. 5.23; D2 section 2.2.1 (P independent Gaussians)",
    system="S4",
    models=phase_points,
)
def momentum(z, C, K, root_T, temperature, velocity, log_det_C, log, total):
    """Change of variables: the noise's square is twice the energy over the temperature."""
    drawn = root_T * C(z)
    yield Step("", "-½|z|² - log det(√T C)", -total(z * z) / 2 - log_det_C - 2 * log(root_T))
    yield Step(
        "=",
        "-½ (p/√T)ᵀ (C Cᵀ)⁻¹ (p/√T) - log det(√T C)",
        -total(drawn * velocity(drawn)) / (2 * temperature) - log_det_C - 2 * log(root_T),
        "z = C⁻¹ p/√T; M = C Cᵀ",
    )
    yield Step(
        "=",
        "-K(p)/T - log det(√T C)",
        -K(drawn) / temperature - log_det_C - 2 * log(root_T),
        "K = ½ pᵀ M⁻¹ p",
    )


@derivation(
    "hmc.acceptance",
    title="Hamiltonian Monte Carlo balances (q, p) and F(q, p)",
    statement="e^(-H(x)/T) A(x) = e^(-H(Fx)/T) A(Fx), A(x) = min(1, e^(-(H(Fx) - H(x))/T))",
    source=f"{NEAL}, section 5.3.2; D2 section 2.2.1",
    system="S4",
    models=phase_points,
)
def acceptance(q, p, F, H, U, K, temperature, exp, least):
    """F is its own inverse and keeps volume: what is left is Metropolis' minimum."""
    moved, arrived = F(q, p)
    back = F(moved, arrived)
    here = exp(-U(q) / temperature) * exp(-K(p) / temperature)
    there = exp(-U(moved) / temperature) * exp(-K(arrived) / temperature)
    yield Step(
        "",
        "e^(-U(q)/T) e^(-K(p)/T) min(1, e^(-(H' - H)/T))",
        here * least(1.0, exp(-(H(moved, arrived) - H(q, p)) / temperature)),
    )
    yield Step("=", "min(e^(-H/T), e^(-H'/T))", least(here, there), "H = U + K; a min(1, b/a) = min(a, b)")
    yield Step(
        "=",
        "e^(-H'/T) min(1, e^(-(H(F(F(q,p))) - H')/T))",
        there * least(1.0, exp(-(H(*back) - H(moved, arrived)) / temperature)),
        "min(a, b) = min(b, a); hmc.leapfrog-reversible, hmc.leapfrog-volume",
    )


@derivation(
    "hmc.one-step-is-langevin",
    title="one leapfrog step is a Metropolis-adjusted Langevin step",
    statement="-(H' - H) = log π(q') - log π(q) + log g(q|q') - log g(q'|q), g(.|q) = N(q + ½ε²∇log π(q), ε²I)",
    source=f"{NEAL}, section 5.5.2; Roberts and Tweedie 1996, Bernoulli 2, section 1.4",
    system="S4",
    models=unit_points,
)
def one_step_is_langevin(q, p, eps, H, grad_U, leapfrog, log_pi, log_normal, total):
    """The momenta are the standardised noises of the way there and of the way back."""
    moved, arrived = leapfrog(q, p)
    mean, mean_back = q - eps**2 / 2 * grad_U(q), moved - eps**2 / 2 * grad_U(moved)
    yield Step("", "-(H(q',p') - H(q,p))", -(H(moved, arrived) - H(q, p)))
    yield Step(
        "=",
        "log π(q') - log π(q) - ½|p'|² + ½|p|²",
        log_pi(moved) - log_pi(q) - total(arrived**2) / 2 + total(p**2) / 2,
        "U = -log π, M = I",
    )
    yield Step(
        "=",
        "log π(q') - log π(q) - ½|(q - q' + ½ε²∇U(q'))/ε|² + ½|(q' - q + ½ε²∇U(q))/ε|²",
        log_pi(moved)
        - log_pi(q)
        - total(((q - mean_back) / eps) ** 2) / 2
        + total(((moved - mean) / eps) ** 2) / 2,
        "q' = q + ε p - ½ε²∇U(q), and -p' is the same on the way back",
    )
    yield Step(
        "=",
        "log π(q') - log π(q) + log g(q|q') - log g(q'|q)",
        log_pi(moved) - log_pi(q) + log_normal(q, mean_back) - log_normal(moved, mean),
        "∇log π = -∇U; constants cancel",
    )
