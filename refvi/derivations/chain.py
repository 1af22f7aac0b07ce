"""Derivations: chains of expressions tied by =, <=, >=, -> with a reason for each step, every line a number.

A derivation is a generator of `Step`s over one small exact model; the runner compares neighbours on many models.
Not here: the chains (`refvi.derivations.chains`), their models, how results are printed (`render`).

    @derivation("elbo.jensen", title="the ELBO bounds the log evidence", statement="log p(x) ≥ E_q log w",
                source="Jordan et al. 1999, Machine Learning 37, section 6", system="S1", models=tables)
    def elbo_jensen(E, w):
        yield Step("", "log p(x) = log E_q w", log(E(w)))
        yield Step(">=", "E_q log w", E(log(w)), "Jensen: log is concave")
"""

import inspect
import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refvi.derivations.compare import LIMIT, RELATIONS, SPELLED, compare, converges
from refvi.derivations.draw import describe, from_generator, inject
from refvi.derivations.numbers import Number, computed, number, stack
from refvi.errors import LawViolation, UsageError


class Step(NamedTuple):
    """One line of a derivation.

    relation  how it follows from the line above: =, <=, >= or ->; "" on the first line
    formula   readable text
    value     its value on the model: a number, an array, or a list of numbers (a sequence, before a limit)
    because   the reason
    along     the index of a sequence, e.g. (4, 8, 16), on the line of the limit
    order     the distance to the limit falls like along^-order
    """

    relation: str
    formula: str
    value: Any
    because: str = ""
    along: tuple = ()
    order: float = 1.0


class Derivation(NamedTuple):
    """A registered chain. `models(draws)` makes a small model; `chain` names the attributes that it reads."""

    id: str
    title: str
    statement: str
    source: str
    system: str
    models: Callable
    chain: Callable


class Line(NamedTuple):
    """One line of a result: the step on the model that is shown, and how it fared on all of them."""

    relation: str
    formula: str
    value: Any
    because: str
    worst: float
    verdict: str


class Result(NamedTuple):
    """A derivation that was run.

    lines    the steps, with values on the model that is shown
    model    that model, as text
    checked  how many relations were compared, on all models together
    models   on how many models
    worst    largest violation over its tolerance; at most 1 when every step holds
    message  which step fails first, on which model; "" when none does
    """

    id: str
    title: str
    statement: str
    source: str
    system: str
    lines: tuple
    model: str
    checked: int
    models: int
    worst: float
    message: str

    @property
    def holds(self):
        """True when relations were compared and every one of them holds on every model."""
        return self.checked > 0 and not self.message

    def raise_if_failed(self):
        """Raise `LawViolation` that names the failing step."""
        if not self.holds:
            raise LawViolation(self.message or f"{self.id}: no relation was compared")
        return self

    def to_dict(self):
        """Everything as plain Python values."""
        return {**self._asdict(), "lines": [line._asdict() for line in self.lines], "holds": self.holds}

    def to_json(self):
        """The same as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)


REGISTERED: dict[str, Derivation] = {}


def derivation(id, *, title, statement, source, system, models):
    """Register a chain under a dotted name."""

    def register(chain):
        if not inspect.isgeneratorfunction(chain):
            raise UsageError(f"{id} must be a generator of steps (`yield Step(...)`), got {chain!r}")
        if id in REGISTERED:
            raise UsageError(f"a derivation's name must be new, got {id!r} twice")
        REGISTERED[id] = Derivation(id, title, statement, source, system, models, chain)
        return REGISTERED[id]

    return register


def walk(chosen, model):
    """The steps of a derivation on one model, checked for form: relation known, values finite, a first line."""
    steps = []
    lines = inject(chosen.chain, model)
    with np.errstate(all="ignore"):
        while True:
            place = len(steps) + 1
            try:
                step = next(lines, None)
            except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
                raise UsageError(f"{chosen.id}: step {place} could not be computed: {problem}") from problem
            if step is None:
                break
            steps.append(_well_formed(chosen.id, place, step))
    if len(steps) < 2:
        raise UsageError(f"{chosen.id} must have at least two steps, got {len(steps)}")
    return steps


def _well_formed(name, place, step):
    if not isinstance(step, Step):
        raise UsageError(f"{name}: step {place} must be a Step, got {step!r}")
    relation = SPELLED.get(step.relation, step.relation)
    if relation not in (RELATIONS if place > 1 else ("",)):
        wanted = "one of " + ", ".join(RELATIONS) if place > 1 else 'empty ("") on the first line'
        raise UsageError(f"{name}: relation of step {place} must be {wanted}, got {step.relation!r}")
    value = stack(step.value) if isinstance(step.value, list | tuple) else computed(step.value)
    if not np.all(np.isfinite(value.value)):
        raise UsageError(f"{name}: step {place} ({step.formula}) must have a finite value, got {value.value}")
    return step._replace(relation=relation, value=value)


def steps_with_error(chosen, model):
    """Steps on a model; where it has a coarser twin, the distance to it joins the error of every value."""
    steps = walk(chosen, model)
    if not hasattr(model, "coarser"):
        return steps
    rough = walk(chosen, model.coarser())
    return [
        s._replace(
            value=Number(s.value.value, s.value.size, s.value.error + np.abs(s.value.value - r.value.value))
        )
        for s, r in zip(steps, rough, strict=True)
    ]


def judge_steps(steps):
    """A comparison for every step after the first."""
    for above, step in itertools.pairwise(steps):
        if step.relation == LIMIT:
            yield converges(above.value, step.value, step.along, step.order)
        else:
            yield compare(step.relation, above.value, step.value)


def check(chosen, models):
    """Run a derivation on given models; the first one is shown.

    Checked by  tests/derivations/test_chain.py
    """
    worst, message, checked, shown, count = [], "", 0, None, 0
    for model in models:
        count += 1
        steps = steps_with_error(chosen, model)
        shown = shown or (steps, describe(model))
        comparisons = list(judge_steps(steps))
        checked += len(comparisons)
        worst = [max(a, c.worst) for a, c in zip(worst or [0.0] * len(comparisons), comparisons)]
        for place, c in enumerate(comparisons, start=2):
            message = message or ("" if c.holds else _failure(chosen, place, steps, c, describe(model)))
    steps, text = shown
    lines = [_line(step, w) for step, w in zip(steps, [0.0, *worst])]
    about = (chosen.id, chosen.title, chosen.statement, chosen.source, chosen.system)
    return Result(*about, tuple(lines), text, checked, count, max(worst), message)


def _line(step, worst):
    verdict = "" if not step.relation else "holds" if worst <= 1.0 else "FAILS"
    return Line(step.relation, step.formula, plain(step.value), step.because, worst, verdict)


def _failure(chosen, place, steps, comparison, model):
    above, step = steps[place - 2], steps[place - 1]
    return (
        f"{chosen.id}: step {place} fails: {show(above.value)} {step.relation} {show(step.value)} is off by "
        f"{comparison.off:.3g}, tolerance {comparison.tolerance:.3g}; {step.relation} {step.formula}"
        f"{f' ({step.because})' if step.because else ''}; on {model}"
    )


def plain(value):
    """A number or array as Python floats."""
    return number(value).value.tolist()


def show(value):
    """A number or array as short text."""
    value = number(value).value
    if value.ndim == 0:
        return f"{float(value):+.12f}"
    return "[" + ", ".join(f"{v:+.6f}" for v in value.ravel()) + "]"


def small_models(chosen, seed, count):
    """Small models drawn from a seeded generator."""
    draws = from_generator(np.random.default_rng(seed))
    return [chosen.models(draws) for _ in range(count)]
