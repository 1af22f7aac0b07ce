"""D0 section 1.1, continued: where Eq 4 starts from, and the auxiliary cost, Eq 5."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.discrete_vae_auxiliary import amortised, auxiliaries, undecided_or_not
from refvi.derivations.models.discrete_vae_decoders import logistic_or_steep
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d0.document import D0


@D0.claim(
    "non-convex",
    "1.1",
    "there is a chance that this optimization may be non-convex: somewhere between two points "
    "log p(x,μ) + H(q~) lies below its chord",
    relation=">=",
    models=logistic_or_steep,
    expected="depends",
    derivation="surrogate.concave",
)
def non_convex(largest_bend, log_p, H):
    return largest_bend(lambda mu: log_p(mu) + H(mu)), 0.0


@non_convex.when(
    "f has a hidden layer steep enough to bend log p(x|h) upwards; under a logistic layer Eq 4 is "
    "concave in μ, with one maximum"
)
def _(has_hidden_layer):
    return has_hidden_layer


@D0.claim(
    "start",
    "1.1",
    "we initialize the optimization from a point μ^{h,0}: ascent from it ends at the solution of Eq 4",
    models=logistic_or_steep,
    expected="depends",
    derivation="surrogate.concave",
)
def start(near, climb, log_p, H, arg_max_mu):
    return (
        near(climb(lambda mu: log_p(mu) + H(mu)), arg_max_mu(lambda mu: log_p(mu) + H(mu))),
        1.0,
    )


@start.when(
    "log p(x,μ) + H(q~) is concave in μ, e.g. under a logistic layer; elsewhere only from a point near it"
)
def _(has_hidden_layer):
    return not has_hidden_layer


@D0.claim(
    "eq-5-order",
    "1.1",
    "C_q(θ) = Σ_k q_θ,k log μ^{h,*}_k + (1 - q_θ,k) log(1 - μ^{h,*}_k); need to check if the order is correct: "
    "the cost is at rest where q_θ = μ^{h,*}",
    models=undecided_or_not,
    expected="settled",
    question=True,
    derivation="auxiliary.printed-order",
)
def eq_5_order(nabla_at_solution, mu_star):
    return nabla_at_solution(lambda q: total(q * ln(mu_star) + (1 - q) * ln(1 - mu_star))), 0.0


@eq_5_order.when(
    "every μ^{h,*}_k = 1/2; as printed the cost is linear in q_θ: its gradient is log μ^{h,*}_k/(1 - μ^{h,*}_k) "
    "wherever q_θ is"
)
def _(solution_is_undecided):
    return solution_is_undecided


@eq_5_order.corrected(
    "C_q(θ) = Σ_k μ^{h,*}_k log q_θ,k + (1 - μ^{h,*}_k) log(1 - q_θ,k), the other order, is at rest there "
    "(and so is the printed order with H(q_θ) added)"
)
def _(nabla_at_solution, mu_star):
    return nabla_at_solution(lambda q: total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))), 0.0


@D0.claim(
    "eq-5-arg-max",
    "1.1",
    "in order to make sure that the initial point is close to the optimum we add C_q(θ) = Σ_k q_θ,k log μ^{h,*}_k + "
    "(1 - q_θ,k) log(1 - μ^{h,*}_k): its maximum over q_θ is at q_θ = μ^{h,*}",
    models=auxiliaries,
    expected="wrong",
    derivation="auxiliary.printed-order",
)
def eq_5_arg_max(arg_max_q, mu_star):
    return arg_max_q(lambda q: total(q * ln(mu_star) + (1 - q) * ln(1 - mu_star))), mu_star


@eq_5_arg_max.corrected(
    "the maximum of Σ_k μ^{h,*}_k log q_θ,k + (1 - μ^{h,*}_k) log(1 - q_θ,k) is there; as printed it is where q_θ is μ^{h,*} "
    "rounded to 0 or 1"
)
def _(arg_max_q, mu_star):
    return arg_max_q(lambda q: total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))), mu_star


@D0.claim(
    "eq-5-with-entropy",
    "1.1",
    "the printed order with H(q_θ) added has its maximum at q_θ = μ^{h,*}: it is -KL(q_θ||μ^{h,*})",
    models=auxiliaries,
    derivation="auxiliary.with-entropy",
)
def eq_5_with_entropy(arg_max_q, mu_star, H):
    return arg_max_q(lambda q: total(q * ln(mu_star) + (1 - q) * ln(1 - mu_star)) + H(q)), mu_star


@D0.claim(
    "eq-5-close",
    "1.1",
    "Eq 5, its order exchanged, makes sure that the initial point is close to the optimum: summed over the data "
    "its maximum is at q_θ(h|x) = μ^{h,*}(x) for every x",
    models=amortised,
    expected="depends",
    derivation="auxiliary.swapped-order",
)
def eq_5_close(arg_max_network, solutions):
    return (
        arg_max_network(lambda q, mu_star: total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))),
        solutions,
    )


@eq_5_close.when(
    "the recognition network can output every μ^{h,*}(x); one that cannot tell the x apart outputs their mean"
)
def _(sees):
    return sees
