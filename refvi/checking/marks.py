"""`implements`: the mark that ties a function to a spec."""

import functools
import inspect
from typing import NamedTuple

from refvi.errors import UsageError
from refvi.specs import conventions as conv
from refvi.specs import get_spec

MARK = "__refvi_implements__"


class Mark(NamedTuple):
    """What a function claims to be: the spec's id, the mistake it is expected to make, the declared conventions."""

    spec_id: str
    expect: str | None
    conventions: dict


def implements(spec_id, *, expect=None, **conventions):
    """Mark a function as an implementation of a spec.

    spec_id       e.g. "kl.normal_standard"; `refvi list` names them all
    expect        slug of a mistake that this function is known to make: caught and named so is a pass
    conventions   declared differences that are not mistakes, e.g. scale="log_var", sign="negative", batch="mean"

    Errors: `UsageError` for an unknown spec, mistake, convention or option, with a did-you-mean.
    """
    spec = get_spec(spec_id)
    check_conventions(spec, conventions)
    if expect is not None and expect not in spec.mistakes:
        raise UsageError(
            f"expect must name a mistake of {spec_id} ({', '.join(spec.mistakes) or 'it has none'}), got {expect!r}"
        )
    mark = Mark(spec_id, expect, conventions)

    def decorate(function):
        try:
            setattr(function, MARK, mark)
        except (AttributeError, TypeError):
            inner = function
            function = functools.wraps(inner)(lambda *a, **k: inner(*a, **k))
            setattr(function, MARK, mark)
        return function

    return decorate


def check_conventions(spec, declared):
    """Raise `UsageError` unless every declared convention and option is one that the spec admits."""
    for name, option in declared.items():
        if name not in spec.conventions:
            admitted = ", ".join(spec.conventions) or "none"
            raise UsageError(f"conventions of {spec.id} must be among {admitted}, got {name!r}")
        if option not in conv.OPTIONS[name]:
            raise UsageError(f"{name} must be one of {', '.join(conv.OPTIONS[name])}, got {option!r}")


def mark_of(function):
    """The mark of a function, or None."""
    return getattr(function, MARK, None)


def marked_functions(namespace):
    """The marked functions of a module's namespace, each once, in order of definition."""
    seen, found = set(), []
    for name, thing in namespace.items():
        if (
            mark_of(thing) is not None
            and callable(thing)
            and not inspect.isclass(thing)
            and id(thing) not in seen
        ):
            seen.add(id(thing))
            found.append((name, thing))
    return found
