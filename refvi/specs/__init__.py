"""Specs by id. A file is imported when one of its specs is asked for; none of them imports numba."""

import difflib
import functools
import importlib

from refvi import files
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
    "held_out",
    "iwae_dreg",
    "sbn_gradient",
    "wake_sleep",
    "wake_sleep_phases",
    "mcmc",
    "hamiltonian",
    "leapfrog",
    "effective_sample_size",
    "split_r_hat",
    "discrete_vae",
    "discrete_vae_surrogate",
    "discrete_vae_auxiliary",
)


@functools.cache
def all_specs():
    """Every spec by id, in the order of the files."""
    return _specs_of(FILES)


def find_spec(spec_id):
    """The spec of this id, or None; of all files only those that mention it are imported, where one of them holds it."""
    found = _specs_of(files.mentioning("specs", FILES, spec_id))
    return found.get(spec_id) or all_specs().get(spec_id)


def _specs_of(names):
    found = {}
    for name in names:
        for thing in vars(importlib.import_module(f"refvi.specs.{name}")).values():
            if isinstance(thing, Spec):
                found[thing.id] = thing
    return found


def get_spec(spec_id):
    """The spec of this id; a typo gets a did-you-mean."""
    found = find_spec(spec_id) if isinstance(spec_id, str) else None
    if found is not None:
        return found
    near = difflib.get_close_matches(str(spec_id), all_specs(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "`refvi list` names them all"
    raise UsageError(f"spec must be a known id, got {spec_id!r}; {hint}")


__all__ = ["Input", "Mistake", "Spec", "all_specs", "find_spec", "get_spec"]
