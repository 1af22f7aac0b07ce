"""The auxiliary cost of a recognition network in both orders: where each is largest, and its gradient."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.discrete_vae_auxiliary import auxiliaries
from refvi.derivations.numbers import log, number, total

MINKA = "Minka 2005, MSR-TR-2005-173, section 2"


@derivation(
    "auxiliary.printed-order",
    title="the printed order of the auxiliary cost is linear in the network's output",
    statement="Σ_k q_k log μ*_k + (1 - q_k) log(1 - μ*_k) = -KL(q || μ*) - H(q) ≤ Σ_k log max(μ*_k, 1 - μ*_k)",
    source=f"{MINKA}; D0 Eq 5",
    system="S0",
    models=auxiliaries,
)
def printed_order(q, mu_star, KL, H, rounded, larger, smaller):
    """Its maximum is at μ* rounded to a corner, its minimum at the opposite corner, never between."""
    yield Step(
        "", "Σ_k q_k log μ*_k + (1 - q_k) log(1 - μ*_k)", total(q * log(mu_star) + (1 - q) * log(1 - mu_star))
    )
    yield Step("=", "-KL(q || μ*) - H(q)", -KL(q, mu_star) - H(q), "add and subtract log q")
    yield Step(
        "=",
        "Σ_k q_k log μ*_k/(1 - μ*_k) + log(1 - μ*_k)",
        total(q * log(mu_star / (1 - mu_star)) + log(1 - mu_star)),
        "linear in q: the gradient is logit μ*, wherever q is",
    )
    yield Step(
        "<=",
        "its value at q = [μ* > 1/2]",
        total(rounded * log(mu_star) + (1 - rounded) * log(1 - mu_star)),
        "a linear function is largest at a corner",
    )
    yield Step("=", "Σ_k log max(μ*_k, 1 - μ*_k)", total(log(larger)), "the nearer corner")
    yield Step(
        ">=",
        "-H(μ*), its value at q = μ*",
        total(mu_star * log(mu_star) + (1 - mu_star) * log(1 - mu_star)),
        "which is no maximum",
    )
    yield Step(
        ">=",
        "its value at q = [μ* < 1/2]",
        total((1 - rounded) * log(mu_star) + rounded * log(1 - mu_star)),
        "minimised, it leads to the opposite corner",
    )
    yield Step("=", "Σ_k log min(μ*_k, 1 - μ*_k)", total(log(smaller)), "the farther corner")


@derivation(
    "auxiliary.swapped-order",
    title="the other order has its maximum at the solution",
    statement="Σ_k μ*_k log q_k + (1 - μ*_k) log(1 - q_k) = -KL(μ* || q) - H(μ*) ≤ -H(μ*), reached at q = μ*",
    source=f"{MINKA}; Hinton et al. 1995, Science 268, eq. 5; D0 Eq 5",
    system="S0",
    models=auxiliaries,
)
def swapped_order(q, mu_star, KL, H):
    """A log likelihood of q, to be maximised; the cost to be minimised is its negative."""
    yield Step(
        "", "Σ_k μ*_k log q_k + (1 - μ*_k) log(1 - q_k)", total(mu_star * log(q) + (1 - mu_star) * log(1 - q))
    )
    yield Step("=", "-KL(μ* || q) - H(μ*)", -KL(mu_star, q) - H(mu_star), "add and subtract log μ*")
    yield Step("<=", "-H(μ*)", -H(mu_star), "a divergence is never negative")
    yield Step(
        "=",
        "its value at q = μ*",
        total(mu_star * log(mu_star) + (1 - mu_star) * log(1 - mu_star)),
        "the divergence vanishes there",
    )


@derivation(
    "auxiliary.swapped-gradient",
    title="the gradient of the other order in the network's logits is solution less output",
    statement="∂/∂a_k [μ*_k log σ(a_k) + (1 - μ*_k) log(1 - σ(a_k))] = μ*_k - σ(a_k)",
    source="Hinton et al. 1995, Science 268, eq. 5; D0 Eq 5",
    system="S0",
    models=auxiliaries,
)
def swapped_gradient(nabla_logits, mu_star, q, KL):
    """The delta rule of the sleep phase with μ* as target; it vanishes at q = μ* only."""
    yield Step(
        "",
        "∇_a Σ_k μ*_k log q_k + (1 - μ*_k) log(1 - q_k)",
        nabla_logits(lambda q: total(mu_star * log(q) + (1 - mu_star) * log(1 - q))),
    )
    yield Step("=", "-∇_a KL(μ* || q)", -nabla_logits(lambda q: KL(mu_star, q)), "H(μ*) does not depend on a")
    yield Step(
        "=",
        "q_k (1 - q_k) [μ*_k/q_k - (1 - μ*_k)/(1 - q_k)]",
        q * (1 - q) * (mu_star / q - (1 - mu_star) / (1 - q)),
        "dσ/da = σ (1 - σ)",
    )
    yield Step("=", "μ*_k - q_k", mu_star - q, "expand")


@derivation(
    "auxiliary.with-entropy",
    title="the printed order with the entropy added has the right maximum too",
    statement="Σ_k q_k log μ*_k + (1 - q_k) log(1 - μ*_k) + H(q) = -KL(q || μ*) ≤ 0, reached at q = μ*",
    source=f"{MINKA}; D0 Eq 5",
    system="S0",
    models=auxiliaries,
)
def with_entropy(q, mu_star, KL, H, rounded, larger):
    """The exclusive divergence where the other order is the inclusive one; both vanish at q = μ*."""
    yield Step(
        "",
        "Σ_k q_k log μ*_k + (1 - q_k) log(1 - μ*_k) + H(q)",
        total(q * log(mu_star) + (1 - q) * log(1 - mu_star)) + H(q),
    )
    yield Step("=", "-KL(q || μ*)", -KL(q, mu_star), "collect the logarithms")
    yield Step("<=", "0", number(0.0), "a divergence is never negative")
    yield Step(
        "=",
        "its value at q = μ*",
        total(mu_star * log(mu_star) + (1 - mu_star) * log(1 - mu_star)) + H(mu_star),
        "reached at the solution",
    )
    yield Step(
        ">=",
        "its value at q = [μ* > 1/2]",
        total(rounded * log(mu_star) + (1 - rounded) * log(1 - mu_star)),
        "where the printed order alone is largest; the entropy of a corner is 0",
    )
    yield Step("=", "Σ_k log max(μ*_k, 1 - μ*_k)", total(log(larger)), "the nearer corner")


@derivation(
    "auxiliary.with-entropy-gradient",
    title="the gradient of the printed order with the entropy added",
    statement="∂/∂a_k [C_q + H(q)] = q_k (1 - q_k) (logit μ*_k - a_k); without the entropy q_k (1 - q_k) logit μ*_k",
    source="D0 Eq 5",
    system="S0",
    models=auxiliaries,
)
def with_entropy_gradient(nabla_logits, mu_star, KL, H, q, nabla_q):
    """Its factor q (1 - q) stalls a network that is sure and wrong; the other order has no such factor."""
    yield Step("", "-∇_a KL(q || μ*)", -nabla_logits(lambda q: KL(q, mu_star)))
    yield Step(
        "=",
        "∇_a [Σ_k q_k log μ*_k + (1 - q_k) log(1 - μ*_k)] + ∇_a H(q)",
        nabla_logits(lambda q: total(q * log(mu_star) + (1 - q) * log(1 - mu_star))) + nabla_logits(H),
        "auxiliary.with-entropy",
    )
    yield Step(
        "=",
        "q_k (1 - q_k) [∂C_q/∂q_k + ∂H/∂q_k]",
        q * (1 - q) * (nabla_q(lambda q: total(q * log(mu_star) + (1 - q) * log(1 - mu_star))) + nabla_q(H)),
        "dσ/da = σ (1 - σ)",
    )
    yield Step(
        "=",
        "q_k (1 - q_k) (logit μ*_k - logit q_k)",
        q * (1 - q) * (log(mu_star / (1 - mu_star)) - log(q / (1 - q))),
        "the entropy's derivative is -logit",
    )
