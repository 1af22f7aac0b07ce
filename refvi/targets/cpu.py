"""The CPU target: the same kernels compiled by Numba, blocks of items on threads that hold no interpreter lock.

Blocks are compiled as serial loops and handed to a thread pool, instead of `parallel=True`: that compiles several times
faster, needs no threading layer, and the number of threads is an argument. Items and lanes are independent, so the
partition changes no bit. No fast-math: every operation is the one that Python would do.
"""

import functools
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from refvi.kernels import lanes as lane_kernels
from refvi.kernels.portable import register_all
from refvi.targets.arrays import check_schedule, contiguous, workspace
from refvi.targets.cache import compiled

EXACT = True
SERIAL_BELOW = 256


def available():
    """Always: numba is a dependency."""
    return True


def describe():
    """One line for reports."""
    import numba

    return f"cpu: numba {numba.__version__}, {cores()} cores"


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    check_schedule(kernel, threads, count=count, width=width)
    inputs, out = contiguous(inputs), np.zeros((count, width))
    run = _rows(kernel, _ours(kernel, inputs))
    _over_blocks(lambda first, last: run(inputs, first, last, out, workspace(scratch)), count, count, threads)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    check_schedule(kernel, threads, data=data, samples=samples, width=width, lanes=lanes)
    inputs, sums, total = contiguous(inputs), np.zeros((lanes, 2, width)), data * samples
    run = _pairs(kernel, _ours(kernel, inputs))

    def block(first, last):
        run(inputs, samples, total, first, last, lanes, np.zeros(width), workspace(scratch), sums)

    _over_blocks(block, lanes, total, threads)
    return read_lanes(sums, np.zeros(width), weighted=False)


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):
    """Log of the sum of weights and the weighted means of kernel(state, inputs, out, scratch); returns (1 + width,)."""
    check_schedule(kernel, threads, count=count, width=width, lanes=lanes)
    inputs, sums = contiguous(inputs), np.zeros((lanes, 2, 2 + width))
    run = _states(kernel, _ours(kernel, inputs))

    def block(first, last):
        run(inputs, count, first, last, lanes, np.zeros(1 + width), workspace(scratch), sums)

    _over_blocks(block, lanes, count, threads)
    return read_lanes(sums, np.zeros(1 + width), weighted=True)


def read_lanes(sums, out, *, weighted):
    """Join the lanes and read them: `out` filled."""
    (_mean_of_lanes if weighted else _total_of_lanes)()(sums, out)
    return out


def _over_blocks(run, length, work, threads):
    """run(first, last) over a partition of range(length); in this thread alone when the work is small."""
    if threads is None:
        threads = cores() if work >= SERIAL_BELOW else 1
    threads = min(threads, max(length, 1))
    if threads == 1:
        run(0, length)
        return
    edges = [length * n // threads for n in range(threads + 1)]
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(run, first, last) for first, last in itertools.pairwise(edges[1:])]
        run(0, edges[1])
        for other in others:
            other.result()


def _ours(kernel, inputs):
    """Whether kernel and types of inputs live in refvi: only then does the key of the disk cache cover them."""
    if isinstance(inputs, tuple):
        named = [type(inputs)] if hasattr(inputs, "_fields") else []
        return all(_ours(thing, None) for thing in [kernel, *named]) and all(
            _ours(kernel, part) for part in inputs
        )
    return (getattr(kernel, "__module__", None) or "").split(".")[0] == "refvi"


def _compiled(driver, ours):
    register_all()
    return compiled(driver, cache=ours)


@functools.cache
def _rows(kernel, ours):
    def run(inputs, first, last, out, scratch):
        for item in range(first, last):
            kernel(item, inputs, out[item], scratch)

    return _compiled(run, ours)


@functools.cache
def _pairs(kernel, ours):
    clear, add = lane_kernels.clear, lane_kernels.add

    def run(inputs, samples, total, first, last, lanes, row, scratch, sums):
        for lane in range(first, last):
            for pair in range(lane, total, lanes):
                clear(row)
                kernel(pair // samples, pair % samples, inputs, row, scratch)
                add(sums[lane], row)

    return _compiled(run, ours)


@functools.cache
def _states(kernel, ours):
    clear, open_weighted, weigh = lane_kernels.clear, lane_kernels.open_weighted, lane_kernels.weigh

    def run(inputs, count, first, last, lanes, row, scratch, sums):
        for lane in range(first, last):
            open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                clear(row)
                kernel(state, inputs, row, scratch)
                weigh(sums[lane], row)

    return _compiled(run, ours)


@functools.cache
def _total_of_lanes():
    return _compiled(lane_kernels.total_of_lanes, True)


@functools.cache
def _mean_of_lanes():
    return _compiled(lane_kernels.mean_of_lanes, True)
