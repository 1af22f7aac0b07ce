"""Exact evidence and gradient as shards that any executor runs and that a checkpoint survives.

A shard is a set of pieces (see `pieces`, `posterior_pieces`). The result is the same to the last bit for any number of
threads, shards and workers, and however often the work was interrupted, on processors of one kind.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.fast.arguments import Problem, read_problem, read_threads
from refvi.fast.gradient import as_given, gradient_of
from refvi.fast.pieces import Memory, evidence_pieces
from refvi.fast.posterior_pieces import posterior_pieces


class Job(NamedTuple):
    """What a worker needs to know: "evidence" or "posterior", and arrays as bytes and shapes, which hash and travel."""

    kind: str
    plain: bool
    arrays: tuple


class Crew(NamedTuple):
    """Who works: an executor or None, the number of shards, threads in each, and who is told about progress."""

    executor: object
    shards: int
    threads: int | None
    progress: object


def sharded_log_evidence(
    x, W, b, c, executor=None, shards=64, checkpoint=None, threads=None, progress=None, plain=False
):
    """Exact log evidence, computed in shards: for hours of work, many machines, or both.

    executor    any `concurrent.futures.Executor`: threads, processes, Dask's `Client.get_executor()`, mpi4py;
                None computes here
    shards      into how many tasks the missing work is cut
    checkpoint  path of a file that keeps finished shards and is resumed from; None keeps nothing
    threads     threads in each shard; None means one for each core
    progress    called with ("evidence", finished pieces, all pieces) at the start and after each shard
    plain       NumPy for any size: right, slow for large models, and nothing has to be compiled

    Formula     log p(x) as in `refvi.fast.evidence`
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_shards.py
    """
    problem, crew = read_problem(x, W, b, c), _crew(executor, shards, threads, progress)
    with _kept(checkpoint, problem, plain) as kept:
        return as_given(x, _evidence(problem, plain, kept, crew).log_evidence)


def sharded_log_evidence_gradient(
    x, W, b, c, executor=None, shards=64, checkpoint=None, threads=None, progress=None, plain=False
):
    """Exact log evidence of each datum and the exact gradient of their sum, computed in shards.

    The arguments are those of `sharded_log_evidence`; progress reports "posterior" after "evidence". A checkpoint of
    the evidence is resumed from.

    Formula     `EvidenceGradient` as in `refvi.fast.gradient`
    Shapes      x (D,) or (B, D), W (D, K), b (D,), c (K,) -> EvidenceGradient
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_sharded_gradient.py
    """
    problem, crew = read_problem(x, W, b, c), _crew(executor, shards, threads, progress)
    with _kept(checkpoint, problem, plain) as kept:
        found = _evidence(problem, plain, kept, crew)
        posterior = _joined(Job("posterior", bool(plain), _frozen((*problem, found.scale))), kept, crew)
    return gradient_of(as_given(x, found.log_evidence), problem.c, posterior)


def compute_shard(job, numbers, threads):
    """Rows of the pieces with these increasing numbers. Runs in a worker, which keeps the tables of one model."""
    pieces = _pieces(job)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return np.concatenate([pieces.rows(int(run[0]), int(run[-1]) + 1, threads) for run in runs])


def _crew(executor, shards, threads, progress):
    if not (isinstance(shards, int | np.integer) and shards >= 1):
        raise UsageError(f"shards must be a positive integer, got {shards!r}")
    return Crew(executor, shards, read_threads(threads), progress or (lambda *_: None))


def _kept(checkpoint, problem, plain):
    if checkpoint is None:
        return Memory()
    from refvi.fast.checkpoint import Checkpoint, fingerprint

    return Checkpoint(checkpoint, fingerprint("sigmoid belief", bool(plain), *problem))


def _evidence(problem, plain, kept, crew):
    return _joined(Job("evidence", bool(plain), _frozen(problem)), kept, crew)


def _joined(job, kept, crew):
    """All pieces of a job, those that nobody kept computed, and joined."""
    pieces = _pieces(job)
    table = kept.table(job.kind, pieces.total, pieces.width)
    crew.progress(job.kind, int(table.done.sum()), pieces.total)
    for numbers, rows in _run(job, table.missing(), crew):
        table.store(numbers, rows)
        crew.progress(job.kind, int(table.done.sum()), pieces.total)
    return pieces.join(table.rows)


def _run(job, numbers, crew):
    """Compute the rows of some pieces in shards, and give each shard's as soon as they are there."""
    parts = [part for part in np.array_split(numbers, min(crew.shards, max(1, numbers.size))) if part.size]
    if crew.executor is None:
        yield from ((part, compute_shard(job, part, crew.threads)) for part in parts)
        return
    from concurrent.futures import FIRST_COMPLETED, wait

    waiting = {crew.executor.submit(compute_shard, job, part, crew.threads): part for part in parts}
    try:
        while waiting:
            done = wait(waiting, return_when=FIRST_COMPLETED).done
            # What succeeded is kept before a failure ends the rest.
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield waiting.pop(future), future.result()
    finally:
        for future in waiting:
            future.cancel()


def _frozen(arrays):
    return tuple((np.ascontiguousarray(array).tobytes(), array.shape) for array in arrays)


@lru_cache(maxsize=1)
def _pieces(job):
    x, W, b, c, *scale = (np.frombuffer(data).reshape(shape) for data, shape in job.arrays)
    build = {"evidence": evidence_pieces, "posterior": posterior_pieces}[job.kind]
    return build(Problem(x, W, b, c), *scale, plain=job.plain)
