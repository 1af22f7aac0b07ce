"""Exact answers at sizes that a plain sum cannot reach.

The few places of refvi where cleverness pays. Each has a plain twin elsewhere and a law that holds it to the twin;
nothing here defines a quantity. The functions below need NumPy alone for small models and load Numba for large ones.

A sigmoid belief network with K hidden and D visible units has 2^K states of D factors each. The plan: cut a state
into two halves, so that a factor is a sum of two table entries (`layout`, `tables`, `doubling`); bound every product
before it is formed (`ranges`) and take the fastest arithmetic that is right: `narrow` and `batch`, `wide` with
integer exponents, or `log_domain`. Gradients and posterior means come from sums over half states (`quotients`,
`marginals`, `folding`, `sums_by_bit`). `multiplicative*` put the pieces together, `shards` spreads them over
machines, `cuda_evidence` moves the products to a device.
"""

from refvi.fast.evidence import log_evidence, log_joint_table
from refvi.fast.gradient import EvidenceGradient, log_evidence_gradient, posterior_means
from refvi.fast.iwae_integral import iwae_bound, iwae_gap
from refvi.fast.pairs import posterior_pair_moments
from refvi.fast.score_moments import leave_one_out_moments, log_q_table, score_function_moments
from refvi.fast.shards import sharded_log_evidence, sharded_log_evidence_gradient

__all__ = [
    "EvidenceGradient",
    "iwae_bound",
    "iwae_gap",
    "leave_one_out_moments",
    "log_evidence",
    "log_evidence_gradient",
    "log_joint_table",
    "log_q_table",
    "posterior_means",
    "posterior_pair_moments",
    "score_function_moments",
    "sharded_log_evidence",
    "sharded_log_evidence_gradient",
]
