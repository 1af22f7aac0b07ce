"""The evidence lower bound in its forms, on finite tables."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.choices import parametrised_tables
from refvi.derivations.models.tables import tables
from refvi.derivations.numbers import log

JORDAN = "Jordan et al. 1999, Machine Learning 37, section 6"
KINGMA = "Kingma and Welling 2014, arXiv:1312.6114v11"


@derivation(
    "elbo.identity",
    title="the log evidence is the ELBO and the divergence of q from the posterior",
    statement="log p(x) = KL(q(z|x) || p(z|x)) + L",
    source=f"{KINGMA}, eq. 1; D1 section 1; D2 1.1.1",
    system="S1",
    models=tables,
)
def elbo_identity(E, KL, q, joint, posterior, evidence):
    """Write log p(x) under q, then put q into the fraction."""
    yield Step("", "log p(x)", log(evidence))
    yield Step("=", "E_q log p(x)", E(log(evidence)), "q(z|x) sums to 1, and p(x) does not depend on z")
    yield Step("=", "E_q log p(x,z)/p(z|x)", E(log(joint / posterior)), "p(x,z) = p(z|x) p(x)")
    yield Step(
        "=",
        "E_q log q(z|x)/p(z|x) + E_q log p(x,z)/q(z|x)",
        E(log(q / posterior)) + E(log(joint / q)),
        "multiply and divide by q(z|x)",
    )
    yield Step("=", "KL(q || p(z|x)) + L", KL(q, posterior) + E(log(joint / q)), "the names of the two terms")
    yield Step(">=", "L", E(log(joint / q)), "a divergence is never negative")


@derivation(
    "elbo.jensen",
    title="the ELBO bounds the log evidence, by Jensen",
    statement="log p(x) ≥ E_q log p(x,z)/q(z|x) = L",
    source=f"{JORDAN}; D0 eq. 3",
    system="S1",
    models=tables,
)
def elbo_jensen(E, total, q, joint, evidence):
    """Write the sum over z as an expectation under q, and move the logarithm inside."""
    yield Step("", "log p(x)", log(evidence))
    yield Step("=", "log Σ_z p(x,z)", log(total(joint)), "marginalisation")
    yield Step("=", "log E_q p(x,z)/q(z|x)", log(E(joint / q)), "multiply and divide by q(z|x) > 0")
    yield Step(">=", "E_q log p(x,z)/q(z|x)", E(log(joint / q)), "Jensen: log is concave")


@derivation(
    "elbo.forms",
    title="the ELBO in its three forms",
    statement="L = E_q log p(x,z) + H[q] = -KL(q(z|x) || p(z)) + E_q log p(x|z)",
    source=f"{KINGMA}, eqs. 2 and 3; D1 section 1; D4",
    system="S1",
    models=tables,
)
def elbo_forms(E, KL, q, prior, likelihood, joint):
    """Split the logarithm in the two possible places."""
    yield Step("", "L = E_q log p(x,z)/q(z|x)", E(log(joint / q)))
    yield Step("=", "E_q [-log q(z|x) + log p(x,z)]", E(-log(q) + log(joint)), "log of a fraction")
    yield Step("=", "E_q log p(x,z) + H[q]", E(log(joint)) + E(-log(q)), "H[q] = -E_q log q")
    yield Step(
        "=",
        "E_q [-log q(z|x) + log p(z) + log p(x|z)]",
        E(-log(q) + log(prior) + log(likelihood)),
        "p(x,z) = p(z) p(x|z)",
    )
    yield Step(
        "=", "-KL(q || p(z)) + E_q log p(x|z)", -KL(q, prior) + E(log(likelihood)), "collect log q/p(z)"
    )


@derivation(
    "kl.not-negative",
    title="a divergence is never negative",
    statement="KL(q || p) ≥ 0, with equality where q = p",
    source="Kullback and Leibler 1951, Ann. Math. Stat. 22, lemma 3.1",
    system="S1",
    models=tables,
)
def kl_not_negative(E, KL, q, posterior, total):
    """The bound log t ≤ t - 1, weighted by q."""
    yield Step("", "KL(q || p)", KL(q, posterior))
    yield Step("=", "-E_q log p/q", -E(log(posterior / q)), "log of the inverse")
    yield Step(">=", "E_q [1 - p/q]", E(1 - posterior / q), "log t ≤ t - 1, with equality only at t = 1")
    yield Step("=", "Σ_z q - Σ_z p", total(q) - total(posterior), "q cancels")
    yield Step("=", "0", 0.0, "both sum to 1")


@derivation(
    "evidence.fisher",
    title="the gradient of the log evidence is the posterior mean of the gradient of the log joint",
    statement="∇_θ log p(x) = E_{p(z|x)} ∇_θ log p(x,z)",
    source="Fisher 1925, Proc. Camb. Phil. Soc. 22; Cappé et al. 2005, Inference in Hidden Markov Models, eq. 10.10; D4",
    system="S5",
    models=parametrised_tables,
)
def fisher(nabla_theta, log_evidence_at, total, joint, evidence, posterior, grad_log_joint):
    """Differentiate the sum over z, and write ∇p as p ∇ log p."""
    yield Step("", "∇_θ log p(x)", nabla_theta(log_evidence_at))
    yield Step(
        "=",
        "Σ_z p(x,z) ∇_θ log p(x,z) / p(x)",
        total(joint * grad_log_joint) / evidence,
        "derivative of log, finite sum, ∇p = p ∇ log p",
    )
    yield Step("=", "Σ_z p(z|x) ∇_θ log p(x,z)", total(posterior * grad_log_joint), "p(z|x) = p(x,z) / p(x)")
