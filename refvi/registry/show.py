"""`refvi list` and `refvi show`: the vertical slice of one name, gathered on demand."""

import difflib
import inspect
from typing import NamedTuple

from refvi.errors import UsageError
from refvi.specs import all_specs, conventions


class Shown(NamedTuple):
    """One name's slice: `data` for a program, `text` for a person."""

    data: dict
    text: str


def names():
    """Every name with its kind, system and one line: specs, registered objects, derivations."""
    from refvi import derivations
    from refvi.registry import entries

    rows = [{"name": s.id, "kind": "spec", "system": "", "says": s.says} for s in all_specs().values()]
    for entry in entries():
        rows.append(
            {"name": entry.name, "kind": entry.kind, "system": entry.system, "says": _first_line(entry.thing)}
        )
    for d in derivations.all_derivations().values():
        rows.append({"name": d.id, "kind": "derivation", "system": d.system, "says": d.title})
    return rows


def show(name):
    """Everything that is known under a name; a typo gets a did-you-mean."""
    from refvi import derivations
    from refvi.registry import entries

    found = {e.name: e for e in entries()}
    if name in all_specs():
        return _show_spec(all_specs()[name])
    if name in found:
        return _show_entry(found[name])
    if name in derivations.all_derivations():
        result = derivations.run(name)
        return Shown(result.to_dict(), derivations.render(result))
    known = [*all_specs(), *found, *derivations.all_derivations()]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise UsageError(
        f"NAME must be a spec, object or derivation, got {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "; `refvi list` names them all")
    )


def _show_spec(spec):
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


def _show_entry(entry):
    from refvi import derivations
    from refvi.registry import evidence

    rows = [row for row in evidence() if row.subject == entry.name]
    outcomes = [(row, row.run(True, "python")) for row in rows]
    related = [d.id for d in derivations.all_derivations().values() if d.system == entry.system]
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


def _first_line(thing):
    return (inspect.getdoc(thing) or "").partition("\n")[0]
