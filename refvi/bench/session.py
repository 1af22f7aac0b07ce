"""One benchmark: every task, every contender in turn, round after round.

The first answer of a contender brings its numbers and compiles; whoever disagrees is left out of the rounds. In a round
every contender is asked once, so that all of them see the same disturbances; the sample of a round is the median of
a short burst of calls. The record is written after each task. An interruption keeps the rounds that are there.
"""

import math
import os
import statistics
from typing import NamedTuple

from refvi.bench.agreement import judge
from refvi.bench.contenders import fits, missing
from refvi.bench.process import ContenderFailed, Process, numbers

FIRST_LIMIT = 240.0  # a first call compiles and tries out block sizes
BURST = 0.04
PATIENCE = 8.0  # seconds of a contender at a task after which the fewest rounds have to do
FEWEST = 3


class Settings(NamedTuple):
    """How a benchmark is run.

    repeats   rounds of every task
    threads   numbers of threads, one after another
    limit     seconds that one call may take
    """

    repeats: int = 7
    threads: tuple = (1, 2)
    limit: float = 60.0


def run(record, tasks, contenders, settings, on_step=lambda _: None, save=lambda: None):
    """Fill a record; tasks whose rows are already whole are left as they are.

    on_step   called with a description before each round
    save      called after each task
    Checked by  tests/bench/test_session.py
    """
    record["missing"] = {c.name: missing(c) for c in contenders if missing(c)}
    present = [c for c in contenders if c.name not in record["missing"]]
    for threads in settings.threads:
        team = _Team(threads, settings.limit)
        try:
            for task in tasks:
                if threads in task.threads:
                    players = [c for c in present if fits(c, task)]
                    _run_task(record, task, players, team, settings, on_step)
                    save()
        except KeyboardInterrupt:
            save()
            raise
        finally:
            team.close()
    record["finished"] = True
    save()


def steps(tasks, settings):
    """How often `on_step` will be called."""
    rounds = (
        (task.repeats or settings.repeats) + 1
        for t in settings.threads
        for task in tasks
        if t in task.threads
    )
    return sum(rounds)


def _run_task(record, task, players, team, settings, on_step):
    repeats, label = task.repeats or settings.repeats, f"{task.name}, {team.threads} thread(s)"
    old = [r for r in record["rows"] if (r["task"], r["threads"]) == (task.name, team.threads)]
    if players and {c.name for c in players} <= {r["contender"] for r in old if r["done"]}:
        for _ in range(repeats + 1):
            on_step(label)
        return
    record["rows"] = [r for r in record["rows"] if r not in old]
    on_step(label)
    rows = _first_answers(task, players, team)
    record["rows"].extend(rows.values())
    running = [(c, rows[c.name]) for c in players if rows[c.name]["verdict"] not in ("failed", "disagrees")]
    for number in range(repeats):
        on_step(f"{label}, round {number + 1}")
        for contender, row in running:
            patient = number < FEWEST or sum(row["samples"]) < PATIENCE
            if row["verdict"] != "failed" and patient:
                _one_sample(task, contender, row, team, memory=number == 0)
    for row in rows.values():
        row["done"] = True


def _first_answers(task, players, team):
    rows, found = {}, {}
    for contender in players:
        row = rows[contender.name] = _row(task, contender, team.threads)
        try:
            answer = team.ask(contender, task, values=True)
        except ContenderFailed as error:
            row.update(verdict="failed", error=str(error))
            continue
        found[contender.name] = numbers(answer)
        row.update(first=answer["seconds"][-1], note=answer["note"])
        if found[contender.name] is not None:
            row["values"] = [_finite(v) for v in found[contender.name][:4]]
    for name, verdict in judge(task, found).items():
        rows[name].update(verdict=verdict.word, gap=_finite(verdict.gap), tolerance=verdict.tolerance)
    return rows


def _one_sample(task, contender, row, team, memory):
    try:
        answer = team.ask(contender, task, least=BURST, memory=memory)
    except ContenderFailed as error:
        row.update(verdict="failed", error=str(error))
        return
    row["samples"].append(statistics.median(answer["seconds"]))
    row["load"] = max(row["load"], load())
    row["calls"] = len(answer["seconds"])
    if memory:
        row["memory"], row["held"] = answer["memory"], answer["held"]
    row["median"], row["least"] = statistics.median(row["samples"]), min(row["samples"])


def _row(task, contender, threads):
    return {
        "task": task.name,
        "kind": task.kind,
        "sizes": task.sizes,
        "threads": threads,
        "contender": contender.name,
        "verdict": "failed",
        "error": "",
        "gap": None,
        "tolerance": None,
        "values": [],
        "first": None,
        "samples": [],
        "calls": 0,
        "median": None,
        "least": None,
        "memory": None,
        "held": None,
        "note": "",
        "load": 0.0,
        "done": False,
    }


def load():
    """Processes that want to run, an average over the last minute; 0 where the system does not tell."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return 0.0


def _finite(value):
    return None if value is None or not math.isfinite(value) else float(value)


class _Team:
    """The processes of one number of threads, started when first asked."""

    def __init__(self, threads, limit):
        self.threads, self.limit, self.running = threads, limit, {}

    def ask(self, contender, task, values=False, least=0.0, memory=False):
        if contender.name not in self.running:
            self.running[contender.name] = Process(contender, self.threads)
        request = {"kind": task.kind, "sizes": task.sizes, "values": values, "least": least, "memory": memory}
        process = self.running[contender.name]
        try:
            return process.ask(request, FIRST_LIMIT if values else self.limit)
        except (ContenderFailed, KeyboardInterrupt):
            process.close()
            del self.running[contender.name]
            raise

    def close(self):
        for process in self.running.values():
            process.close()
        self.running = {}
