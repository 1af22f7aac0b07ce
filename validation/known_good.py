"""Does refvi raise a false alarm? What SciPy, PyTorch, JAX and NumPyro compute is checked as if it were somebody's code.

Every quantity of the divergences, log densities and bounds that a library also computes, in each form that it offers;
values and, where the library differentiates, gradients. Libraries that are not installed are left out, and named.
Run it: a table, and exit code 1 if anything disagrees. Two disagreements are the library's own (`LIMITS`): they must stay
exactly what they are, and are shown as LIMIT.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

import refvi

sys.path.insert(0, str(Path(__file__).parents[1]))

LIBRARIES = ("scipy", "torch", "jax", "numpyro")
CASES = 60

# What refvi reports, and what was found when it was looked into.
LIMITS = {
    "xla-log1p": (
        "inaccurate",
        "log1p of XLA's CPU is up to 233 units in the last place off between -0.414 and -0.355",
    ),
    "clip-at-zero": (
        "edge 'logits zero'",
        "the gradient at a logit of exactly 0 is 0, not x - 1/2: a clip at its kink",
    ),
}
BY_ROW = {
    ("jax", "bernoulli.logpmf"): "xla-log1p",
    ("jax", "special.xlogy, xlog1py"): "xla-log1p",
    ("numpyro", "BernoulliProbs.log_prob"): "xla-log1p",
    ("numpyro", "BernoulliLogits.log_prob"): "clip-at-zero",
}


class Row(NamedTuple):
    """One form of one quantity in one library."""

    library: str
    name: str
    spec_id: str
    function: object
    conventions: dict

    @property
    def framework(self):
        """The arrays that it takes."""
        return {"scipy": "numpy", "numpyro": "jax"}.get(self.library, self.library)


def installed():
    """The libraries that are there."""
    return [name for name in LIBRARIES if importlib.util.find_spec(name)]


def rows(libraries=None):
    """Every row of the libraries."""
    found = []
    for library in installed() if libraries is None else libraries:
        module = importlib.import_module(f"validation.libraries.{library}_rows")
        for name, spec_id, function, conventions in module.rows():
            found.append(Row(library, name, spec_id, function, conventions))
    return found


def check_row(row, cases=CASES):
    """The report of one row."""
    return refvi.check(
        row.spec_id, row.function, framework=row.framework, cases=cases, name=row.name, **row.conventions
    )


def verdict(row, report):
    """PASS, LIMIT where the library's own limit shows and nothing else, ALARM."""
    if report.passed:
        return "PASS"
    words, _ = LIMITS.get(BY_ROW.get((row.library, row.name)), (None, None))
    return "LIMIT" if words and report.mistake is None and words in report.message else "ALARM"


def main():
    """Print the table; 0 where nothing disagrees."""
    absent = [name for name in LIBRARIES if name not in installed()]
    alarms, found = [], rows()
    for row in found:
        report = check_row(row)
        word = verdict(row, report)
        print(
            f"{row.library:<8} {row.name:<52} {row.spec_id:<34} {word:<5} "
            f"{len(report.compared)} quantities  {report.cases} cases  worst {report.worst:.2g} of tolerance",
            flush=True,
        )
        if word == "LIMIT":
            print(f"{'':<9}{LIMITS[BY_ROW[row.library, row.name]][1]}")
        if word == "ALARM":
            alarms.append(report)
    for report in alarms:
        print("\n" + report.text())
    missing = f"; not installed: {', '.join(absent)}" if absent else ""
    print(f"\n{len(found)} checked, {len(alarms)} disagree{missing}")
    return 1 if alarms or not found else 0


if __name__ == "__main__":
    sys.exit(main())
