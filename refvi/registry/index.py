"""The names that `refvi list` prints, remembered between calls so that a list need not import what it lists.

What is remembered holds for one state of the source files; any other state is gathered anew. A remembered list that
cannot be read, or a place that cannot be written, costs time and nothing else.
"""

import contextlib
import json
import os

from refvi import files
from refvi.targets.cache import home

KEYS = {"name", "kind", "system", "says"}


def names():
    """Every name with its kind, system and one line: specs, registered objects, derivations.

    Checked by  tests/registry/test_index.py
    """
    stamp, path = files.stamp(), home() / "names.json"
    rows = _recall(path, stamp)
    if rows is None:
        rows = gather()
        if stamp is not None:
            _remember(path, stamp, rows)
    return rows


def gather():
    """The same from the objects themselves."""
    import inspect

    from refvi import derivations
    from refvi.registry import entries
    from refvi.specs import all_specs

    def row(name, kind, system, says):
        return {"name": name, "kind": kind, "system": system, "says": says}

    def first_line(thing):
        return (inspect.getdoc(thing) or "").partition("\n")[0]

    return [
        *(row(s.id, "spec", "", s.says) for s in all_specs().values()),
        *(row(e.name, e.kind, e.system, first_line(e.thing)) for e in entries()),
        *(row(d.id, "derivation", d.system, d.title) for d in derivations.all_derivations().values()),
    ]


def _recall(path, stamp):
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if stamp is None or kept["stamp"] != stamp or not all(row.keys() == KEYS for row in kept["rows"]):
            return None
        return kept["rows"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _remember(path, stamp, rows):
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"names-{os.getpid()}.json")
        fresh.write_text(json.dumps({"stamp": stamp, "rows": rows}), encoding="utf-8")
        os.replace(fresh, path)
