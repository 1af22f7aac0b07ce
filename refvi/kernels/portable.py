"""The one marker: `@portable` says that a function stays inside the kernel grammar and may be compiled.

A marked function stays the plain Python function it was: steppable, counted by coverage, callable from anywhere.
Compilers learn of it through `register_all`, which makes it known to Numba with `numba.extending.register_jitable`
(for `njit` and, through numba-cuda, for device code too).

Marking must not import numba: `import refvi` and the commands that only read take 0.15 s without it, and numba
alone costs another 0.25 s. So the marker only remembers, and `register_all` runs when a compiler comes into
play: the targets `cpu` and `cuda` call it, and numba itself calls it before its first compilation, because the
package names it as an entry point of the group `numba_extensions`. Any `numba.njit` function of a user can
therefore call a kernel of refvi without further words. Functions marked after that are registered at once.

Not `numba.cuda.extending.register_jitable`: that one serves device code and breaks `njit`.
"""

import time

LOADED = (
    time.time()
)  # every kernel's source is read about now; the compile cache asks whether it changed later

_marked: list = []
_registered: set = set()
_state = {"compiler": False}


def portable(function):
    """Mark a function of the kernel grammar; it is returned unchanged."""
    function.__refvi_portable__ = True
    _marked.append(function)
    if _state["compiler"]:
        _register(function)
    return function


def is_portable(function):
    """Whether a function carries the mark."""
    return getattr(function, "__refvi_portable__", False)


def register_all():
    """Make every marked function known to Numba; later ones follow by themselves. Safe to call again."""
    _state["compiler"] = True
    for function in _marked:
        _register(function)


def marked():
    """All marked functions, in the order of their definition."""
    return tuple(_marked)


def _register(function):
    if function in _registered:
        return
    _registered.add(function)
    from numba.extending import register_jitable

    register_jitable(function)
