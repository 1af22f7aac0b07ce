"""Derivations as text: formula, relation, number, reason, one line for each step.

Not here: the ledger's table (`table`).
"""

from refvi.derivations.chain import show

WIDEST = 66


def render(result):
    """The printed form of a result; formulas wider than the column push their line to the right."""
    width = min(max(len(line.formula) for line in result.lines), WIDEST)
    column = max(len(show(line.value)) for line in result.lines)
    text = [
        f"{result.id}    {result.title}",
        f"  statement  {result.statement}",
        f"  source     {result.source}",
        f"  model      {result.model}",
        "",
    ]
    for line in result.lines:
        relation = {"<=": "≤", ">=": "≥", "->": "→"}.get(line.relation, line.relation)
        formula = f"  {relation:>1} {line.formula:<{width}}"
        text.append(f"{formula}  {show(line.value):<{column}}  {line.verdict:<5}  {line.because}".rstrip())
    text += ["", _summary(result)]
    return "\n".join(text)


def _summary(result):
    models = f"{result.models} model{'s' if result.models != 1 else ''}"
    if not result.holds:
        return f"  FAILS on {models}: {result.message}"
    limit = (
        "; →: a third of the distance left before"
        if any(line.relation == "->" for line in result.lines)
        else ""
    )
    return (
        f"  every step holds on {models}; worst error {result.worst:.2g} of its tolerance "
        f"(8·u·S + the error of quadrature and differences{limit})"
    )
