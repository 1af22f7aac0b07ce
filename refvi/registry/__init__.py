"""Name -> object and its evidence; `refvi list`, `show`, `verify` and the tests walk this table."""

import importlib

from refvi.registry.entry import Entry, Evidence

SYSTEM_FILES = (
    "targets",
    "densities",
    "families",
    "gaussian_vae",
    "sigmoid_belief",
    "layered_belief",
    "wake_sleep",
    "iwae",
    "mixtures",
    "hidden_markov",
    "variational_em",
    "mcmc",
    "discrete_vae",
    "discrete_vae_steps",
    "gradient_refinement",
    "fast",
    "batched_vae",
)


def entries():
    """Every registered object, in the order of the systems."""
    return [
        entry for name in SYSTEM_FILES for entry in importlib.import_module(f"refvi.registry.{name}").ENTRIES
    ]


def evidence():
    """Every law that `refvi verify` runs, in the order of the systems."""
    return [
        row for name in SYSTEM_FILES for row in importlib.import_module(f"refvi.registry.{name}").EVIDENCE
    ]


__all__ = ["Entry", "Evidence", "entries", "evidence"]
