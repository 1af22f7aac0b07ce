"""refvi: the reference that implementations of variational inference are checked against.

    implements(spec_id, ...)   mark a function as an implementation of a spec
    check(function)            compare it with the reference and name its mistake
    get_spec(spec_id)          a spec with its reference and its mistakes

The command line (`refvi --help`) lists, shows, checks, verifies and derives.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "implements": "refvi.checking.marks",
    "check": "refvi.checking.check",
    "Report": "refvi.checking.report",
    "get_spec": "refvi.specs",
    "RefviError": "refvi.errors",
    "UsageError": "refvi.errors",
    "TargetUnavailable": "refvi.errors",
    "CheckFailed": "refvi.errors",
    "LawViolation": "refvi.errors",
}


def __getattr__(name):
    """Public names arrive on first use, so that `import refvi` costs nothing."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'refvi' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOMES])


__all__ = [*_HOMES, "__version__"]
