"""When the importance-weighted bound reaches the log evidence: q must cover the posterior, nothing else."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.covers import missing, narrow
from refvi.derivations.numbers import log, total

BURDA = "Burda et al. 2016, arXiv:1509.00519v4"


@derivation(
    "iwae.converges-unbounded",
    title="the bound converges though the weights are unbounded",
    statement="q = N(0,s²) narrower than p(z|x) = N(0,1): w unbounded, yet L_k → log p(x)",
    source=f"{BURDA}, Theorem 1 (bounded weights suffice); D2 1.1.5 (claims that they are needed)",
    system="S3",
    models=narrow,
)
def converges_unbounded(bound, evidence, k):
    """The law of large numbers needs E_q w = p(x) and no more; a fourth moment makes the distance fall like 1/k."""
    ks = (1024, 2048, 4096)
    yield Step("", "L_k for k = 1024, 2048, 4096", [bound(k) for k in ks])
    yield Step("->", "log p(x)", log(evidence), "E_q w = p(x), E_q w⁴ < ∞", ks, 1.0)
    yield Step(">=", "L_{k+1}", bound(k + 1), "every L_k is a lower bound")
    yield Step(">=", "L_k", bound(k), "iwae.monotone-in-k")


@derivation(
    "iwae.limit-missing",
    title="where q misses part of the posterior the bound stops short",
    statement="q(z) = 0 at some z with p(x,z) > 0: lim L_k = log Σ_{q>0} p(x,z) ≤ log p(x)",
    source=f"{BURDA}, Theorem 1, without its condition on q; D2 1.1.5",
    system="S3",
    models=missing,
)
def limit_missing(limit, q, joint, prior, likelihood, evidence):
    """No draw ever comes from the missing states; the mean of the weights is what q can reach."""
    drawn = slice(0, -1)
    yield Step("", "lim L_k", limit)
    yield Step(
        "=",
        "log Σ_{q>0} q w",
        log(total(q[drawn] * (joint[drawn] / q[drawn]))),
        "the law of large numbers; the weights that q draws are bounded",
    )
    yield Step("=", "log Σ_{q>0} p(x,z)", log(total(prior[drawn] * likelihood[drawn])), "q cancels")
    yield Step("<=", "log p(x)", log(evidence), "states with q = 0 are left out")
