"""The goals of refvi's speed, and what a record says about each.

floor is what must hold, aim what is wanted, limit what physics allows; each is a number on the side of `better`.
"""

from typing import NamedTuple

from refvi.bench.tables import fastest, find
from refvi.bench.tasks import AUTOENCODERS, STARTS, iwae

PLAIN = ("numpy", "torch", "torch.compile", "jax", "jax, softplus")
AS_WRITTEN = ("torch", "torch.compile", "jax, softplus")
BOUNDED = ("torch", "jax")
SAME = "jax, same algorithm"
NETWORKS = [(K, D) for D in (16, 64) for K in (20, 22, 24)]


class Goal(NamedTuple):
    """One row: what is measured, where it should lie.

    better   "more" or "less"
    """

    goal: str
    what: str
    values: list
    floor: float
    aim: float
    limit: str
    better: str = "more"
    unit: str = "x"


def judge_goals(record):
    """Rows of the summary: goal, what, measured, floor, aim, limit, verdict.

    The worst of all measured places is judged; the range is shown. `verdict` is "aim", "floor" or "missed" by where the
    worst lies, and "not measured" where nothing was.
    Checked by  tests/bench/test_goals.py
    """
    times = _Times(record)
    parts = (_evidence, _gradients, _networks, _estimates, _start_up, _accuracy)
    return [_row(goal) for part in parts for goal in part(times)]


class _Times:
    """Ratios and seconds of a record, each with the place where it was measured."""

    def __init__(self, record):
        self.record = record
        self.threads = sorted({row["threads"] for row in record["rows"]})

    def pairs(self, task, own, names, threads=None):
        """Our seconds, those of the fastest of some contenders, and where."""
        for n in threads or self.threads:
            best, ours = fastest(self.record, task, n, names), find(self.record, task, own, n)
            if best and ours:
                yield ours, best[1], f"{task}, {n} thr"

    def ratios(self, tasks, names, threads=None):
        """Seconds of the fastest of some contenders over ours."""
        pairs = (pair for task in tasks for pair in self.pairs(task, "refvi", names, threads))
        return [(other / ours, where) for ours, other, where in pairs]

    def quotients(self, task, over, contender="refvi", threads=None):
        """Seconds of a contender at a task over ours at another."""
        found = []
        for n in threads or self.threads:
            a, b = find(self.record, task, contender, n), find(self.record, over, "refvi", n)
            if a and b:
                found.append((a / b, f"{task}, {n} thr"))
        return found

    def seconds(self, task, threads=None, contender="refvi", unit=1.0):
        """Seconds, times `unit`."""
        pairs = [(find(self.record, task, contender, n), n) for n in threads or self.threads]
        return [(unit * seconds, f"{n} thr") for seconds, n in pairs if seconds]


def _evidence(times):
    tasks = [f"evidence K={K} D={D}" for K, D in NETWORKS]
    yield Goal("G1", "evidence / fastest plain", times.ratios(tasks, PLAIN), 100, 150, "200-250")
    yield Goal("G1", ".. as people write it", times.ratios(tasks, AS_WRITTEN), 100, 150, "200-250")
    for D, floor, aim, limit in ((16, 5, 8, "6-7"), (64, 5, 14, "15")):
        here = times.ratios([f"evidence K={K} D={D}" for K in (20, 22, 24)], (SAME,))
        yield Goal("G2", f"evidence / same in JAX, D={D}", here, floor, aim, limit)
    for D, floor, aim, limit in ((16, 75, 85, "86"), (64, 85, 92, "97")):
        task = f"evidence K=24 D={D}"
        share = [(100.0 * v, where) for v, where in times.quotients(task, task, "multiplications")]
        yield Goal("G3", f"share of multiplications, D={D}", share, floor, aim, limit, "more", "%")
    most = times.seconds("evidence K=30 D=16", times.threads[-1:])
    yield Goal("G4", "K=30 D=16", most, 0.40, 0.35, "0.29", "less", "s")
    for D, floor, aim, limit in ((16, 2.1, 1.9, "1.7"), (64, 1.3, 1.25, "1.2")):
        one = f"evidence K=20 D={D}"
        yield Goal(
            "G5", f"16 data / 1, D={D}", times.quotients(f"{one} B=16", one), floor, aim, limit, "less"
        )


def _gradients(times):
    tasks = [f"gradient K=20 D={D}{B}" for D in (16, 64) for B in ("", " B=16")]
    yield Goal("G6", "gradient / bounded autodiff", times.ratios(tasks, BOUNDED), 80, 120, "170")
    yield Goal("G6", ".. as people write it", times.ratios(tasks, AS_WRITTEN), 80, 120, "170")
    forward = [q for D in (16, 64) for q in times.quotients(f"gradient K=20 D={D}", f"evidence K=20 D={D}")]
    yield Goal("G7", "gradient / evidence", forward, 5.2, 3.9, "3", "less")
    for kind, floor, aim, limit in (("evidence", 68, 35, "18"), ("gradient", 480, 150, "60")):
        small = times.seconds(f"{kind} K=16 D=16", unit=1e6)
        yield Goal("G8", f"{kind} K=16 D=16, warm", small, floor, aim, limit, "less", "us")


def _networks(times):
    names = [iwae(*sizes).name for sizes in AUTOENCODERS]
    flat = [name for name in names if name.startswith("iwae 784") and name.endswith(",1")]
    others = [name for name in names[:-1] if name not in flat]
    yield Goal("G9", "IWAE step / best peer", times.ratios(others, BOUNDED), 1, 2, "14")
    yield Goal("G9", ".. 784, k=1", times.ratios(flat, BOUNDED), 1, 1.3, "14")
    yield Goal("G9", ".. the largest", times.ratios(names[-1:], BOUNDED), 6, 8, "14")


def _estimates(times):
    direct = [f"{kind} S={S}" for kind in ("reinforce", "leave-one-out") for S in (4096, 65536)]
    yield Goal("G10", "estimates, direct / best peer", times.ratios(direct, BOUNDED), 6, 12, "20")
    tables = [
        (other / ours, where)
        for task in direct
        for ours, other, where in times.pairs(task, "refvi, tables", BOUNDED)
    ]
    yield Goal("G10", "estimates, tables / best peer", tables, 40, 100, "-")


def _start_up(times):
    limits = {"compiled, warm": (0.6, 0.5), "compiled, cold": (3.0, 2.5)}
    for case in STARTS:
        floor, aim = limits.get(case, (0.15, 0.12))
        waited = times.seconds(f"start-up {case}", contender="command line")
        yield Goal("G11", f"start-up, {case}", waited, floor, aim, "-", "less", "s")


def _accuracy(times):
    for place, what, most, limit, unit in ((0, "log p", 2, "0.5", "ulp"), (1, "gradient", 1e-13, "-", "")):
        rows = [r for r in times.record["rows"] if r["kind"] == "accuracy" and len(r["values"]) > place]
        found = [(r["values"][place], r["task"].removeprefix("accuracy ")) for r in rows]
        found = [pair for pair in found if pair[0] is not None]
        yield Goal("G12", f"{what} off ball arithmetic", found, most, most, limit, "less", unit)


def _row(goal):
    row = {"goal": goal.goal, "what": goal.what, "floor": goal.floor, "aim": goal.aim, "limit": goal.limit}
    if not goal.values:
        return row | {"measured": "-", "worst": None, "best": None, "verdict": "not measured"}
    ordered = sorted(goal.values, reverse=goal.better == "less")
    (worst, where), (best, _) = ordered[0], ordered[-1]
    reached = (lambda level: worst >= level) if goal.better == "more" else (lambda level: worst <= level)
    verdict = "aim" if reached(goal.aim) else "floor" if reached(goal.floor) else "missed"
    text = f"{worst:.3g}" + (f" to {best:.3g}" if len(ordered) > 1 else "") + f" {goal.unit}".rstrip()
    text += f" (worst: {where})" if len(ordered) > 1 and where else ""
    return row | {"measured": text, "worst": worst, "best": best, "verdict": verdict}
