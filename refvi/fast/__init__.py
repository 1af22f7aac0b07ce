"""Exact answers at sizes that a plain sum cannot reach.

The few places of refvi where cleverness pays. Each has a plain twin elsewhere and a law that holds it to the twin;
nothing here defines a quantity. The functions below need NumPy alone for small models and load Numba for large ones.

A sigmoid belief network with K hidden and D visible units has 2^K states of D factors each. The plan: cut a state
into two halves, so that a factor is a sum of two table entries (`layout`, `tables`, `doubling`); bound every product
before it is formed (`ranges`) and take the fastest arithmetic that is right: `narrow` and `batch`, `wide` with
integer exponents, or `log_domain`. Gradients and posterior means come from sums over half states (`quotients`,
`marginals`, `folding`, `sums_by_bit`). `multiplicative*` put the pieces together, `shards` spreads them over
machines, `cuda_evidence` and `tensor_pairs` move the products to a device.

The same products serve other models: priors of two arbitrary tables (`half_priors`), a second hidden layer (`nested`),
mixtures (`network_mixture`). The same half tables serve gradients from samples: `estimator_samples`, whose random numbers
are those of `philox_lanes` and `alias`, and `estimator_counts`, whose cost samples do not raise.

Autoencoders step in batches: `batched_vae`, as matrix products with gradients by hand.
"""

from refvi.fast.batched_vae import Step, elbo_step, iwae_step
from refvi.fast.estimator_counts import draw_counts, elbo_gradient_from_counts, estimator_table
from refvi.fast.estimator_samples import (
    SampledGradient,
    drawn_states,
    elbo_gradient_of_states,
    elbo_gradient_samples,
)
from refvi.fast.evidence import log_evidence, log_joint_table
from refvi.fast.gradient import EvidenceGradient, log_evidence_gradient, posterior_means
from refvi.fast.half_priors import HalfPosterior, half_posterior, log_evidence_of_halves
from refvi.fast.iwae_integral import iwae_bound, iwae_gap
from refvi.fast.nested import (
    NestedGradient,
    log_evidence_by_prior,
    nested_log_evidence,
    nested_log_evidence_gradient,
)
from refvi.fast.network_mixture import (
    MixtureGradient,
    mixture_log_evidence,
    mixture_log_evidence_gradient,
)
from refvi.fast.pairs import posterior_pair_moments
from refvi.fast.score_moments import leave_one_out_moments, log_q_table, score_function_moments
from refvi.fast.shards import sharded_log_evidence, sharded_log_evidence_gradient

__all__ = [
    "EvidenceGradient",
    "HalfPosterior",
    "MixtureGradient",
    "NestedGradient",
    "SampledGradient",
    "Step",
    "draw_counts",
    "drawn_states",
    "elbo_gradient_from_counts",
    "elbo_gradient_of_states",
    "elbo_gradient_samples",
    "elbo_step",
    "estimator_table",
    "half_posterior",
    "iwae_bound",
    "iwae_gap",
    "iwae_step",
    "leave_one_out_moments",
    "log_evidence",
    "log_evidence_by_prior",
    "log_evidence_gradient",
    "log_evidence_of_halves",
    "log_joint_table",
    "log_q_table",
    "mixture_log_evidence",
    "mixture_log_evidence_gradient",
    "nested_log_evidence",
    "nested_log_evidence_gradient",
    "posterior_means",
    "posterior_pair_moments",
    "score_function_moments",
    "sharded_log_evidence",
    "sharded_log_evidence_gradient",
]
