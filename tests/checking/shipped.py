"""The implementations that ship with the project, imported as a check of a folder would import them."""

import importlib.util
import pathlib
import sys

from refvi.checking.marks import marked_functions

FOLDER = pathlib.Path(__file__).parents[2] / "validation" / "implementations"


def load(stem):
    """The module of one file."""
    name = f"shipped_{stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{stem}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def functions(*stems):
    """(file::function, function) of every marked function of some files."""
    return [(f"{stem}::{name}", f) for stem in stems for name, f in marked_functions(vars(load(stem)))]
