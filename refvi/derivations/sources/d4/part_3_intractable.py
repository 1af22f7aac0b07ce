"""D4 on the intractable case: the evidence as bound and divergence, the bound of a data set."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.locals import local_mixtures
from refvi.derivations.models.surrogates import exact_or_not, surrogates
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d4.document import D4

SECTION = "Intractable case"


@D4.claim(
    "eq-vi-evidence",
    SECTION,
    "log p(x;θ) = ∫ q(z;λ) log p(x;θ) dz",
    models=surrogates,
    derivation="elbo.identity",
    system="S6",
)
def vi_evidence(evidence, q):
    return ln(evidence), total(q * ln(evidence))


@D4.claim(
    "eq-vi-bayes",
    SECTION,
    "∫ q(z;λ) log p(x;θ) dz = ∫ q(z;λ) log p(x,z;θ)/p(z|x;θ) dz",
    models=surrogates,
    derivation="elbo.identity",
    system="S6",
)
def vi_bayes(q, evidence, joint, posterior):
    return total(q * ln(evidence)), total(q * ln(joint / posterior))


@D4.claim(
    "eq-vi-insert",
    SECTION,
    "∫ q(z;λ) log p(x,z;θ)/p(z|x;θ) dz = ∫ q(z;λ) log p(x,z;θ)q(z;λ)/q(z;λ)p(z|x;λ)",
    models=surrogates,
    expected="misprint",
    derivation="elbo.identity",
    system="S6",
)
def vi_insert(q, joint, posterior, posterior_at, lam):
    return total(q * ln(joint / posterior)), total(q * ln(joint * q / (q * posterior_at(lam))))


@vi_insert.corrected(
    "∫ q(z;λ) log p(x,z;θ)/p(z|x;θ) dz = ∫ q(z;λ) log p(x,z;θ)q(z;λ)/q(z;λ)p(z|x;θ) dz",
    slip="its left side, and the E-step, have p(z|x;θ)",
)
def _(q, joint, posterior, posterior_at, theta):
    return total(q * ln(joint / posterior)), total(q * ln(joint * q / (q * posterior_at(theta))))


@D4.claim(
    "eq-vi-split",
    SECTION,
    "∫ q(z;λ) log p(x,z;θ)q(z;λ)/q(z;λ)p(z|x;λ) = "
    "∫ q(z;λ) log p(x,z;θ)/q(z;λ) dz + ∫ q(z;λ) log q(z;λ)/p(z|x;λ) dz (true of any p(z|x;·))",
    models=surrogates,
    derivation="elbo.identity",
    system="S6",
)
def vi_split(q, joint, posterior_at, lam):
    return (
        total(q * ln(joint * q / (q * posterior_at(lam)))),
        total(q * ln(joint / q)) + total(q * ln(q / posterior_at(lam))),
    )


@D4.claim(
    "eq-vi-divergence",
    SECTION,
    "∫ q log p(x,z;θ)/q(z;λ) dz + ∫ q log q(z;λ)/p(z|x;λ) dz = E_q log p(x,z;θ)/q(z;λ) + KL[q(z;λ)||p(z|x;λ)]",
    models=surrogates,
    derivation="elbo.identity",
    system="S6",
)
def vi_divergence(q, joint, posterior_at, lam, E, KL):
    return (
        total(q * ln(joint / q)) + total(q * ln(q / posterior_at(lam))),
        E(ln(joint / q)) + KL(q, posterior_at(lam)),
    )


@D4.claim(
    "eq-vi-elbo",
    SECTION,
    "E_q log p(x,z;θ)/q(z;λ) + KL[q(z;λ)||p(z|x;λ)] = ELBO(θ,λ;x) + KL[q(z;λ)||p(z|x;λ)], "
    "ELBO = log p(x;θ) - KL[q(z;λ)||p(z|x;θ)]",
    models=surrogates,
    derivation="elbo.identity",
    system="S6",
)
def vi_elbo(E, joint, q, KL, posterior_at, lam, elbo):
    return E(ln(joint / q)) + KL(q, posterior_at(lam)), elbo + KL(q, posterior_at(lam))


@D4.claim(
    "vi-identity",
    SECTION,
    "log p(x;θ) = ELBO(θ,λ;x) + KL[q(z;λ)||p(z|x;λ)]",
    models=surrogates,
    expected="misprint",
    derivation="elbo.identity",
    system="S6",
)
def vi_identity(evidence, E, joint, q, KL, posterior_at, lam):
    return ln(evidence), E(ln(joint / q)) + KL(q, posterior_at(lam))


@vi_identity.corrected(
    "log p(x;θ) = ELBO(θ,λ;x) + KL[q(z;λ)||p(z|x;θ)]",
    slip="the first two lines, and the E-step, have p(z|x;θ)",
)
def _(evidence, E, joint, q, KL, posterior_at, theta):
    return ln(evidence), E(ln(joint / q)) + KL(q, posterior_at(theta))


@D4.claim(
    "vi-bound",
    SECTION,
    "VI optimizes a lower bound on the log marginal likelihood: log p(x;θ) ≥ ELBO(θ,λ;x), attained at q = p(z|x;θ)",
    relation=">=",
    tight="at_posterior",
    models=surrogates,
    derivation="elbo.jensen",
    system="S6",
)
def vi_bound(evidence, E, joint, q):
    return ln(evidence), E(ln(joint / q))


@D4.claim(
    "eq-vi-strict",
    SECTION,
    "ELBO(θ,λ;x) + KL[q(z;λ)||p(z|x;·)] = log p(x;θ) > ELBO(θ,λ;x)",
    relation="!=",
    models=exact_or_not,
    expected="depends",
    derivation="elbo.jensen",
    system="S6",
)
def vi_strict(evidence, E, joint, q):
    return ln(evidence), E(ln(joint / q))


@vi_strict.when("q(z;λ) ≠ p(z|x;θ); EM lives where they are equal, so the sign is ≥")
def _(q_is_posterior):
    return not q_is_posterior


@D4.claim(
    "eq-aggregate-sum",
    SECTION,
    "the ELBO over the data set, E log p(x^(1:N),z^(1:N);θ)/Π_n q(z^(n);λ^(n)), is the sum of individual ELBOs, "
    "Σ_n E_{q(z;λ^(n))} log p(x^(n),z;θ)/q(z;λ^(n))",
    models=local_mixtures,
    derivation="variational.aggregate",
    system="S6",
)
def aggregate_sum(E_together, joint, q, N, E):
    return (
        E_together(lambda z: sum(ln(joint[n, z[n]] / q[n, z[n]]) for n in range(N))),
        total(E(ln(joint / q))),
    )


@D4.claim(
    "eq-aggregate-bound",
    SECTION,
    "Σ_n E_{q(z;λ^(n))} log p(x^(n),z;θ)/q(z;λ^(n)) ≤ log p(x^(1:N);θ), attained where every q(z;λ^(n)) = p(z|x^(n);θ)",
    relation="<=",
    tight="at_posterior",
    models=local_mixtures,
    derivation="variational.aggregate",
    system="S6",
)
def aggregate_bound(E, joint, q, likelihood_of_data, theta):
    return total(E(ln(joint / q))), ln(likelihood_of_data(theta))


@D4.claim(
    "lambda-count",
    SECTION,
    "λ = [λ^(1), ..., λ^(n)] are the parameters of ELBO(θ,λ;x^(1:N)) (n is the running index, here N - 1)",
    models=local_mixtures,
    expected="misprint",
    derivation="variational.aggregate",
    system="S6",
)
def lambda_count(elbo_at, theta, E, joint, q, n):
    return elbo_at(theta), sum(E(ln(joint / q))[m] for m in range(n))


@lambda_count.corrected(
    "λ = [λ^(1), ..., λ^(N)] are the parameters of ELBO(θ,λ;x^(1:N))",
    slip="the sum runs to N, one λ^(n) for each x^(n)",
)
def _(elbo_at, theta, E, joint, q, N):
    return elbo_at(theta), sum(E(ln(joint / q))[m] for m in range(N))
