"""`refvi evidence`: exact log evidence and gradient of a sigmoid belief network in a file, with its cost told before."""

import os
from typing import NamedTuple

import numpy as np

from refvi.commands.arrays import read_data, read_model
from refvi.commands.executors import open_executor
from refvi.errors import UsageError
from refvi.fast.arguments import read_problem
from refvi.fast.cost import estimate
from refvi.fast.evidence import prepare_plain
from refvi.fast.shards import sharded_log_evidence, sharded_log_evidence_gradient
from refvi.fast.threads import cores
from refvi.printing import fraction

SECONDS_PER_SHARD = 1.0  # what an interruption without a checkpoint of its own may lose
# Factors of all data that NumPy has done before compiled code is loaded, let alone compiled. The library, which may be
# called again, compiles earlier: between its limit and this one the last bits may differ.
SMALL = {"subset_products": 1 << 28, "log_domain": 1 << 24}
GRADIENT = 4  # times as much
FEWEST_SHARDS, MOST_SHARDS = 64, 4096
GRADIENTS = ("grad_W", "grad_b", "grad_c")


class Wanted(NamedTuple):
    """What the user asks for; see `refvi evidence --help`."""

    model: str
    data: str
    grad: bool = False
    executor: str | None = None
    checkpoint: str | None = None
    shards: int | None = None
    threads: int | None = None
    limit: float = 600.0
    out: str | None = None


def run(wanted, say):
    """Read, estimate, refuse or compute, write; returns the results by name. `say` is told what is going on.

    Checked by  tests/commands/test_evidence.py
    """
    _check(wanted)
    network = _read(wanted)
    with open_executor(wanted.executor) as workers:
        plain = _is_small(network, wanted.grad)
        cost = estimate(*network, gradient=wanted.grad, plain=plain)
        threads = wanted.threads or (cores() if workers.executor is None else 1)
        parallel = _parallel(wanted, workers, threads)
        seconds = cost.seconds / parallel
        say(_says(network, cost, parallel, seconds))
        if seconds > wanted.limit:
            raise UsageError(
                f"this would take about {duration(seconds)}, longer than --limit {wanted.limit:g} (seconds): "
                f"raise the limit, add workers with --executor, or drop hidden units (each one halves the time)"
            )
        shards = wanted.shards or int(min(max(FEWEST_SHARDS, seconds / SECONDS_PER_SHARD), MOST_SHARDS))
        found = _compute(wanted, network, plain, cost, workers.executor, shards, threads, say)
    if wanted.out:
        np.savez(_npz(wanted.out), **found)
    return found


def text(found, wanted):
    """The results for a person: every datum, the total, and how large the gradient is."""
    values = np.atleast_1d(found["log_evidence"])
    rows = [f"log evidence {n:>{len(str(len(values) - 1))}}   {float(v)!r}" for n, v in enumerate(values)]
    rows.append(f"total {found['total']!r}   nats, {_data(len(values))}, exact to rounding")
    for name in GRADIENTS:
        if name in found:
            size, shape = float(np.abs(found[name]).max()), ", ".join(map(str, found[name].shape))
            rows.append(f"{name} ({shape}) of the total   largest entry {size:.6g}")
    if wanted.out:
        rows.append(f"written to {_npz(wanted.out)}")
    elif wanted.grad:
        rows.append("the gradient was not kept: --out FILE or --json do")
    return "\n".join(rows)


def plain(found):
    """The results as numbers and lists."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def duration(seconds):
    """A time in words, e.g. "4 minutes"."""
    if seconds < 0.001:
        return "a millisecond"
    if seconds < 1.0:
        return f"{1000.0 * seconds:.0f} ms"
    for unit, size, most in (
        ("s", 1.0, 120.0),
        ("minutes", 60.0, 120.0),
        ("hours", 3600.0, 48.0),
        ("days", 86400.0, 730.0),
    ):
        if seconds < size * most:
            return f"{seconds / size:.2g} {unit}" if seconds < 10.0 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 31557600.0:.2g} years"


def _read(wanted):
    network = read_data(wanted.data), *read_model(wanted.model)
    try:
        read_problem(*network)
    except UsageError as error:
        found = str(error)
        place, found = (
            (wanted.data, f"the array{found[1:]}") if found.startswith("x ") else (wanted.model, found)
        )
        raise UsageError(f"{place}: {found}") from None
    return network


def _check(wanted):
    for name in ("shards", "threads"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, got {value}")
    if not wanted.limit > 0:
        raise UsageError(f"--limit must be a positive number of seconds, got {wanted.limit:g}")
    if wanted.out:
        folder = os.path.dirname(os.path.abspath(wanted.out))
        if os.path.isdir(wanted.out) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            raise UsageError(f"--out must be a file that can be written, got {wanted.out!r}")


def _data(count):
    return "1 datum" if count == 1 else f"{count} data"


def _is_small(network, grad):
    problem = read_problem(*network)
    (B, D), K = problem.x.shape, problem.c.size
    route = prepare_plain(problem)[0].__name__.rpartition(".")[2]
    return (B * D << K) * (GRADIENT if grad else 1) < SMALL[route]


def _npz(path):
    return path if path.endswith(".npz") else path + ".npz"


def _parallel(wanted, workers, threads):
    """How many cores work at once: those of this machine, unless the work goes elsewhere."""
    asked = workers.at_once * threads
    return asked if (wanted.executor or "").startswith("dask:") else min(asked, cores())


def _says(network, cost, parallel, seconds):
    x, W = network[0], network[1]
    (D, K), B = W.shape, len(np.atleast_2d(x))
    return (
        f"{_data(B)}, {D} visible and {K} hidden units: 2^{K} = {cost.states:.2g} states, {cost.factors:.2g} factors each "
        f"datum ({cost.route})\n"
        f"measured {cost.rate:.2g} factors a second and core; with {parallel} at once about {duration(seconds)}"
    )


def _compute(wanted, network, plain, cost, executor, shards, threads, say):
    share = cost.evidence / cost.seconds
    offset = {"evidence": (0.0, share), "posterior": (share, 1.0 - share)}
    done = [0.0]
    with fraction("evidence and gradient" if wanted.grad else "evidence") as show:

        def progress(kind, finished, pieces):
            start, size = offset[kind]
            done[0] = start + size * finished / pieces
            show(done[0])

        compute = sharded_log_evidence_gradient if wanted.grad else sharded_log_evidence
        try:
            found = compute(*network, executor, shards, wanted.checkpoint, threads, progress, plain)
        except KeyboardInterrupt:
            if wanted.checkpoint:
                say(
                    f"{100 * done[0]:.0f} % is kept in {wanted.checkpoint}; the same command goes on from there"
                )
            raise
    found = found._asdict() if wanted.grad else {"log_evidence": found}
    return {**found, "total": float(np.sum(found["log_evidence"]))}
