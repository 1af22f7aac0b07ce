"""D2 section 1.1.2, continued: the sleep phase, its dreams, and whether the rounds converge."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.bits import bits
from refvi.derivations.models.dreams import dreams, fitted_and_exact_or_not, fitted_or_not
from refvi.derivations.models.modes import counts, two_modes
from refvi.derivations.models.phases import recognitions
from refvi.derivations.models.rounds import fitted_rounds
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import stack
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "sleep-ancestral",
    "1.1.2",
    "z^i drawn from the prior, each layer top-down from it: an unbiased sample x^i from the generative model",
    models=dreams,
    derivation="sleep.objective",
    system="S2",
)
def sleep_ancestral(p_x, S, prior, likelihood):
    return p_x, sum(prior[z] * likelihood[:, z] for z in range(S))


@D2.claim(
    "eq-sleep-free-energy",
    "1.1.2",
    "F'(θ,φ;x) = -log p(x) + KL(p(z|x)||q_φ(z|x)) is at least -log p(x), with equality at q = p(z|x)",
    relation=">=",
    tight="at_posterior",
    models=recognitions,
    derivation="kl.not-negative",
    system="S2",
)
def sleep_free_energy(evidence, KL, posterior, q):
    return -ln(evidence) + KL(posterior, q), -ln(evidence)


@D2.claim(
    "sleep-maximises",
    "1.1.2",
    "the optimization objective for this phase is to maximize F' w.r.t. q_φ(z|x): max_φ E_{p(z|x)}[log q_φ(z|x)]",
    models=recognitions,
    expected="misprint",
    derivation="sleep.objective",
    system="S2",
)
def sleep_maximises(arg_max_phi, free_energy, E_posterior):
    return arg_max_phi(free_energy), arg_max_phi(lambda q: E_posterior(ln(q)))


@sleep_maximises.corrected(
    "minimise F': the q that minimises F' maximises E_{p(z|x)}[log q_φ(z|x)]",
    slip="the maximum displayed next, of E log q_φ(z|x), is the minimum of F'",
)
def _(arg_min_phi, free_energy, arg_max_phi, E_posterior):
    return arg_min_phi(free_energy), arg_max_phi(lambda q: E_posterior(ln(q)))


@D2.claim(
    "sleep-at-data",
    "1.1.2",
    "-F'(θ,φ;x), averaged over the data x, has the gradient of E_{p_θ(z,x)}[log q_φ(z|x)] in φ",
    models=fitted_or_not,
    expected="depends",
    derivation="sleep.objective",
    system="S2",
)
def sleep_at_data(nabla_phi, E_data, KL, posterior, q_at, E_dream):
    return (
        nabla_phi(lambda phi: -E_data(KL(posterior, q_at(phi)))),
        nabla_phi(lambda phi: E_dream(ln(q_at(phi)))),
    )


@sleep_at_data.when("the data have the law p_θ(x) of the dreams")
def _(fitted):
    return fitted


@D2.claim(
    "eq-sleep-average",
    "1.1.2",
    "E_{p_θ(z,x)}[log q_φ(z|x)] = 1/N Σ_i log q_φ(z^i|x^i) in the mean over (x^i, z^i) from the generative model",
    models=dreams,
    derivation="estimator.average",
    system="S2",
)
def sleep_average(E_dream, q, E_pairs, N):
    return E_dream(ln(q)), E_pairs(lambda x, z: 1 / N * sum(ln(q[x[i], z[i]]) for i in range(N)))


@D2.claim(
    "eq-sleep-sampled-maximum",
    "1.1.2",
    "max_φ E_{p_θ(z|x)}[log q_φ(z|x)] = max_φ 1/N Σ_i log q_φ(z^i|x) in the mean over the dreams z^i of one x",
    models=recognitions,
    expected="wrong",
    derivation="wake.sampled-maximum",
    system="S2",
)
def sleep_sampled_maximum(max_phi, E_posterior, E_dreams, k):
    return (
        max_phi(lambda q: E_posterior(ln(q))),
        E_dreams(lambda z: max_phi(lambda q: 1 / k * sum(ln(q)[z[i]] for i in range(k)))),
    )


@sleep_sampled_maximum.corrected(
    "max_φ E[1/N Σ_i log q_φ(z^i|x)], the maximum of the mean; the mean of the maxima is larger: "
    "each sample is fitted by its own φ"
)
def _(max_phi, E_posterior, E_dreams, k):
    return (
        max_phi(lambda q: E_posterior(ln(q))),
        max_phi(lambda q: E_dreams(lambda z: 1 / k * sum(ln(q)[z[i]] for i in range(k)))),
    )


# ------------------------------------------------------------------ advantages


@D2.claim(
    "all-weights-from-dreams",
    "1.1.2",
    "all weights are updated iteratively by the samples generated in the model: "
    "on samples (x, z) of the model E ∇_θ log p_θ(x,z) ≠ 0",
    relation="!=",
    models=dreams,
    expected="wrong",
    derivation="wake.gradient",
    system="S2",
)
def all_weights_from_dreams(E_dream, grad_log_p):
    return E_dream(grad_log_p), 0.0


@all_weights_from_dreams.corrected(
    "the generative weights are updated on data x with z ~ q_φ(z|x), where E ∇_θ log p_θ(x,z) ≠ 0; "
    "on the model's own samples that mean is zero"
)
def _(E_wake, grad_log_p):
    return E_wake(grad_log_p), 0.0


@D2.claim(
    "compare-reconstruction",
    "1.1.2",
    "each layer compares the input and the top-down reconstruction: "
    "∂/∂W_dj of the wake objective is E (x_d - σ(W_d z + c_d)) z_j",
    models=bits,
    derivation="wake.delta-rule",
    system="S2",
)
def compare_reconstruction(nabla_theta, wake_at, E_wake, x_unit, z_unit, reconstruction, pairs):
    return (
        nabla_theta(wake_at)[:4],
        stack([E_wake((x_unit(d) - reconstruction(d)) * z_unit(j)) for d, j in pairs]),
    )


@D2.claim(
    "no-error-communicated",
    "1.1.2",
    "no communicating methods that send error information to all of the connections: the wake objective's derivative in the "
    "weights of a layer is the same whatever the weights of the layer above",
    models=bits,
    derivation="wake.delta-rule",
    system="S2",
)
def no_error_communicated(nabla_theta, wake_at, with_other_prior):
    return nabla_theta(wake_at)[:4], nabla_theta(lambda theta: wake_at(with_other_prior(theta)))[:4]


@D2.claim(
    "description-length-wake",
    "1.1.2",
    "each layer tries to minimize the description length: along the wake step the code length "
    "E_data E_q[-log p_θ(x,z) + log q_φ(z|x)] falls",
    relation="<=",
    models=dreams,
    derivation="wake.gradient",
    system="S2",
)
def description_length_wake(E_wake, grad_log_p, total, nabla_theta, description_length_of_theta):
    return total(nabla_theta(description_length_of_theta) * E_wake(grad_log_p)), 0.0


@D2.claim(
    "description-length-sleep",
    "1.1.2",
    "each layer tries to minimize the description length: along the sleep step the code length of the data falls "
    "(q binomial, between a mode of the posterior and its mean)",
    relation="<=",
    models=two_modes,
    expected="wrong",
    derivation="sleep.mode-averaging",
    system="S2",
)
def description_length_sleep(slope_between, code_length_at, sleep_step_between):
    return slope_between(code_length_at) * sleep_step_between(), 0.0


@description_length_sleep.corrected(
    "along the sleep step KL(p_θ(z|x)||q_φ(z|x)) falls; the code length of the data may rise"
)
def _(slope_between, divergence_at, sleep_step_between):
    return slope_between(divergence_at) * sleep_step_between(), 0.0


# ------------------------------------------------------------------ disadvantages


@D2.claim(
    "dreams-differ",
    "1.1.2",
    "the data generated might be very different from the true data: p_θ(x) is not the law of the data",
    relation="!=",
    models=fitted_or_not,
    expected="depends",
    derivation="sleep.objective",
    system="S2",
)
def dreams_differ(p_x, data):
    return p_x, data


@dreams_differ.when("p_θ(x) has not been fitted to the data, as at the first iterations")
def _(fitted):
    return not fitted


@D2.claim(
    "recognition-update",
    "1.1.2",
    "the recognition weights update E_{p_θ(x,z)} ∇_φ log q_φ(z|x) is the gradient of the variational bound on the log "
    "probability, ∇_φ E_{p_θ(x)} L(θ,φ;x)",
    models=dreams,
    expected="wrong",
    derivation="sleep.gradient",
    system="S2",
)
def recognition_update(E_dream, grad_log_q, nabla_phi, bound_on_dreams_at):
    return E_dream(grad_log_q), nabla_phi(bound_on_dreams_at)


@recognition_update.corrected(
    "the recognition weights update is the gradient of -E_{p_θ(x)} KL(p_θ(z|x)||q_φ(z|x)); "
    "the bound has the other divergence, KL(q_φ(z|x)||p_θ(z|x))"
)
def _(E_dream, grad_log_q, nabla_phi, E_x, KL, posterior, q_at):
    return E_dream(grad_log_q), nabla_phi(lambda phi: -E_x(KL(posterior, q_at(phi))))


@D2.claim(
    "mode-averaging-of-the-bound",
    "1.1.2",
    "the gradient of the variational bound can lead to mode-averaging: it is 0 where the mean of q is that of the posterior, "
    "between its two modes",
    models=two_modes,
    expected="wrong",
    derivation="sleep.mode-averaging",
    system="S2",
)
def mode_averaging_of_the_bound(slope_at_match, bound_at):
    return slope_at_match(bound_at), 0.0


@mode_averaging_of_the_bound.corrected(
    "the gradient of the sleep objective E_{p(z|x)} log q_φ(z|x) is 0 where the mean of q is that of the posterior, "
    "between its two modes"
)
def _(slope_at_match, sleep_at):
    return slope_at_match(sleep_at), 0.0


@D2.claim(
    "mode-averaging",
    "1.1.2",
    "this can lead to mode-averaging: at the optimum of the sleep phase q(valley|x) ≥ 2 p(valley|x)",
    relation=">=",
    models=counts,
    expected="depends",
    derivation="sleep.mode-averaging",
    system="S2",
)
def mode_averaging(q_matched, posterior, valley):
    return q_matched[valley], 2 * posterior[valley]


@mode_averaging.when("the posterior has two modes far apart and q has one")
def _(two_modes):
    return two_modes


@D2.claim(
    "explaining-away",
    "1.1.2",
    "we are assuming the prior is independent, but it might not be because of explaining away: p(z_1,z_2) ≠ p(z_1) p(z_2)",
    relation="!=",
    models=bits,
    expected="wrong",
    derivation="sleep.explaining-away",
    system="S2",
)
def explaining_away(prior, single_bits):
    return prior, single_bits(prior)


@explaining_away.corrected(
    "the prior is independent by construction; explaining away makes the posterior dependent: "
    "p(z_1,z_2|x) ≠ p(z_1|x) p(z_2|x), which a factorised q cannot follow"
)
def _(posterior, single_bits):
    return posterior, single_bits(posterior)


@D2.claim(
    "may-not-converge-round",
    "1.1.2",
    "this algorithm may not converge: a round, each phase taken to its optimum, does not lower the log evidence",
    relation=">=",
    models=fitted_rounds,
    expected="depends",
    derivation="wake-sleep.round",
    system="S2",
)
def may_not_converge_round(log_evidence, theta, after_round):
    return log_evidence(after_round()), log_evidence(theta)


@may_not_converge_round.when(
    "q_φ can be the posterior, so that the round is an EM step (elsewhere it leaves the maximum of the likelihood)"
)
def _(sees_everything):
    return sees_everything


@D2.claim(
    "may-not-converge-objective",
    "1.1.2",
    "this algorithm may not converge: no function of (θ,φ) has both updates as its gradient, "
    "∂_φ of the wake update ≠ ∂_θ of the sleep update (along two fixed directions)",
    relation="!=",
    models=fitted_and_exact_or_not,
    expected="depends",
    derivation="wake-sleep.no-objective",
    system="S2",
)
def may_not_converge_objective(total, v, nabla_phi, wake_along, u, nabla_theta, sleep_along):
    return total(v * nabla_phi(wake_along)), total(u * nabla_theta(sleep_along))


@may_not_converge_objective.when("the data and q are not p_θ already, p_data(x) q_φ(z|x) ≠ p_θ(x,z)")
def _(fitted):
    return not fitted
