"""`refvi show`: the vertical slice of one name, gathered on demand."""

import difflib
import inspect
from typing import NamedTuple

from refvi.errors import UsageError
from refvi.registry.index import names


class Shown(NamedTuple):
    """One name's slice: `data` for a program, `text` for a person."""

    data: dict
    text: str


def show(name):
    """Everything that is known under a name; a typo gets a did-you-mean."""
    kinds = {row["name"]: row["kind"] for row in names()}
    if name in kinds:
        return _SHOW.get(kinds[name], _show_entry)(name)
    near = difflib.get_close_matches(name, kinds, n=1, cutoff=0.5)
    raise UsageError(
        f"NAME must be a spec, object or derivation, got {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "; `refvi list` names them all")
    )


def _show_derivation(name):
    from refvi import derivations

    result = derivations.run(name)
    return Shown(result.to_dict(), derivations.render(result))


def _show_spec(name):
    from refvi.specs import conventions, get_spec

    spec = get_spec(name)
    data = {
        "name": spec.id,
        "kind": "spec",
        "says": spec.says,
        "source": spec.source,
        "answer": "the value, and its gradient where the function returns one"
        if spec.only == "value"
        else "the gradient",
        "inputs": [i._asdict() for i in spec.inputs],
        "output_axes": spec.output,
        "gradient_of": list(spec.wrt),
        "conventions": {
            k: {"default": v, "options": list(conventions.OPTIONS[k]), "says": conventions.SAYS[k]}
            for k, v in spec.conventions.items()
        },
        "terms": _terms(spec),
        "edges": list(spec.edges()),
        "mistakes": [
            {"slug": m.slug, "says": m.says, "seen": list(m.seen), "of": m.of} for m in spec.mistakes.values()
        ],
    }
    rows = [spec.id, f"  {spec.says}", f"  source       {spec.source}", "", "inputs"]
    rows += [f"  {i.name:<14} ({', '.join(i.axes.split())})  {i.domain:<12} {i.says}" for i in spec.inputs]
    rows += ["", f"answer         {data['answer']}"]
    if data["terms"]:
        rows.append(
            f"terms          {', '.join(data['terms'])}; the value is their sum, "
            f"one per {spec.output or 'call'} before reduction"
        )
    if data["gradient_of"]:
        rows.append(f"gradients of   {', '.join(data['gradient_of'])}")
    rows += ["", "conventions (declare what differs from the default)"]
    rows += [
        f"  {k:<12} {' | '.join(f'[{o}]' if o == c['default'] else o for o in c['options'])}   {c['says']}"
        for k, c in data["conventions"].items()
    ]
    if data["edges"]:
        rows.append("edges          " + "; ".join(data["edges"]))
    rows += ["", f"mistakes ({len(data['mistakes'])})"]
    for m in data["mistakes"]:
        rows += [f"  {m['slug']}: {m['says']}", f"      seen in {', '.join(m['seen'])}"]
    rows += ["", f"check yours    @refvi.implements({spec.id!r}) above the function, then `refvi check FILE`"]
    return Shown(data, "\n".join(rows))


def _terms(spec):
    import numpy as np

    if spec.only != "value":
        return []
    declared = dict(spec.conventions)
    case = spec.draw_case(np.random.default_rng(0), declared)
    return list(spec.reference(**spec.canonical(case, declared)))


def _show_entry(name):
    from refvi.registry import entries, evidence

    entry = next(entry for entry in entries() if entry.name == name)
    outcomes = [(row, row.run(True, "python")) for row in evidence() if row.subject == name]
    related = [
        row["name"] for row in names() if row["kind"] == "derivation" and row["system"] == entry.system
    ]
    laws = [
        {
            "law": row.law,
            "tolerance": row.tolerance,
            "worst": o.worst,
            "cases": o.cases,
            "holds": o.holds,
            "targets": list(row.targets),
        }
        for row, o in outcomes
    ]
    doc = inspect.getdoc(entry.thing) or ""
    data = {
        "name": entry.name,
        "kind": entry.kind,
        "system": entry.system,
        "doc": doc,
        "where": _where(entry.thing),
        "laws": laws,
        "derivations": related,
    }
    text = [
        f"{entry.name}   {entry.kind} of {entry.system}   {data['where']}",
        "",
        doc,
        "",
        "laws (run now, python target)",
    ]
    text += [
        f"  {'holds ' if law['holds'] else 'BROKEN'}  {law['law']}   worst {law['worst']:.2g} of tolerance "
        f"({law['tolerance']}), {law['cases']} comparisons"
        for law in laws
    ] or ["  none registered"]
    if related:
        text += ["", "derivations    " + ", ".join(related)]
    return Shown(data, "\n".join(text))


def _where(thing):
    module = thing if inspect.ismodule(thing) else inspect.getmodule(thing)
    return module.__name__.replace(".", "/") + ".py" if module else ""


_SHOW = {"spec": _show_spec, "derivation": _show_derivation}
