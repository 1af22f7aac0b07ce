"""What `refvi bench` does between its arguments and its text."""

from typing import NamedTuple

from refvi.bench import record as records
from refvi.bench import session
from refvi.bench.contenders import OWN, PEERS, fits, missing
from refvi.bench.goals import judge_goals
from refvi.bench.tables import goals_table, render
from refvi.bench.tasks import all_tasks
from refvi.errors import UsageError
from refvi.printing import progress


class Wanted(NamedTuple):
    """What the user asked for.

    peers      other libraries as well
    quick      a small selection
    only       text that the names of the tasks have to contain, or None
    repeats    rounds
    threads    numbers of threads, e.g. (1, 2)
    out        file of the record, or None
    resume     go on with the record in `out`
    """

    peers: bool = False
    quick: bool = False
    only: str | None = None
    repeats: int = 7
    threads: tuple = (1, 2)
    out: str | None = None
    resume: bool = False


def bench(wanted):
    """Run what is wanted; returns the record, finished or as far as Ctrl-C let it come.

    Raises UsageError for options that cannot be used as given.
    """
    tasks = [task for task in all_tasks(wanted.quick) if (wanted.only or "") in task.name]
    _check(wanted, tasks)
    settings = session.Settings(repeats=wanted.repeats, threads=wanted.threads)
    described = {"repeats": wanted.repeats, "threads": list(wanted.threads), "burst": session.BURST}
    described |= {"peers": wanted.peers, "quick": wanted.quick, "only": wanted.only}
    record = records.resume(wanted.out, described) if wanted.resume else records.new(described)
    contenders = OWN + (PEERS if wanted.peers else ())

    def save():
        record["goals"] = judge_goals(record)
        if wanted.out:
            records.write(record, wanted.out)

    save()  # a file that cannot be written is found out now
    with progress("benchmark", total=session.steps(tasks, settings)) as step:
        try:
            session.run(record, tasks, contenders, settings, step, save)
        except KeyboardInterrupt:
            save()
    return record


def text(record):
    """The record as tables."""
    parts = [render(record)]
    if any(goal["worst"] is not None for goal in record["goals"]):
        parts.append(goals_table(record["goals"]))
    if not record["finished"]:
        parts.append("stopped before the end: go on with --out FILE --resume")
    return "\n\n".join(parts)


def exit_code(record):
    """0 all as it should be, 1 somebody disagrees or refvi failed, 130 stopped before the end."""
    if not record["finished"]:
        return 130
    wrong = [
        row
        for row in record["rows"]
        if row["verdict"] == "disagrees" or (row["verdict"] == "failed" and row["contender"] in OWN_NAMES)
    ]
    return 1 if wrong else 0


OWN_NAMES = tuple(contender.name for contender in OWN)


def _check(wanted, tasks):
    if not tasks:
        raise UsageError(f"--only must be part of a task's name, got {wanted.only!r}")
    if wanted.repeats < 1:
        raise UsageError(f"--repeats must be at least 1, got {wanted.repeats}")
    most = records.machine()["cores"]
    if not wanted.threads or min(wanted.threads) < 1 or max(wanted.threads) > most:
        raise UsageError(f"--threads must be from 1 to {most}, got {','.join(map(str, wanted.threads))}")
    if wanted.resume and not wanted.out:
        raise UsageError("--resume needs --out FILE, got none")
    contenders = OWN + (PEERS if wanted.peers else ())
    if not any(fits(c, task) and not missing(c) for c in contenders for task in tasks):
        raise UsageError("tasks must have a contender; add --peers or install what is missing")
