"""The report of one check: for a program as JSON, for a person as ten lines."""

import json
from dataclasses import dataclass, field

import numpy as np

from refvi.errors import CheckFailed

RUNGS = ("contract", "value, same inputs and noise", "gradient, same inputs and noise", "self-consistency")


@dataclass
class Line:
    """One quantity at its worst entry: printed as one line."""

    name: str
    got: float
    want: float
    tolerance: float
    size: float
    ratio: float
    index: tuple = ()


@dataclass
class Report:
    """What a check found.

    passed    the implementation agrees on every case, or makes exactly the mistake that it was expected to make
    verdict   "PASS", "FAIL", "EXPECTED" (caught and named as expected), "UNEXPECTED" (expected a mistake, found another or
              none), "ERROR" (could not run; `message` says why)
    mistake   slug of the catalogue, or None
    rung      0 contract, 1 value, 2 gradient, 3 self-consistency: the first that failed; None when none did
    worst     largest error over its tolerance, over all cases and quantities compared
    digits    where the formula appears right and only digits are lost: how many agree, of what the reference adds up
    """

    name: str
    spec_id: str
    verdict: str
    worst: float = 0.0
    rung: int | None = None
    mistake: str | None = None
    expect: str | None = None
    message: str = ""
    seen: tuple = ()
    refuted: tuple = ()
    matches: int = 0
    ulps: float = 0.0
    digits: int | None = None
    failed: tuple = ()
    compared: tuple = ()
    cases: int = 0
    seconds: float = 0.0
    conventions: dict = field(default_factory=dict)
    framework: str = "numpy"
    dtype: str = "float64"
    case: dict = field(default_factory=dict)
    case_name: str = ""
    shrunk_from: str = ""
    lines: list = field(default_factory=list)
    token: str = ""
    notes: tuple = ()

    @property
    def passed(self):
        """True for PASS and EXPECTED."""
        return self.verdict in ("PASS", "EXPECTED")

    def raise_if_failed(self):
        """Raise `CheckFailed` with the whole diagnosis unless the check passed; returns the report otherwise."""
        if not self.passed:
            raise CheckFailed("\n" + self.text())
        return self

    def to_dict(self):
        """Plain types only; non-finite numbers as strings."""
        fields = {k: v for k, v in vars(self).items() if k not in ("lines", "case")}
        fields["passed"] = self.passed
        fields["case"] = {k: np.asarray(v).tolist() for k, v in self.case.items()}
        fields["lines"] = [vars(line) for line in self.lines]
        return finite(fields)

    def to_json(self):
        """The report as one JSON object."""
        return json.dumps(self.to_dict())

    def text(self):
        """The report as a person reads it."""
        head = f"{self.name}   {self.spec_id}   {self.verdict}"
        if self.verdict in ("ERROR",):
            return f"{head}   {self.message}"
        if self.verdict == "PASS":
            compared = f"{_join(self.compared)}   {self.cases} cases, {self.seconds:.1f} s"
            return f"{head}   {compared}   worst {self.worst:.2g} of tolerance"
        if self.verdict == "EXPECTED":
            return f"{head}   {self.mistake}: {self.message}   {self.cases} cases, {self.seconds:.1f} s"
        counted = (
            f"{len(self.failed)} of {len(self.compared) or 1} quantities"
            if self.failed
            else RUNGS[self.rung or 0]
        )
        rows = [f"{head}   {counted}      {self.cases} cases, {self.seconds:.1f} s"]
        if self.case:
            origin = f"(shrunk from {self.shrunk_from})" if self.shrunk_from else f"({self.case_name})"
            rows.append(
                _row(
                    "smallest case",
                    "  ".join(f"{k}={show(v)}" for k, v in self.case.items()) + f"   {origin}",
                )
            )
        rows += [_row(line.name + _where(line.index), _numbers(line)) for line in self.lines]
        rows += self._diagnosis()
        rows += [_row("note", note) for note in self.notes]
        if self.token:
            rows.append(_row("repeat", f"refvi check {self.name} --case {self.token}"))
        return "\n".join(rows)

    def _diagnosis(self):
        rows = []
        if self.verdict == "UNEXPECTED":
            found = self.mistake or ("no mistake" if self.rung is None else "something else")
            rows.append(_row("expected", f"{self.expect}, found {found}"))
        if self.mistake:
            rows.append(_row("likely", f"{self.mistake}: {self.message}"))
        elif self.message:
            likely = self.matches or self.digits is not None
            rows.append(_row("likely" if likely else "finding", self.message))
        if self.matches:
            ulp = (
                "to the last bit"
                if self.ulps == 0
                else f"to {self.ulps:.2g} ulp"
                if self.ulps < 1e4
                else "within tolerance"
            )
            rows.append(
                _row("", f"(this reproduces your output on {self.matches} of {self.cases} cases {ulp})")
            )
        if self.seen:
            rows.append(_row("seen in", ", ".join(self.seen)))
        if self.refuted:
            rows.append(_row("not", ", ".join(self.refuted)))
        return rows


def show(array):
    """An array as short text: a single datum without its outer bracket, long ones cut."""
    array = np.asarray(array)
    if array.ndim > 1 and array.shape[0] == 1:
        return show(array[0])
    if array.ndim == 0:
        return f"{float(array):.17g}"
    if array.size > 24:
        return f"array of shape {'x'.join(map(str, array.shape))}"
    if array.ndim == 1:
        return "[" + ", ".join(f"{float(v):.17g}" for v in array) + "]"
    return "[" + ", ".join(show(row[None] if row.ndim > 1 else row) for row in array) + "]"


def _numbers(line):
    text = f"got {line.got:.6g}   want {line.want:.6g}"
    if line.want not in (0.0,) and np.isfinite(line.got) and np.isfinite(line.want):
        text += f"   ratio {line.got / line.want:.6g}"
    return text + f"   tolerance {line.tolerance:.1e} = 8·u·S, S={line.size:.3g}"


def _where(index):
    return f"[{', '.join(map(str, index))}]" if index and any(index) else ""


def _row(label, text):
    return f"  {label:<15} {text}"


def _join(names):
    return ", ".join(names)


def finite(thing):
    """Plain types that JSON knows: non-finite numbers become strings."""
    if isinstance(thing, dict):
        return {k: finite(v) for k, v in thing.items()}
    if isinstance(thing, list | tuple):
        return [finite(v) for v in thing]
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, float) and not np.isfinite(thing):
        return str(thing)
    return thing
