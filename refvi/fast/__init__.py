"""Exact answers at sizes that a plain sum cannot reach.

The few places of refvi where cleverness pays. Each has a plain twin elsewhere and a law that holds it to the twin;
nothing here defines a quantity. The functions below need NumPy alone for small models and load Numba for large ones.

A sigmoid belief network with K hidden and D visible units has 2^K states of D factors each. The plan: cut a state
into two halves, so that a factor is a sum of two table entries (`layout`, `tables`, `doubling`); bound every product
before it is formed (`ranges`) and take the fastest arithmetic that is right: `narrow` and `batch`, whose products of
eight rows never leave the registers (`octets`), `wide` with integer exponents, or `log_domain`. Small models are
multiplied in plain NumPy (`subset_products`, `plain_tables`). Gradients and posterior means come from sums over half
states (`quotients`, `marginals`, `folding`, `sums_by_bit`). `multiplicative*` put the pieces together, `shards` spreads
them over machines, `cuda_evidence` and `tensor_pairs` move the products to a device.

The same products serve other models: priors of two arbitrary tables (`half_priors`), a second hidden layer (`nested`),
mixtures (`network_mixture`). The same half tables serve gradients from samples: `estimator_samples`, whose random numbers
are those of `philox_lanes` and `alias`, and which counts samples where they outnumber states (`counted_samples`); and
`estimator_counts`, whose counts are drawn at once (`split_counts`) and whose cost samples hardly raise.

Autoencoders step in batches: `batched_vae`, as matrix products with gradients by hand.
"""

import importlib

_HOMES = {
    "Step": "batched_vae",
    "elbo_step": "batched_vae",
    "iwae_step": "batched_vae",
    "draw_counts": "estimator_counts",
    "elbo_gradient_from_counts": "estimator_counts",
    "estimator_table": "estimator_counts",
    "SampledGradient": "estimator_samples",
    "drawn_states": "estimator_samples",
    "elbo_gradient_of_states": "estimator_samples",
    "elbo_gradient_samples": "estimator_samples",
    "log_evidence": "evidence",
    "log_joint_table": "evidence",
    "EvidenceGradient": "gradient",
    "log_evidence_gradient": "gradient",
    "posterior_means": "gradient",
    "HalfPosterior": "half_priors",
    "half_posterior": "half_priors",
    "log_evidence_of_halves": "half_priors",
    "iwae_bound": "iwae_integral",
    "iwae_gap": "iwae_integral",
    "NestedGradient": "nested",
    "log_evidence_by_prior": "nested",
    "nested_log_evidence": "nested",
    "nested_log_evidence_gradient": "nested",
    "MixtureGradient": "network_mixture",
    "mixture_log_evidence": "network_mixture",
    "mixture_log_evidence_gradient": "network_mixture",
    "posterior_pair_moments": "pairs",
    "leave_one_out_moments": "score_moments",
    "log_q_table": "score_moments",
    "score_function_moments": "score_moments",
    "sharded_log_evidence": "shards",
    "sharded_log_evidence_gradient": "shards",
}


def __getattr__(name):
    """Public names arrive on first use: whoever starts a process for a small answer waits for no other."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOMES])


__all__ = [*_HOMES]
