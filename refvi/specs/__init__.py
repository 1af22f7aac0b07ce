"""Specs by id. Files are read when the first one is asked for; none of them imports numba."""

import difflib
import functools
import importlib

from refvi.errors import UsageError
from refvi.specs.spec import Input, Mistake, Spec

FILES = (
    "kl",
    "kl_full",
    "kl_discrete",
    "density",
    "density_discrete",
    "density_grey",
    "elbo",
    "elbo_beta",
    "elbo_vae",
    "elbo_sampled",
    "elbo_minibatch",
    "iwae",
    "iwae_gradient",
    "score",
    "pathwise",
    "sbn",
    "sbn_elbo",
    "mixtures",
    "gmm",
    "gmm_em",
    "hidden_markov",
    "hidden_markov_messages",
    "hidden_markov_paths",
    "em",
    "svi",
    "iwae_dreg",
    "sbn_gradient",
    "mcmc",
    "hamiltonian",
    "leapfrog",
    "effective_sample_size",
    "split_r_hat",
)


@functools.cache
def all_specs():
    """Every spec by id, in the order of the files."""
    found = {}
    for name in FILES:
        for thing in vars(importlib.import_module(f"refvi.specs.{name}")).values():
            if isinstance(thing, Spec):
                found[thing.id] = thing
    return found


def get_spec(spec_id):
    """The spec of this id; a typo gets a did-you-mean."""
    specs = all_specs()
    if not isinstance(spec_id, str) or spec_id not in specs:
        near = difflib.get_close_matches(str(spec_id), specs, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "`refvi list` names them all"
        raise UsageError(f"spec must be a known id, got {spec_id!r}; {hint}")
    return specs[spec_id]


__all__ = ["Input", "Mistake", "Spec", "all_specs", "get_spec"]
