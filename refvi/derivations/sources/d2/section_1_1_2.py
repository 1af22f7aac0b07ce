"""D2 section 1.1.2: the wake phase of wake-sleep."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.dreams import exact_or_not
from refvi.derivations.models.phases import phases, phases_of_any_prior
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "wake-step",
    "1.1.2",
    "one step of gradient ascent update with respect to maximum likelihood: "
    "the wake step E_q ∇_θ log p_θ(x^i, z), averaged over the data, is ∇_θ log p_θ(x^i)",
    models=exact_or_not,
    expected="depends",
    derivation="wake.gradient",
    system="S2",
)
def wake_step(E_wake, grad_log_p, nabla_theta, log_evidence_at):
    return E_wake(grad_log_p), nabla_theta(log_evidence_at)


@wake_step.when("q_φ(z|x) = p_θ(z|x) at the present θ; elsewhere the step ascends the bound L")
def _(exact):
    return exact


@D2.claim(
    "eq-wake-bound",
    "1.1.2",
    "max_θ L(θ,φ;x) = max_θ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x), L = log p(x) - KL(q_φ(z|x)||p_θ(z|x))",
    models=phases,
    derivation="elbo.identity",
    system="S2",
)
def wake_bound(max_theta, evidence, KL, q, posterior, E, joint):
    return (
        max_theta(lambda theta: ln(evidence(theta)) - KL(q, posterior(theta))),
        max_theta(lambda theta: E(ln(joint(theta) / q))),
    )


@D2.claim(
    "eq-wake-split",
    "1.1.2",
    "max_θ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x) = max_θ ∫ q_φ(z|x) log p_θ(z|x) - ∫ q_θ(z|x) log q_φ(z|x) "
    "(q_θ is read as q_φ; only the wake objective's density is at stake here)",
    models=phases,
    expected="misprint",
    derivation="wake.objective",
    system="S2",
)
def wake_split(max_theta, E, joint, q, posterior):
    return (
        max_theta(lambda theta: E(ln(joint(theta) / q))),
        max_theta(lambda theta: E(ln(posterior(theta))) - E(ln(q))),
    )


@wake_split.corrected(
    "max_θ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x) = max_θ ∫ q_φ(z|x) log p_θ(x,z) - ∫ q_φ(z|x) log q_φ(z|x)",
    slip="its left side has log p_θ(x,z)",
)
def _(max_theta, E, joint, q):
    return (
        max_theta(lambda theta: E(ln(joint(theta) / q))),
        max_theta(lambda theta: E(ln(joint(theta))) - E(ln(q))),
    )


@D2.claim(
    "wake-q-theta",
    "1.1.2",
    "max_θ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x) = max_θ ∫ q_φ(z|x) log p_θ(x,z) - ∫ q_θ(z|x) log q_φ(z|x) "
    "(q_θ is read as it is printed, the generative model's own posterior)",
    models=phases,
    expected="misprint",
    derivation="wake.objective",
    system="S2",
)
def wake_q_theta(max_theta, E, joint, q, total, q_theta):
    return (
        max_theta(lambda theta: E(ln(joint(theta) / q))),
        max_theta(lambda theta: total(q * ln(joint(theta))) - total(q_theta(theta) * ln(q))),
    )


@wake_q_theta.corrected(
    "max_θ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x) = max_θ ∫ q_φ(z|x) log p_θ(x,z) - ∫ q_φ(z|x) log q_φ(z|x)",
    slip="its left side averages over q_φ",
)
def _(max_theta, E, joint, q, total):
    return (
        max_theta(lambda theta: E(ln(joint(theta) / q))),
        max_theta(lambda theta: total(q * ln(joint(theta))) - total(q * ln(q))),
    )


@D2.claim(
    "eq-wake-decoder",
    "1.1.2",
    "max_θ [ ∫ q log p_θ(x,z) - ∫ q log q_φ(z|x) ] = max_θ E_{q_φ(z|x)}[log p_θ(x|z)] (p(z) does not depend on θ)",
    models=phases,
    expected="wrong",
    derivation="wake.objective",
    system="S2",
)
def wake_decoder(max_theta, E, joint, q, likelihood):
    return (
        max_theta(lambda theta: E(ln(joint(theta))) - E(ln(q))),
        max_theta(lambda theta: E(ln(likelihood(theta)))),
    )


@wake_decoder.corrected(
    "max_θ [ ∫ q log p_θ(x,z) - ∫ q log q_φ(z|x) ] = max_θ E_{q_φ(z|x)}[log p_θ(x|z)] - KL(q_φ(z|x)||p(z)): "
    "the maxima lie at one θ (arg max) but differ in value"
)
def _(max_theta, E, joint, q, likelihood, KL, prior):
    return (
        max_theta(lambda theta: E(ln(joint(theta))) - E(ln(q))),
        max_theta(lambda theta: E(ln(likelihood(theta)))) - KL(q, prior(0)),
    )


@D2.claim(
    "wake-decoder-arg-max",
    "1.1.2",
    "the θ that maximises E_q[log p_θ(x,z)] maximises E_q[log p_θ(x|z)]",
    models=phases_of_any_prior,
    expected="depends",
    derivation="wake.objective",
    system="S2",
)
def wake_decoder_arg_max(arg_max_theta, E, joint, likelihood):
    return (
        arg_max_theta(lambda theta: E(ln(joint(theta)))),
        arg_max_theta(lambda theta: E(ln(likelihood(theta)))),
    )


@wake_decoder_arg_max.when("the prior p(z) has no parameters")
def _(prior_is_fixed):
    return prior_is_fixed


@D2.claim(
    "eq-wake-average",
    "1.1.2",
    "E_{q_φ(z|x)}[log p_θ(x|z)], averaged over the data, = 1/N Σ_i log p_θ(x^i|z) in the mean "
    "(one z for all x^i, drawn from q_φ(z|x^1))",
    models=phases,
    expected="misprint",
    derivation="wake.objective",
    system="S2",
)
def wake_average(N, E_at, likelihood, E_each):
    return (
        1 / N * sum(E_at(i, ln(likelihood(0, i))) for i in range(N)),
        E_each(lambda z: 1 / N * sum(ln(likelihood(0, i)[z[0]]) for i in range(N))),
    )


@wake_average.corrected(
    "E_{q_φ(z|x)}[log p_θ(x|z)], averaged over the data, = 1/N Σ_i log p_θ(x^i|z^i) in the mean, z^i ~ q_φ(z|x^i)",
    slip="the phase generates its examples from q_φ(z|x^i), one for each x^i",
)
def _(N, E_at, likelihood, E_each):
    return (
        1 / N * sum(E_at(i, ln(likelihood(0, i))) for i in range(N)),
        E_each(lambda z: 1 / N * sum(ln(likelihood(0, i)[z[i]]) for i in range(N))),
    )


@D2.claim(
    "eq-wake-sampled-maximum",
    "1.1.2",
    "max_θ E[1/N Σ_i log p_θ(x^i|z^i)] = max_θ 1/N Σ_i log p_θ(x^i|z^i) in the mean over z^i ~ q_φ(z|x^i)",
    models=phases,
    expected="wrong",
    derivation="wake.sampled-maximum",
    system="S2",
)
def wake_sampled_maximum(max_theta, E_each, N, likelihood):
    return (
        max_theta(
            lambda theta: E_each(lambda z: 1 / N * sum(ln(likelihood(theta, i)[z[i]]) for i in range(N)))
        ),
        E_each(
            lambda z: max_theta(lambda theta: 1 / N * sum(ln(likelihood(theta, i)[z[i]]) for i in range(N)))
        ),
    )


@wake_sampled_maximum.corrected(
    "max_θ E[1/N Σ_i log p_θ(x^i|z^i)] = max_θ of the mean; the mean of max_θ is larger: each sample is fitted by its own θ"
)
def _(max_theta, E_each, N, likelihood, E_at):
    return (
        max_theta(
            lambda theta: E_each(lambda z: 1 / N * sum(ln(likelihood(theta, i)[z[i]]) for i in range(N)))
        ),
        max_theta(lambda theta: 1 / N * sum(E_at(i, ln(likelihood(theta, i))) for i in range(N))),
    )
