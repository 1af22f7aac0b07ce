"""Exact evidence as shards that any executor runs and that a checkpoint survives.

A shard is a set of pieces (see `pieces`). The result is the same to the last bit for any number of threads, shards
and workers, and however often the work was interrupted, on processors of one kind.
"""

from concurrent.futures import FIRST_COMPLETED, wait
from functools import lru_cache

import numpy as np

from refvi.errors import UsageError
from refvi.fast.arguments import Problem, read_problem, read_threads
from refvi.fast.checkpoint import Checkpoint, fingerprint
from refvi.fast.pieces import evidence_pieces


def sharded_log_evidence(x, W, b, c, executor=None, shards=64, checkpoint=None, threads=None):
    """Exact log evidence, computed in shards: for hours of work, many machines, or both.

    executor    any `concurrent.futures.Executor`: threads, processes, Dask's `Client.get_executor()`, mpi4py;
                None computes here
    shards      into how many tasks the missing work is cut
    checkpoint  path of a file that keeps finished shards and is resumed from; None keeps nothing
    threads     threads in each shard; None means one for each core

    Formula     log p(x) as in `refvi.fast.evidence`
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_shards.py
    """
    problem, threads = read_problem(x, W, b, c), read_threads(threads)
    if not (isinstance(shards, int | np.integer) and shards >= 1):
        raise UsageError(f"shards must be a positive integer, got {shards!r}")
    frozen = tuple((array.tobytes(), array.shape) for array in problem)
    pieces = _pieces(frozen)
    if checkpoint is None:
        rows = np.zeros((pieces.total, pieces.width))
        for numbers, found in _run(frozen, np.arange(pieces.total), executor, shards, threads):
            rows[numbers] = found
    else:
        identity = fingerprint("log evidence", *problem, pieces.total, pieces.width)
        with Checkpoint(checkpoint, identity, pieces.total, pieces.width) as kept:
            for numbers, found in _run(frozen, kept.missing(), executor, shards, threads):
                kept.store(numbers, found)
            rows = kept.rows
    values = pieces.join(rows)
    return values if np.ndim(x) == 2 else float(values[0])


def compute_shard(frozen, numbers, threads):
    """Rows of the pieces with these increasing numbers. Runs in a worker, which keeps the tables of one model."""
    pieces = _pieces(frozen)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return np.concatenate([pieces.rows(int(run[0]), int(run[-1]) + 1, threads) for run in runs])


def _run(frozen, numbers, executor, shards, threads):
    """Compute the rows of some pieces in shards, and give each shard's as soon as they are there."""
    parts = [part for part in np.array_split(numbers, shards) if part.size]
    if executor is None:
        yield from ((part, compute_shard(frozen, part, threads)) for part in parts)
        return
    waiting = {executor.submit(compute_shard, frozen, part, threads): part for part in parts}
    try:
        while waiting:
            done = wait(waiting, return_when=FIRST_COMPLETED).done
            # What succeeded is kept before a failure ends the rest.
            for future in sorted(done, key=lambda future: future.exception() is not None):
                yield waiting.pop(future), future.result()
    finally:
        for future in waiting:
            future.cancel()


@lru_cache(maxsize=1)
def _pieces(frozen):
    """Pieces of a problem that arrives as bytes and shapes, which hash and travel."""
    return evidence_pieces(Problem(*(np.frombuffer(data).reshape(shape) for data, shape in frozen)))
