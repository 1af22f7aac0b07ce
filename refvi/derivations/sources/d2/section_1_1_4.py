"""D2 sections 1.1.4 and 1.1.5: the importance-weighted bound, its monotonicity, its limit."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.covers import covering_or_missing, unbounded_and_missing, wide
from refvi.derivations.models.subsets import subsets, subsets_of_some_law
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import mean, stack, total
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "eq-evidence-by-weights",
    "1.1.4",
    "log p(x) = log E_{z^i ~ q} [ 1/k Σ_{i≤k} p_θ(x,z_i)/q_φ(z_i|x) ]",
    models=subsets,
    derivation="iwae.below-evidence",
    system="S3",
)
def evidence_by_weights(evidence, E_draws, k, joint, q):
    return ln(evidence), ln(E_draws(k, lambda z: 1 / k * sum(joint[z[i]] / q[z[i]] for i in range(k))))


@D2.claim(
    "eq-jensen",
    "1.1.4",
    "log E [ 1/k Σ p_θ(x,z_i)/q_φ(z_i|x) ] ≥ E [ log 1/k Σ p_θ(x,z_i)/q_φ(z_i|x) ], attained at q = p_θ(z|x)",
    relation=">=",
    tight="at_posterior",
    models=subsets,
    derivation="iwae.below-evidence",
    system="S3",
)
def jensen(E_draws, k, w):
    return (
        ln(E_draws(k, lambda z: 1 / k * sum(w[z[i]] for i in range(k)))),
        E_draws(k, lambda z: ln(1 / k * sum(w[z[i]] for i in range(k)))),
    )


@D2.claim(
    "any-k",
    "1.1.4",
    "we have shown that log p(x) ≥ L_k(x) for any given k > 0 (here 1 to 4), attained at q = p_θ(z|x)",
    relation=">=",
    tight="at_posterior",
    models=subsets,
    derivation="iwae.below-evidence",
    system="S3",
)
def any_k(evidence, E_draws, w):
    return ln(evidence), stack(
        [E_draws(k, lambda z, k=k: ln(1 / k * sum(w[z[i]] for i in range(k)))) for k in (1, 2, 3, 4)]
    )


@D2.claim(
    "eq-subsets",
    "1.1.4",
    "E_{M={m_1..m_k}} [ (a_{m_1} + ... + a_{m_k}) / k ] = (a_1 + ... + a_{k+1}) / (k+1)",
    models=subsets_of_some_law,
    expected="depends",
    derivation="iwae.monotone-in-k",
    system="S3",
)
def subset_mean(E_M, a, k):
    return E_M(lambda m: sum(a[m[i]] for i in range(k)) / k), sum(a[i] for i in range(k + 1)) / (k + 1)


@subset_mean.when("every subset M of k elements is equally likely, which the text leaves out")
def _(is_uniform):
    return is_uniform


@D2.claim(
    "eq-next-bound",
    "1.1.4",
    "L_{k+1}(x) = E_{z^1..z^{k+1} ~ q} [ log 1/(k+1) Σ_{i≤k+1} p_θ(x,z_i)/q_φ(z^i|x) ] (left: by how often each state came)",
    models=subsets,
    derivation="iwae.monotone-in-k",
    system="S3",
)
def next_bound(E_counts, k, E_draws, joint, q):
    return E_counts(k + 1, ln), E_draws(
        k + 1, lambda z: ln(1 / (k + 1) * sum(joint[z[i]] / q[z[i]] for i in range(k + 1)))
    )


@D2.claim(
    "eq-mean-of-subsets",
    "1.1.4",
    "E_{z^1..z^{k+1}} [ log 1/(k+1) Σ_{i≤k+1} w(z_i) ] = E_{z^1..z^{k+1}} [ log E_{m^1..m^k} 1/k Σ_{j≤k} w(z_{m^i}) ], "
    "w = p_θ/q_φ (nothing of the summand depends on j; i is 1 here)",
    models=subsets,
    expected="misprint",
    derivation="iwae.monotone-in-k",
    system="S3",
)
def mean_of_subsets(E_next, k, w, E_M, i):
    return (
        E_next(lambda z: ln(mean(w[z]))),
        E_next(lambda z: ln(E_M(lambda m: 1 / k * sum(w[z[m[i]]] for j in range(k))))),
    )


@mean_of_subsets.corrected(
    "E_{z^1..z^{k+1}} [ log 1/(k+1) Σ_{i≤k+1} w(z_i) ] = E_{z^1..z^{k+1}} [ log E_{m_1..m_k} 1/k Σ_{j≤k} w(z_{m_j}) ]",
    slip="M = {m_1..m_k} is defined above, and the sum runs over j",
)
def _(E_next, k, w, E_M):
    return (
        E_next(lambda z: ln(mean(w[z]))),
        E_next(lambda z: ln(E_M(lambda m: 1 / k * sum(w[z[m[j]]] for j in range(k))))),
    )


@D2.claim(
    "eq-jensen-on-subsets",
    "1.1.4",
    "E_z [ log E_m 1/k Σ_{j≤k} w(z_{m^i}) ] ≥ E_z [ E_m [ log 1/k Σ_{j≤k} w(z_{m^i}) ] ] (true whatever the index means), "
    "attained at q = p_θ(z|x)",
    relation=">=",
    tight="at_posterior",
    models=subsets,
    derivation="iwae.monotone-in-k",
    system="S3",
)
def jensen_on_subsets(E_next, k, w, E_M, i):
    return (
        E_next(lambda z: ln(E_M(lambda m: 1 / k * sum(w[z[m[i]]] for j in range(k))))),
        E_next(lambda z: E_M(lambda m: ln(1 / k * sum(w[z[m[i]]] for j in range(k))))),
    )


@D2.claim(
    "eq-forget-subsets",
    "1.1.4",
    "E_{z^1..z^{k+1}} [ E_m [ log 1/k Σ_{j≤k} w(z_{m^i}) ] ] = E_{z^1..z^k} [ log 1/k Σ_{i≤k} w(z_i) ] "
    "(the left side as printed is L_1)",
    models=subsets,
    expected="misprint",
    derivation="iwae.monotone-in-k",
    system="S3",
)
def forget_subsets(E_next, E_draws, k, w, E_M, i):
    return (
        E_next(lambda z: E_M(lambda m: ln(1 / k * sum(w[z[m[i]]] for j in range(k))))),
        E_draws(k, lambda z: ln(mean(w[z]))),
    )


@forget_subsets.corrected(
    "E_{z^1..z^{k+1}} [ E_m [ log 1/k Σ_{j≤k} w(z_{m_j}) ] ] = E_{z^1..z^k} [ log 1/k Σ_{i≤k} w(z_i) ]",
    slip="M = {m_1..m_k} is defined above, and the sum runs over j",
)
def _(E_next, E_draws, k, w, E_M):
    return (
        E_next(lambda z: E_M(lambda m: ln(1 / k * sum(w[z[m[j]]] for j in range(k))))),
        E_draws(k, lambda z: ln(mean(w[z]))),
    )


@D2.claim(
    "eq-bound-again",
    "1.1.4",
    "E_{z^1..z^k ~ q} [ log 1/k Σ_{i≤k} p_θ(x,z_i)/q_φ(z^i|x) ] = L_k(x) (right: by how often each state came)",
    models=subsets,
    derivation="iwae.monotone-in-k",
    system="S3",
)
def bound_again(E_draws, k, joint, q, E_counts):
    return E_draws(k, lambda z: ln(1 / k * sum(joint[z[i]] / q[z[i]] for i in range(k)))), E_counts(k, ln)


@D2.claim(
    "eq-monotone",
    "1.1.4",
    "combining: log p(x) ≥ L_{k+1}(x) ≥ L_k(x) (the two gaps are not negative, and 0 at q = p_θ(z|x))",
    relation=">=",
    tight="at_posterior",
    models=subsets,
    derivation="iwae.monotone-in-k",
    system="S3",
)
def monotone(evidence, E_draws, k, w):
    more = E_draws(k + 1, lambda z: ln(mean(w[z])))
    return stack([ln(evidence), more]), stack([more, E_draws(k, lambda z: ln(mean(w[z])))])


@D2.claim(
    "eq-limit",
    "1.1.5",
    "L_k(x) → log p(x) as k → ∞",
    models=covering_or_missing,
    expected="depends",
    derivation="iwae.converges",
    system="S3",
)
def limit(limit, evidence):
    return limit, ln(evidence)


@limit.when("q_φ(z|x) > 0 wherever p_θ(z|x) > 0, the weights bounded or not")
def _(covers):
    return covers


@D2.claim(
    "bounded-suffices",
    "1.1.5",
    "where p_θ(x,z)/q_φ(z|x) is bounded (and q covers the posterior), L_k(x) → log p(x)",
    models=wide,
    derivation="iwae.converges",
    system="S3",
)
def bounded_suffices(limit, evidence):
    return limit, ln(evidence)


@D2.claim(
    "has-to-be-bounded",
    "1.1.5",
    "in order for L_k(x) → log p(x), p_θ(x,z)/q_φ(z|x) has to be bounded: where it is not, lim L_k(x) ≠ log p(x)",
    relation="!=",
    models=unbounded_and_missing,
    expected="wrong",
    derivation="iwae.converges-unbounded",
    system="S3",
)
def has_to_be_bounded(limit_unbounded, evidence_unbounded):
    return limit_unbounded, ln(evidence_unbounded)


@has_to_be_bounded.corrected(
    "q_φ(z|x) has to be positive wherever p_θ(x,z) is: where it is not, lim L_k(x) = log ∫_{q>0} p_θ(x,z) dz ≠ log p(x), "
    "though the weights that q draws are bounded"
)
def _(limit_missing, joint_missing, reached, evidence_missing):
    return stack([limit_missing, ln(total(joint_missing * reached))]), ln(evidence_missing)


@D2.claim(
    "eq-strict-limit",
    "1.1.5",
    "L_{k→∞}(x) < log p(x)",
    relation="!=",
    models=wide,
    expected="wrong",
    derivation="iwae.gap",
    system="S3",
)
def strict_limit(limit, evidence):
    return limit, ln(evidence)


@strict_limit.corrected("L_k(x) < log p(x) for every finite k, unless all weights are equal")
def _(bound, k, evidence):
    return bound(k), ln(evidence)
