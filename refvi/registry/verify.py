"""Everything that `refvi verify` runs, as one list of tasks: laws on objects, derivations, claims, planted mistakes."""

import functools
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from refvi.errors import RefviError, UsageError


class Result(NamedTuple):
    """One task's result; verdict is "holds" or "broken"."""

    system: str
    subject: str
    law: str
    target: str
    cases: int
    worst: float
    verdict: str
    seconds: float
    message: str


class Task(NamedTuple):
    """One thing to verify; `outcome` returns (cases, worst error over tolerance, message)."""

    system: str
    subject: str
    law: str
    target: str
    outcome: Callable

    def run(self):
        """Run it; what raises is broken, with its sentence."""
        start = time.perf_counter()
        try:
            cases, worst, message = self.outcome()
        except RefviError as error:
            cases, worst, message = 0, float("inf"), str(error)
        verdict = "holds" if cases > 0 and worst <= 1.0 else "broken"
        return Result(
            self.system,
            self.subject,
            self.law,
            self.target,
            cases,
            worst,
            verdict,
            time.perf_counter() - start,
            message,
        )


def run_all(*, quick=False, targets=("python", "cpu"), system=None, processes=None, on_result=None):
    """Run the plan on several processes (one per core by default); results in the order of the plan.

    on_result  called with each result as it arrives
    """
    tasks = plan(quick=quick, targets=targets, system=system)
    order = sorted(
        range(len(tasks)), key=lambda n: (tasks[n].target == "python", n)
    )  # compiled ones take longest
    processes = min(processes or os.cpu_count() or 1, len(tasks))
    found = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_one_thread_each) as pool:
        work = functools.partial(_run_numbered, quick, tuple(targets), system)
        for number, result in zip(order, pool.map(work, order), strict=True):
            found[number] = result
            if on_result:
                on_result(result)
    return [found[n] for n in range(len(tasks))]


def _one_thread_each():
    """Tiny arrays everywhere: threads of the linear algebra would only stand in each other's way."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@functools.cache
def _plan(quick, targets, system):
    return plan(quick=quick, targets=targets, system=system)


def _run_numbered(quick, targets, system, number):
    return _plan(quick, targets, system)[number].run()


def plan(*, quick=False, targets=("python", "cpu"), system=None):
    """The tasks, in the order of the registry; unknown targets and systems get one sentence."""
    from refvi.targets import get_target

    for target in targets:
        get_target(target)
    tasks = [
        *_laws(quick, targets),
        *_derivations(quick),
        *_claims(quick),
        *_references(quick),
        *_catalogue(quick),
    ]
    chosen = [t for t in tasks if system in (None, t.system)]
    if not chosen:
        raise UsageError(
            f"system must be one of {', '.join(sorted({t.system for t in tasks}))}, got {system!r}"
        )
    return chosen


def _laws(quick, targets):
    """The laws on objects; quickly, compiled targets run only the laws that tie them bit by bit to plain Python."""
    from refvi.registry import evidence

    for row in evidence():
        for target in targets:
            if target in row.targets and not (quick and target != "python" and "target" not in row.law):

                def outcome(row=row, target=target):
                    found = row.run(quick, target)
                    return found.cases, found.worst, found.message

                yield Task(row.system, row.subject, row.law, target, outcome)


def _derivations(quick):
    from refvi import derivations

    for d in derivations.all_derivations().values():

        def outcome(name=d.id):
            result = derivations.run(name, models=2 if quick else 20)
            return result.checked, result.worst, result.message

        yield Task(d.system, d.id, "every step holds", "python", outcome)


def _claims(quick):
    from refvi.derivations import ledger

    for claim in ledger.all_claims():

        def outcome(claim=claim):
            row = ledger.judge(claim, quick)
            agrees = row["verdict"] == claim.expected
            return (
                1,
                0.0 if agrees else float("inf"),
                "" if agrees else f"verdict {row['verdict']}, stored {claim.expected}",
            )

        yield Task(claim.system, claim.id, "the computed verdict is the stored one", "python", outcome)


def _references(quick):
    from refvi.registry import references
    from refvi.specs import all_specs

    for spec in all_specs().values():
        checks = (
            {references.DERIVATIVE: references.check_derivative} if references.has_derivative(spec) else {}
        )
        if spec.id in references.ROUTES:
            checks[references.KERNEL] = references.check_kernel
        for law, check in checks.items():

            def outcome(spec=spec, check=check):
                found = check(spec, 1 if quick else 10)
                return found.cases, found.worst, found.message

            yield Task("specs", spec.id, law, "python", outcome)


def _catalogue(quick):
    from refvi.checking.selftest import score_spec
    from refvi.specs import all_specs

    for spec in all_specs().values():

        def outcome(spec=spec):
            rows = score_spec(spec, cases=4 if quick else 50)
            missed = [row for row in rows if not row["named"]]
            message = ", ".join(f"{row['mistake']} {row['verdict']}" for row in missed)
            return len(rows), float("inf") if missed else 0.0, message

        yield Task("specs", spec.id, "every mistake is caught and named", "python", outcome)
