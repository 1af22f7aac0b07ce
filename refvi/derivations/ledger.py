"""The ledger: every claim of the source documents with the verdict that a computation gives, now.

Not here: the claims (`refvi.derivations.sources`), how a verdict is reached (`verdict`).
"""

import importlib
import pkgutil

from refvi.derivations import verdict
from refvi.derivations.verdict import ERROR, VERDICTS

KEYS = ("id", "source", "section", "system", "claim", "verdict", "corrected", "evidence", "derivation")


def all_claims():
    """Every claim, in the order of the documents; each file of `sources` is imported."""
    from refvi.derivations import sources

    found = []
    for module in sorted(m.name for m in pkgutil.iter_modules(sources.__path__)):
        found += importlib.import_module(f"{sources.__name__}.{module}").SOURCE.claims
    return sorted(found, key=lambda claim: claim.source)


QUICK_MODELS, QUICK_MODELS_OF_CONDITIONS = 3, 8


def judge(claim, quick=False):
    """One row: a claim with its computed verdict; a formula that cannot be run is a loud row, not a crash.

    quick  fewer models; more of them where both sides of a condition have to be met
    """
    count = QUICK_MODELS_OF_CONDITIONS if claim.condition or claim.question else QUICK_MODELS
    try:
        found = verdict.judge(claim, verdict.small_models(claim, count) if quick else None)
    except Exception as problem:
        found = verdict.Verdict(ERROR, f"could not be run: {type(problem).__name__}: {problem}")
    values = (
        claim.id,
        claim.source,
        claim.section,
        claim.system,
        claim.says,
        found.word,
        claim.correction[0] if claim.correction else None,
        found.evidence,
        claim.derivation,
    )
    return dict(zip(KEYS, values))


def rows():
    """Every row of the ledger."""
    return [judge(claim) for claim in all_claims()]


def render_ledger(rows, width=100):
    """The rows as a table that wraps at `width` columns, and a count of the verdicts."""
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True, expand=True)
    table.add_column("claim", ratio=5, overflow="fold")
    table.add_column("verdict", min_width=8, no_wrap=True, width=8)
    table.add_column("corrected, evidence", ratio=6, overflow="fold")
    for row in rows:
        left = f"{row['id']}  ({row['source'][:3]} {row['section']})\n{row['claim']}"
        parts = [f"right: {row['corrected']}" if row["corrected"] else "", row["evidence"]]
        parts.append(f"see {row['derivation']}" if row["derivation"] else "")
        table.add_row(Text(left), Text(row["verdict"]), Text("\n".join(p for p in parts if p)))
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    counts = {word: sum(row["verdict"] == word for row in rows) for word in (*VERDICTS, ERROR)}
    console.print(Text(f"{len(rows)} claims: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n)))
    return console.file.getvalue().rstrip()


__all__ = ["ERROR", "KEYS", "VERDICTS", "all_claims", "judge", "render_ledger", "rows"]
