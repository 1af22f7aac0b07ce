"""Wake-sleep: what each phase ascends, its delta rules, why the two together ascend nothing."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.arrays import keep
from refvi.derivations.models.bits import bits
from refvi.derivations.models.dreams import dreams
from refvi.derivations.models.modes import counts
from refvi.derivations.models.phases import phases
from refvi.derivations.numbers import log, stack

HINTON = "Hinton et al. 1995, Science 268"
DAYAN = "Dayan et al. 1995, Neural Computation 7"
NEAL = "Neal and Hinton 1998, in Learning in Graphical Models"


@derivation(
    "wake.objective",
    title="what the wake phase maximises",
    statement="max_θ L = max_θ E_q log p_θ(x|z) - KL(q(z|x) || p(z)), p(z) free of θ",
    source=f"{HINTON}; D2 1.1.2",
    system="S2",
    models=phases,
)
def wake_objective(max_theta, E, joint, likelihood, prior, q, KL):
    """The terms without θ leave the maximum's place alone, not its value."""
    yield Step("", "max_θ E_q log p_θ(x,z)/q(z|x)", max_theta(lambda theta: E(log(joint(theta) / q))))
    yield Step(
        "=",
        "max_θ [E_q log p_θ(x,z)] - E_q log q(z|x)",
        max_theta(lambda theta: E(log(joint(theta)))) - E(log(q)),
        "q does not depend on θ",
    )
    yield Step(
        "=",
        "max_θ [E_q log p_θ(x|z)] + E_q log p(z) - E_q log q(z|x)",
        max_theta(lambda theta: E(log(likelihood(theta)))) + E(log(prior(0))) - E(log(q)),
        "p_θ(x,z) = p(z) p_θ(x|z), p(z) does not depend on θ",
    )
    yield Step(
        "=",
        "max_θ [E_q log p_θ(x|z)] - KL(q || p(z))",
        max_theta(lambda theta: E(log(likelihood(theta)))) - KL(q, prior(0)),
        "collect log q/p(z)",
    )


@derivation(
    "wake.sampled-maximum",
    title="the maximum of a sampled wake objective is too large",
    statement="E max_θ (1/N) Σᵢ log p_θ(xⁱ|zⁱ) ≥ max_θ E (1/N) Σᵢ log p_θ(xⁱ|zⁱ)",
    source="Mak et al. 1999, Operations Research Letters 24, Theorem 1; D2 1.1.2",
    system="S2",
    models=phases,
)
def sampled_maximum(max_theta, E_each, E_at, N, likelihood):
    """A maximum is convex: Jensen."""

    def average(theta, z):
        return sum(log(likelihood(theta, i)[z[i]]) for i in range(N)) / N

    yield Step(
        "",
        "E max_θ (1/N) Σᵢ log p_θ(xⁱ|zⁱ)",
        E_each(lambda z: max_theta(lambda theta: average(theta, z))),
    )
    yield Step(
        ">=",
        "max_θ E (1/N) Σᵢ log p_θ(xⁱ|zⁱ)",
        max_theta(lambda theta: E_each(lambda z: average(theta, z))),
        "each sample is fitted by its own θ",
    )
    yield Step(
        "=",
        "max_θ (1/N) Σᵢ E_{q(z|xⁱ)} log p_θ(xⁱ|z)",
        max_theta(lambda theta: sum(E_at(i, log(likelihood(theta, i))) for i in range(N)) / N),
        "every zⁱ has the law q(z|xⁱ)",
    )


@derivation(
    "wake.gradient",
    title="the wake update is the gradient of the bound in θ",
    statement="∇_θ E_data L = E_data E_q ∇_θ log p_θ(x,z)",
    source=f"{DAYAN}, section 2; D2 1.1.2",
    system="S2",
    models=dreams,
)
def wake_gradient(nabla_theta, bound_at, E_wake, grad_log_p, p, p_at, E_dream, data, p_x, q, posterior):
    """q does not depend on θ, so only log p_θ(x,z) is differentiated; the model's own samples would say nothing."""
    yield Step("", "∇_θ E_data L", nabla_theta(bound_at))
    yield Step(
        "=",
        "∇_θ E_data E_q log p_θ(x,z)",
        nabla_theta(lambda theta: E_wake(log(p_at(theta)))),
        "q log q has no θ",
    )
    yield Step("=", "E_data E_q ∇_θ log p_θ(x,z)", E_wake(grad_log_p), "finite sum")
    yield Step(
        "=",
        "E_{p_θ} [p_data(x) q(z|x) / p_θ(x,z)] ∇_θ log p_θ(x,z)",
        E_dream(keep(data) * q / p * grad_log_p),
        "weighed against the model's own samples; without the weights the mean is 0",
    )
    yield Step(
        "=",
        "E_{p_θ} [p_data(x)/p_θ(x)] [q(z|x)/p_θ(z|x)] ∇_θ log p_θ(x,z)",
        E_dream(keep(data / p_x) * (q / posterior) * grad_log_p),
        "p_θ(x,z) = p_θ(x) p_θ(z|x)",
    )


@derivation(
    "wake.divergence",
    title="the wake phase lowers KL(q || p)",
    statement="E_data L = -KL(p_data(x) q(z|x) || p_θ(x,z)) + E_data log p_data(x)",
    source=f"{NEAL}; Kingma and Welling 2019, arXiv:1906.02691v3, section 2.2; D2 1.1.2",
    system="S2",
    models=dreams,
)
def wake_divergence(E_wake, E_data, log_evidence_at, theta, p, p_x, q, data, xs, KL, posterior):
    """The code for x drawn from the data, z from q; log p_data is a constant."""
    seen = sorted(set(xs))
    yield Step("", "E_data L", E_wake(log(p / q)))
    yield Step(
        "=",
        "E_data [log p_θ(x) - KL(q(z|x) || p_θ(z|x))]",
        E_data(log(p_x) - KL(q, posterior)),
        "elbo.identity for every x",
    )
    yield Step(
        "=",
        "Σ_{p_data>0} p_data(x) [log p_data(x) - log p_data(x)/p_θ(x) - KL(q || p_θ(z|x))]",
        sum(data[x] * (log(data[x]) - log(data[x] / p_x[x]) - KL(q, posterior)[x]) for x in seen),
        "add and subtract log p_data(x)",
    )
    yield Step(
        "=",
        "E_data log p_data(x) - KL(p_data q || p_θ)",
        sum(data[x] * log(data[x]) for x in seen)
        - sum(data[x] * q[x, z] * log(data[x] * q[x, z] / p[x, z]) for x in seen for z in range(q.shape[1])),
        "the two divergences are one, by the chain rule",
    )
    yield Step("<=", "E_data log p_θ(x)", log_evidence_at(theta), "a divergence is never negative")


@derivation(
    "wake.delta-rule",
    title="the wake delta rule of a sigmoid layer",
    statement="∂/∂W_dj E log p(x|z) = E (x_d - σ(W_d z + c_d)) z_j, ∂/∂b_j E log p(z) = E (z_j - σ(b_j))",
    source=f"{HINTON}, eq. 4; D2 1.1.2",
    system="S2",
    models=bits,
)
def wake_delta_rule(nabla_theta, wake_at, E_wake, x_unit, z_unit, reconstruction, surprise_z, pairs):
    """d log σ(a)/da = 1 - σ(a) and d log(1 - σ(a))/da = -σ(a): unit minus reconstruction."""
    yield Step("", "∇_(W,c,b) E_data E_q log p(x,z)", nabla_theta(wake_at))
    yield Step(
        "=",
        "E [x_d (1 - p_d) - (1 - x_d) p_d] (z_j, 1), E [z_j - σ(b_j)]",
        stack(
            [
                E_wake(
                    (x_unit(d) * (1 - reconstruction(d)) - (1 - x_unit(d)) * reconstruction(d)) * z_unit(j)
                )
                for d, j in pairs
            ]
            + [
                E_wake(x_unit(d) * (1 - reconstruction(d)) - (1 - x_unit(d)) * reconstruction(d))
                for d in (0, 1)
            ]
            + [E_wake(surprise_z(j)) for j in (0, 1)]
        ),
        "p_d = σ(W_d z + c_d), one logistic term for each unit",
    )
    yield Step(
        "=",
        "E (x_d - p_d) z_j, E (x_d - p_d), E (z_j - σ(b_j))",
        stack(
            [E_wake((x_unit(d) - reconstruction(d)) * z_unit(j)) for d, j in pairs]
            + [E_wake(x_unit(d) - reconstruction(d)) for d in (0, 1)]
            + [E_wake(surprise_z(j)) for j in (0, 1)]
        ),
        "x (1 - p) - (1 - x) p = x - p",
    )


@derivation(
    "sleep.objective",
    title="the sleep phase lowers KL(p || q), on dreams",
    statement="E_{p(x,z)} log q(z|x) = -E_{p(x)} KL(p(z|x) || q(z|x)) + E_{p(x,z)} log p(z|x)",
    source=f"{DAYAN}, section 3; D2 1.1.2",
    system="S2",
    models=dreams,
)
def sleep_objective(E_dream, E_x, KL, q, posterior, total):
    """Dreams are pairs from p(x,z); the entropy of the posterior does not depend on q."""
    yield Step("", "E_{p(x,z)} log q(z|x)", E_dream(log(q)))
    yield Step("=", "E_{p(x)} E_{p(z|x)} log q(z|x)", E_x(total(posterior * log(q))), "p(x,z) = p(x) p(z|x)")
    yield Step(
        "=",
        "-E_{p(x)} KL(p(z|x) || q(z|x)) + E_{p(x,z)} log p(z|x)",
        -E_x(KL(posterior, q)) + E_dream(log(posterior)),
        "add and subtract log p(z|x)",
    )
    yield Step("<=", "E_{p(x,z)} log p(z|x)", E_dream(log(posterior)), "reached at q(z|x) = p(z|x)")


@derivation(
    "sleep.gradient",
    title="the sleep update is the gradient of -KL(p || q), not of the bound",
    statement="E_{p(x,z)} ∇_φ log q(z|x) = -∇_φ E_{p(x)} KL(p(z|x) || q(z|x))",
    source=f"{DAYAN}, section 3; Bornschein and Bengio 2015, arXiv:1406.2751v4, section 2.3; D2 1.1.2",
    system="S2",
    models=dreams,
)
def sleep_gradient(nabla_phi, divergence_on_dreams_at, E_dream, q_at, grad_log_q, q, p):
    """Only log q depends on φ, and p(x,z) is where it is averaged: no score-function term arises."""
    yield Step("", "-∇_φ E_{p(x)} KL(p(z|x) || q(z|x))", -nabla_phi(divergence_on_dreams_at))
    yield Step(
        "=", "∇_φ E_{p(x,z)} log q(z|x)", nabla_phi(lambda phi: E_dream(log(q_at(phi)))), "sleep.objective"
    )
    yield Step("=", "E_{p(x,z)} ∇_φ log q(z|x)", E_dream(grad_log_q), "p(x,z) does not depend on φ")


@derivation(
    "sleep.delta-rule",
    title="the sleep delta rule of a sigmoid layer",
    statement="∂/∂V_jd E_p log q(z|x) = E_p (z_j - σ(V_j x + d_j)) x_d",
    source=f"{HINTON}, eq. 5; D2 1.1.2",
    system="S2",
    models=bits,
)
def sleep_delta_rule(nabla_phi, sleep_at, E_dream, x_unit, z_unit, guess, pairs):
    """The wake rule upside down, on pairs (x, z) that the model dreams."""
    yield Step("", "∇_(V,d) E_{p(x,z)} log q(z|x)", nabla_phi(sleep_at))
    yield Step(
        "=",
        "E_p [z_j (1 - q_j) - (1 - z_j) q_j] (x_d, 1)",
        stack(
            [E_dream((z_unit(j) * (1 - guess(j)) - (1 - z_unit(j)) * guess(j)) * x_unit(d)) for j, d in pairs]
            + [E_dream(z_unit(j) * (1 - guess(j)) - (1 - z_unit(j)) * guess(j)) for j in (0, 1)]
        ),
        "q_j = σ(V_j x + d_j)",
    )
    yield Step(
        "=",
        "E_p (z_j - q_j) x_d, E_p (z_j - q_j)",
        stack(
            [E_dream((z_unit(j) - guess(j)) * x_unit(d)) for j, d in pairs]
            + [E_dream(z_unit(j) - guess(j)) for j in (0, 1)]
        ),
        "z (1 - q) - (1 - z) q = z - q",
    )


@derivation(
    "sleep.mode-averaging",
    title="the sleep phase averages modes",
    statement="d/dφ E_{p(z|x)} log Binomial(z; n, φ) = (E_{p(z|x)} z - n φ) / (φ (1 - φ)): at rest where the means agree",
    source="Hinton 2007, Trends in Cognitive Sciences 11; Minka 2005, MSR-TR-2005-173, section 3; D2 1.1.2",
    system="S2",
    models=counts,
)
def mode_averaging(slope_at_match, slope_between, sleep_at, E_posterior, E_at, z, n, between, matched):
    """An exponential family that is fitted by KL(p || q) matches moments, whatever modes lie on both sides."""
    yield Step("", "d/dφ E_{p(z|x)} log q_φ(z) at a φ between the mean and a mode", slope_between(sleep_at))
    yield Step(
        "=",
        "E_{p(z|x)} [z/φ - (n - z)/(1 - φ)]",
        E_posterior(z / between - (n - z) / (1 - between)),
        "log q = z log φ + (n - z) log(1 - φ) + const",
    )
    yield Step(
        "=",
        "(E_{p(z|x)} z - n φ) / (φ (1 - φ))",
        (E_posterior(z) - n * between) / (between * (1 - between)),
        "a common denominator",
    )
    yield Step(
        "<=",
        "d/dφ E_{p(z|x)} log q_φ(z) at n φ = E_{p(z|x)} z",
        slope_at_match(sleep_at),
        "n φ > E z at that φ",
    )
    yield Step("=", "E_{q_φ} z - E_{p(z|x)} z there", E_at(matched, z) - E_posterior(z), "both are 0")


@derivation(
    "sleep.explaining-away",
    title="explaining away couples causes in the posterior, never in the prior",
    statement="Σ_x p(x,z) = p(z_1) p(z_2), while log p(z_1,z_2|x) is not a sum: E_p KL(p(z|x) || p(z_1|x) p(z_2|x)) ≥ 0",
    source="Pearl 1988, Probabilistic Reasoning in Intelligent Systems, section 2.2; D2 1.1.2",
    system="S2",
    models=bits,
)
def explaining_away(E_dream, prior, prior_at, theta, single_bits, posterior, q):
    """The best factorised recognition model has the posterior's marginals; what is left is their coupling."""
    yield Step("", "E_p log p(z)", E_dream(log(prior)))
    yield Step("=", "E_p log p(z_1) p(z_2)", E_dream(log(single_bits(prior))), "independent by construction")
    yield Step("=", "E_p Σ_j log σ(±b_j)", E_dream(log(prior_at(theta))), "the prior's own formula")
    yield Step(
        "<=",
        "E_p log p(z_1|x) p(z_2|x)",
        E_dream(log(single_bits(posterior))),
        "each bit is told something by x: I(z_j; x) ≥ 0",
    )
    yield Step("<=", "E_p log p(z_1,z_2|x)", E_dream(log(posterior)), "explaining away: I(z_1; z_2 | x) ≥ 0")
    yield Step(">=", "E_p log q(z|x)", E_dream(log(q)), "sleep.objective: a factorised q stays below")
