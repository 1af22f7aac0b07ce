"""The two row types of the registry."""

from collections.abc import Callable
from typing import NamedTuple


class Entry(NamedTuple):
    """One object of one system.

    name     dotted name, e.g. "models.gaussian_vae"
    kind     kernel, model, family, objective, estimator or algorithm
    system   "S1" ... "S21", or "core" for what several systems share
    thing    the function or module; its docstring carries formula, shapes, source
    """

    name: str
    kind: str
    system: str
    thing: object


class Evidence(NamedTuple):
    """One law on one subject, runnable at any time.

    system     "S1" ... or "core"
    subject    the name of an `Entry`
    law        what must hold, in words
    tolerance  the tolerance and its reason, in words, e.g. "8 u S"
    run        run(quick, target) -> Outcome; target is "python", "cpu" or "cuda"
    targets    the targets on which `run` differs; ("python",) where no kernel is scheduled
    """

    system: str
    subject: str
    law: str
    tolerance: str
    run: Callable
    targets: tuple = ("python",)
