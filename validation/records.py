"""One JSON file per question: rows, verdict, versions. Shared by the scripts of this folder."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn", "hmmlearn", "arviz", "torch", "jax", "numpyro")


def record(question, rows, holds, quick):
    """Write the rows and the verdict unless the run was quick; returns the exit code."""
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        found = {"question": question, "verdict": "holds" if holds else "fails", "rows": rows}
        found["versions"] = {"python": platform.python_version(), **{n: _version(n) for n in LIBRARIES}}
        (RESULTS / f"{question}.json").write_text(json.dumps(found, indent=1) + "\n")
    print("holds" if holds else "FAILS")
    return 0 if holds and rows else 1


def _version(name):
    try:
        return version(name)
    except ImportError:
        return "absent"
