"""D2 section 2: Metropolis-Hastings and Hamiltonian Monte Carlo."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.walks import (
    canonicals,
    canonicals_of_any_temperature,
    jumps,
    rings,
    symmetric_or_any,
    symmetric_rings,
)
from refvi.derivations.numbers import exp
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "eq-proposal-symmetric",
    "2.1",
    "the proposal p(x'|x) = N(x'-x; 0, σ²I) is symmetric: N(x-x'; 0, σ²I) = N(x'-x; 0, σ²I)",
    models=jumps,
    derivation="mh.random-walk",
    system="S4",
)
def proposal_symmetric(N, minus, here, there):
    return N(minus(here, there)), N(minus(there, here))


@D2.claim(
    "eq-acceptance",
    "2.1",
    "A(x'|x) = min(1, P(x')Q(x|x') / P(x)Q(x'|x)): the flow P(x) Q(x'|x) A(x'|x) is the same in both directions",
    models=rings,
    derivation="mh.detailed-balance",
    system="S4",
)
def acceptance(P_here, P_there, Q_there, Q_back, min, backwards):
    flow = P_here * Q_there * min(1.0, P_there * Q_back / (P_here * Q_there))
    return flow, backwards(flow)


@D2.claim(
    "eq-acceptance-normal",
    "2.1",
    "min(1, P(x')Q(x|x') / P(x)Q(x'|x)) = min(1, P(x')N(x-x'; 0, σ²I) / P(x)N(x'-x; 0, σ²I)), Q(x'|x) = N(x'; x, σ²I)",
    models=jumps,
    derivation="mh.random-walk",
    system="S4",
)
def acceptance_normal(min, P, Q, N, minus, here, there):
    return (
        min(1.0, P(there) * Q(here, there) / (P(here) * Q(there, here))),
        min(1.0, P(there) * N(minus(here, there)) / (P(here) * N(minus(there, here)))),
    )


@D2.claim(
    "eq-acceptance-ratio",
    "2.1",
    "min(1, P(x')N(x-x'; 0, σ²I) / P(x)N(x'-x; 0, σ²I)) = min(1, P(x')/P(x))",
    models=jumps,
    derivation="mh.random-walk",
    system="S4",
)
def acceptance_ratio(min, P, N, minus, here, there):
    return (
        min(1.0, P(there) * N(minus(here, there)) / (P(here) * N(minus(there, here)))),
        min(1.0, P(there) / P(here)),
    )


@D2.claim(
    "algorithm-stationary",
    "2.1",
    "the algorithm accepts where u < min(1, P(x')/P(x)) and samples P: P is the law after a step from P",
    models=symmetric_or_any,
    expected="depends",
    derivation="mh.stationary",
    system="S4",
)
def algorithm_stationary(after_step, P, min, P_there, P_here):
    return after_step(P, min(1.0, P_there / P_here)), P


@algorithm_stationary.when("the proposal is symmetric, as the normal is")
def _(is_symmetric):
    return is_symmetric


@D2.claim(
    "eq-algorithm-acceptance",
    "2.1",
    "sample x* ~ Q(x*|x); if u < A(x*|x) = min(1, P(x')/P(x)) (x' is not what was sampled; here the point before)",
    models=jumps,
    expected="misprint",
    derivation="mh.random-walk",
    system="S4",
)
def algorithm_acceptance(min, P, Q, here, there, before):
    return (
        min(1.0, P(there) * Q(here, there) / (P(here) * Q(there, here))),
        min(1.0, P(before) / P(here)),
    )


@algorithm_acceptance.corrected(
    "sample x* ~ Q(x*|x); if u < A(x*|x) = min(1, P(x*)/P(x))",
    slip="x* is sampled one line above, and A(x*|x) has it on the left",
)
def _(min, P, Q, here, there):
    return (
        min(1.0, P(there) * Q(here, there) / (P(here) * Q(there, here))),
        min(1.0, P(there) / P(here)),
    )


@D2.claim(
    "samples-converge",
    "2.1",
    "while samples have not converged: x^t has a limit, in equilibrium the chance of a move is 0",
    models=symmetric_rings,
    expected="wrong",
    derivation="mh.stationary",
    system="S4",
)
def samples_converge(chance_of_move, P, min, P_there, P_here):
    return chance_of_move(P, min(1.0, P_there / P_here)), 0.0


@samples_converge.corrected(
    "the samples never converge, their law does: from any start the law of x^t tends to P"
)
def _(after, P, min, P_there, P_here):
    return after(400, min(1.0, P_there / P_here)), P


@D2.claim(
    "eq-canonical",
    "2.2.1",
    "H(q,p) = 1/Z exp(-U(q)/T) exp(-K(p)/T), H the energy U + K that the dynamics keep",
    models=canonicals,
    expected="wrong",
    derivation="hmc.acceptance",
    system="S4",
)
def canonical(energy, Z, U, K, T, q, p):
    return energy(q, p), 1 / Z * exp(-U(q) / T) * exp(-K(p) / T)


@canonical.corrected("P(q,p) = 1/Z exp(-U(q)/T) exp(-K(p)/T) = 1/Z exp(-H(q,p)/T)")
def _(P, Z, U, K, T, q, p):
    return P(q, p), 1 / Z * exp(-U(q) / T) * exp(-K(p) / T)


@D2.claim(
    "canonical-marginal",
    "2.2.1",
    "where π(q) is the model: the positions of 1/Z exp(-U/T) exp(-K/T) have the law π",
    models=canonicals_of_any_temperature,
    expected="depends",
    derivation="hmc.acceptance",
    system="S4",
)
def canonical_marginal(marginal, q, pi):
    return marginal(q), pi(q)


@canonical_marginal.when("T = 1 (elsewhere it is π to the power 1/T, normalised)")
def _(T_is_one):
    return T_is_one


@D2.claim(
    "eq-potential",
    "2.2.1",
    "U(q) = -log[π(q)], π the mixture Σ_i π_i N(x; μ_i, Σ_i): exp(-U) is a density",
    models=canonicals,
    derivation="hmc.acceptance",
    system="S4",
)
def potential(integral, U):
    return integral(lambda q: exp(-U(q))), 1.0


@D2.claim(
    "eq-mixture-argument",
    "2.2.1",
    "U(q) = -log[π(q)], where π(q) indicates Σ_i π_i N(x; μ_i, Σ_i) (x is read as data: then U does not depend on q)",
    models=canonicals,
    expected="misprint",
    derivation="hmc.acceptance",
    system="S4",
)
def mixture_argument(U, q, shares, normal, x, means, deviations, components):
    return U(q), -ln(sum(shares[i] * normal(x, means[i], deviations[i]) for i in components))


@mixture_argument.corrected(
    "U(q) = -log Σ_i π_i N(q; μ_i, Σ_i)",
    slip="what it stands for is π(q)",
)
def _(U, q, shares, normal, means, deviations, components):
    return U(q), -ln(sum(shares[i] * normal(q, means[i], deviations[i]) for i in components))


@D2.claim(
    "eq-kinetic",
    "2.2.1",
    "K(p) = Σ_i p_i²/2, P assumed to be independent Gaussians: exp(-K(p)/T), normalised, is a product of N(p_i; 0, 1)",
    models=canonicals_of_any_temperature,
    expected="depends",
    derivation="hmc.momentum",
    system="S4",
)
def kinetic(K, T, p, integral, normal):
    return (
        exp(-K(p) / T) / (integral(lambda s: exp(-K([s]) / T)) * integral(lambda s: exp(-K([s]) / T))),
        normal(p[0], 0.0, 1.0) * normal(p[1], 0.0, 1.0),
    )


@kinetic.when("T = 1; independent normals of variance T elsewhere")
def _(T_is_one):
    return T_is_one


@D2.claim(
    "momenta-independent",
    "2.2.1",
    "P are assumed to be independent Gaussians: 1/Z exp(-U(q)/T) exp(-K(p)/T) is the product of its three marginals",
    models=canonicals,
    derivation="hmc.momentum",
    system="S4",
)
def momenta_independent(Z, U, K, T, q, p, marginal, normal, spread):
    return (
        1 / Z * exp(-U(q) / T) * exp(-K(p) / T),
        marginal(q) * normal(p[0], 0.0, spread) * normal(p[1], 0.0, spread),
    )
