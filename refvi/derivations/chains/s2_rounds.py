"""Rounds of wake-sleep: an EM step where q can be the posterior, and no ascent on any objective where it cannot.

Not here: what each phase ascends by itself (`s2_wake_sleep`).
"""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.arrays import keep
from refvi.derivations.models.dreams import dreams
from refvi.derivations.models.rounds import blind_rounds, rounds
from refvi.derivations.numbers import log

HINTON = "Hinton et al. 1995, Science 268"
DAYAN = "Dayan et al. 1995, Neural Computation 7"
NEAL = "Neal and Hinton 1998, in Learning in Graphical Models"


@derivation(
    "wake-sleep.round",
    title="a round of wake-sleep is an EM step where q can be the posterior",
    statement="q any table: E_data log p(x) after sleep and wake, each to its optimum, ≥ E_data log p(x) before",
    source=f"{NEAL}; {DAYAN}, section 3; D2 1.1.2",
    system="S2",
    models=rounds,
)
def wake_sleep_round(log_evidence, theta, bound, posterior, sleep, after_round, after_em, wake):
    """The sleep optimum is the posterior, so the bound touches; the wake optimum lifts it."""
    yield Step("", "E_data log p(x) after the round", log_evidence(after_round()))
    yield Step(
        "=", "E_data log p(x) after an EM step", log_evidence(after_em()), "the two steps are the same"
    )
    yield Step(">=", "E_data L at the new θ and the old q", bound(wake(sleep(theta)), sleep(theta)), "Jensen")
    yield Step(
        ">=", "E_data L at the old θ and q", bound(theta, sleep(theta)), "the wake phase maximises this in θ"
    )
    yield Step("=", "E_data L at q = p(z|x)", bound(theta, posterior(theta)), "the sleep optimum")
    yield Step("=", "E_data log p(x) before", log_evidence(theta), "the bound touches at the posterior")


@derivation(
    "wake-sleep.round-lowers",
    title="a round of wake-sleep leaves the maximum of the likelihood where q cannot be the posterior",
    statement="q sees one bit of two, θ at the maximum: E_data log p(x) after the round ≤ before; L(q_sleep) ≤ max_q L",
    source=f"{DAYAN}, section 3; D2 1.1.2",
    system="S2",
    models=blind_rounds,
)
def wake_sleep_round_lowers(log_evidence, theta, after_round, wake, bound, sleep, best_for_the_bound):
    """The q that is best for dreams is not best for the bound, and the θ that is best for this q not best for the data."""
    yield Step("", "E_data L after the round, at its q", bound(after_round(), sleep(theta)))
    yield Step("=", "max_θ E_data L at that q", bound(wake(sleep(theta)), sleep(theta)), "the wake phase")
    yield Step("<=", "E_data log p(x) after the round", log_evidence(after_round()), "Jensen")
    yield Step("<=", "E_data log p(x) before", log_evidence(theta), "θ was at the maximum")
    yield Step(">=", "max_q E_data L", bound(theta, best_for_the_bound(theta)), "Jensen")
    yield Step(
        ">=",
        "E_data L at q_sleep",
        bound(theta, sleep(theta)),
        "q_sleep is best for something else, sleep.optimum",
    )


@derivation(
    "sleep.optimum",
    title="the sleep phase ends at the model's own average over what q does not see",
    statement="arg max_q E_{p(x,z)} log q(z|s(x)) = p(z|s), also above the q that is best for the bound",
    source=f"{DAYAN}, section 3; D2 1.1.2",
    system="S2",
    models=blind_rounds,
)
def sleep_optimum(sleep_objective, sleep, theta, best_for_the_bound, marginal, total):
    """q sees s, a part of x; what it does not see is summed out."""
    yield Step("", "E_{p(x,z)} log q_sleep(z|s)", sleep_objective(theta, sleep(theta)))
    yield Step(
        "=",
        "Σ_{s,z} p(z,s) log p(z,s)/p(s)",
        total(total(marginal(theta) * log(marginal(theta) / keep(total(marginal(theta)))))),
        "q_sleep(z|s) = p(z|s)",
    )
    yield Step(
        ">=",
        "E_{p(x,z)} log q_L(z|s), q_L best for the bound on the data",
        sleep_objective(theta, best_for_the_bound(theta)),
        "kl.not-negative at every s",
    )


@derivation(
    "wake-sleep.no-objective",
    title="no function has both updates of wake-sleep as its gradient",
    statement="∂_φ(u·wake)·v - ∂_θ(v·sleep)·u = [E_{data,q} - E_p] (u·∇_θ log p)(v·∇_φ log q)",
    source="Schwarz's theorem on second derivatives; D2 1.1.2 (may not converge)",
    system="S2",
    models=dreams,
)
def no_objective(
    total, u, v, nabla_phi, wake_along, nabla_theta, sleep_along, E_wake, E_dream, grad_log_p, grad_log_q
):
    """Second derivatives of one function would agree; these are the same product averaged over two laws."""
    s_p, s_q = _along(u, grad_log_p), _along(v, grad_log_q)
    yield Step(
        "",
        "v·∇_φ (u·wake) - u·∇_θ (v·sleep)",
        total(v * nabla_phi(wake_along)) - total(u * nabla_theta(sleep_along)),
    )
    yield Step(
        "=",
        "E_data E_q (u·∇_θ log p)(v·∇_φ log q) - u·∇_θ (v·sleep)",
        E_wake(s_p * s_q) - total(u * nabla_theta(sleep_along)),
        "∇_φ q = q ∇_φ log q",
    )
    yield Step(
        "=",
        "[E_data E_q - E_p] (u·∇_θ log p)(v·∇_φ log q)",
        E_wake(s_p * s_q) - E_dream(s_p * s_q),
        "∇_θ p = p ∇_θ log p; zero where p_data(x) q(z|x) = p(x,z)",
    )


def _along(direction, gradient):
    """A gradient along a direction of its first axis."""
    return sum(float(direction[i]) * gradient[i] for i in range(len(direction)))
