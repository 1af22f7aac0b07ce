"""How arrays go to somebody's function and come back: one adapter per framework, imported only when it is used.

An adapter has `call(function, inputs, wrt)`, which returns (result, gradients or None, the arrays that were handed over),
with gradients by the framework's own autodiff where the function returned only a value, `to_numpy(thing)`, and SHAPES,
how many sets of axis sizes its cases may have (None for any number).
"""

import importlib
import inspect

from refvi.errors import UsageError

NAMES = {
    "numpy": "refvi.checking.adapters.numpy_arrays",
    "torch": "refvi.checking.adapters.torch_arrays",
    "jax": "refvi.checking.adapters.jax_arrays",
}


def get_adapter(name, function=None):
    """The adapter of a framework; "auto" looks at the modules that the function's own module uses."""
    if name == "auto":
        name = _guess(function)
    if name not in NAMES:
        raise UsageError(f"framework must be one of auto, {', '.join(NAMES)}, got {name!r}")
    try:
        return importlib.import_module(NAMES[name])
    except ModuleNotFoundError as error:
        raise UsageError(
            f"framework {name!r} needs the package {error.name}, which is not installed"
        ) from None


def _guess(function):
    """The framework of the globals that the function itself uses, else of those that its module imports."""
    function = inspect.unwrap(function)
    used = getattr(function, "__globals__", {})
    named = {name: used[name] for name in _names(getattr(function, "__code__", None)) if name in used}
    for roots in (_roots(named), _roots(used)):
        for framework, members in {
            "torch": {"torch"},
            "jax": {"jax", "jaxlib"},
            "numpy": {"numpy", "scipy"},
        }.items():
            if roots & members:
                return framework
    return "numpy"


def _names(code):
    if code is None:
        return set()
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if inspect.iscode(c)))


def _roots(things):
    return {
        (getattr(thing, "__module__", None) or getattr(thing, "__name__", "")).split(".")[0]
        for thing in things.values()
        if inspect.ismodule(thing) or callable(thing)
    }
