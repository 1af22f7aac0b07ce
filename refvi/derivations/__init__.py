"""Derivations that are computed line by line, and the ledger of the source documents' claims.

    names()            every derivation
    run(name, seed)    walk one over small models -> Result
    render(result)     its printed form
    ledger.rows()      every claim with the verdict that a computation gives

A chain is a file in `chains`, a document a file in `sources`: whatever lies there is found.
"""

import difflib
import importlib
import pkgutil

from refvi import files
from refvi.derivations.chain import REGISTERED, Step, check, derivation, small_models
from refvi.derivations.render import render
from refvi.errors import UsageError


def all_derivations():
    """Name -> Derivation, every file of `chains` imported."""
    return _derivations_of(_files())


def find(name):
    """The derivation of a name, or None; of all files only those that mention it are imported, where one holds it."""
    found = _derivations_of(files.mentioning("derivations/chains", _files(), name))
    return found.get(name) or all_derivations().get(name)


def _files():
    from refvi.derivations import chains

    return sorted(module.name for module in pkgutil.iter_modules(chains.__path__))


def _derivations_of(modules):
    for name in modules:
        importlib.import_module(f"refvi.derivations.chains.{name}")
    return dict(sorted(REGISTERED.items(), key=lambda item: item[1].chain.__module__))


def names():
    """Names of every derivation, in the order of their files."""
    return list(all_derivations())


def get(name):
    """The derivation of a name; a typo gets a did-you-mean."""
    found = find(name)
    if found is None:
        near = difflib.get_close_matches(str(name), all_derivations(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "; `refvi list derivations` names them all"
        raise UsageError(f"NAME must be a derivation, got {name!r}{hint}")
    return found


def run(name, seed=0, models=20):
    """Check a derivation on `models` small models drawn from `seed`; the first one is shown."""
    if not (isinstance(models, int) and models >= 1):
        raise UsageError(f"models must be an integer of at least 1, got {models!r}")
    if not (isinstance(seed, int) and seed >= 0):
        raise UsageError(f"seed must be an integer of at least 0, got {seed!r}")
    chosen = get(name)
    return check(chosen, small_models(chosen, seed, models))


__all__ = ["Step", "all_derivations", "check", "derivation", "get", "names", "render", "run"]
