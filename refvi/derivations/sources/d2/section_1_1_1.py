"""D2 section 1.1.1: the log evidence is the bound and a divergence."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.tables import tables
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "eq-evidence-under-q",
    "1.1.1",
    "log P(x) = ∫ q_φ(z|x) log p_θ(x) dz",
    models=tables,
    derivation="elbo.identity",
)
def evidence_under_q(evidence, total, q):
    return ln(evidence), total(q * ln(evidence))


@D2.claim(
    "eq-bayes",
    "1.1.1",
    "∫ q_φ(z|x) log p_θ(x) dz = ∫ q_φ(z|x) log p_θ(x,z)/p_θ(z|x)",
    models=tables,
    derivation="elbo.identity",
)
def bayes(total, q, evidence, joint, posterior):
    return total(q * ln(evidence)), total(q * ln(joint / posterior))


@D2.claim(
    "eq-insert-q",
    "1.1.1",
    "∫ q_φ(z|x) log p_θ(x,z)/p_θ(z|x) = ∫ q_φ(z|x) log [p_θ(x|z)/p_θ(z|x)] [p_θ(x,z)/q_φ(z|x)]",
    models=tables,
    expected="misprint",
    derivation="elbo.identity",
)
def insert_q(total, q, joint, posterior, likelihood):
    return total(q * ln(joint / posterior)), total(q * ln(likelihood / posterior * (joint / q)))


@insert_q.corrected(
    "∫ q_φ(z|x) log p_θ(x,z)/p_θ(z|x) = ∫ q_φ(z|x) log [q_φ(z|x)/p_θ(z|x)] [p_θ(x,z)/q_φ(z|x)]",
    slip="the next line has log q_φ(z|x)/p_θ(z|x)",
)
def _(total, q, joint, posterior):
    return total(q * ln(joint / posterior)), total(q * ln(q / posterior * (joint / q)))


@D2.claim(
    "eq-split",
    "1.1.1",
    "∫ q_φ(z|x) log [p_θ(x|z)/p_θ(z|x)] [p_θ(x,z)/q_φ(z|x)] = "
    "∫ q_φ(z|x) log q_φ(z|x)/p_θ(z|x) + ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x)",
    models=tables,
    expected="misprint",
    derivation="elbo.identity",
)
def split(total, q, likelihood, posterior, joint):
    return (
        total(q * ln(likelihood / posterior * (joint / q))),
        total(q * ln(q / posterior)) + total(q * ln(joint / q)),
    )


@split.corrected(
    "∫ q_φ(z|x) log [q_φ(z|x)/p_θ(z|x)] [p_θ(x,z)/q_φ(z|x)] = "
    "∫ q_φ(z|x) log q_φ(z|x)/p_θ(z|x) + ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x)",
    slip="its own right side has log q_φ(z|x)/p_θ(z|x)",
)
def _(total, q, posterior, joint):
    return (
        total(q * ln(q / posterior * (joint / q))),
        total(q * ln(q / posterior)) + total(q * ln(joint / q)),
    )


@D2.claim(
    "eq-divergence",
    "1.1.1",
    "∫ q log q_φ(z|x)/p_θ(z|x) + ∫ q log p_θ(x,z)/q_φ(z|x) = KL(q_φ(z|x)||p_θ(z|x)) + ∫ q log p_θ(x,z)/q_φ(z|x)",
    models=tables,
    derivation="elbo.identity",
)
def divergence(total, q, posterior, joint, KL):
    return (
        total(q * ln(q / posterior)) + total(q * ln(joint / q)),
        KL(q, posterior) + total(q * ln(joint / q)),
    )


@D2.claim(
    "eq-drop-divergence",
    "1.1.1",
    "KL(q_φ(z|x)||p_θ(z|x)) + ∫ q log p_θ(x,z)/q_φ(z|x) ≥ ∫ q log p_θ(x,z)/q_φ(z|x), attained at q = p_θ(z|x)",
    relation=">=",
    tight="at_posterior",
    models=tables,
    derivation="kl.not-negative",
)
def drop_divergence(KL, q, posterior, total, joint):
    return KL(q, posterior) + total(q * ln(joint / q)), total(q * ln(joint / q))


@D2.claim(
    "eq-bound-defined",
    "1.1.1",
    "∫ q log p_θ(x,z)/q_φ(z|x) := L(θ,φ;x), with log P(x) = KL(q_φ(z|x)||p_θ(z|x)) + L(θ,φ;x)",
    models=tables,
    derivation="elbo.identity",
)
def bound_defined(total, q, joint, evidence, KL, posterior):
    return total(q * ln(joint / q)), ln(evidence) - KL(q, posterior)
