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
    inputs, out, run = contiguous(inputs), np.zeros((count, width)), _rows(kernel)
    _over_blocks(lambda first, last: run(inputs, first, last, out, workspace(scratch)), count, count, threads)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    check_schedule(kernel, threads, data=data, samples=samples, width=width, lanes=lanes)
    inputs, sums, run, total = contiguous(inputs), np.zeros((lanes, 2, width)), _pairs(kernel), data * samples

    def block(first, last):
        run(inputs, samples, total, first, last, lanes, np.zeros(width), workspace(scratch), sums)

    _over_blocks(block, lanes, total, threads)
    return read_lanes(sums, np.zeros(width), weighted=False)


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):
    """Log of the sum of weights and the weighted means of kernel(state, inputs, out, scratch); returns (1 + width,)."""
    check_schedule(kernel, threads, count=count, width=width, lanes=lanes)
    inputs, sums, run = contiguous(inputs), np.zeros((lanes, 2, 2 + width)), _states(kernel)

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


def _compiled(driver, kernel):
    register_all()
    return compiled(driver, cache=getattr(kernel, "__module__", "").split(".")[0] == "refvi")


@functools.cache
def _rows(kernel):
    def run(inputs, first, last, out, scratch):
        for item in range(first, last):
            kernel(item, inputs, out[item], scratch)

    return _compiled(run, kernel)


@functools.cache
def _pairs(kernel):
    clear, add = lane_kernels.clear, lane_kernels.add

    def run(inputs, samples, total, first, last, lanes, row, scratch, sums):
        for lane in range(first, last):
            for pair in range(lane, total, lanes):
                clear(row)
                kernel(pair // samples, pair % samples, inputs, row, scratch)
                add(sums[lane], row)

    return _compiled(run, kernel)


@functools.cache
def _states(kernel):
    clear, open_weighted, weigh = lane_kernels.clear, lane_kernels.open_weighted, lane_kernels.weigh

    def run(inputs, count, first, last, lanes, row, scratch, sums):
        for lane in range(first, last):
            open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                clear(row)
                kernel(state, inputs, row, scratch)
                weigh(sums[lane], row)

    return _compiled(run, kernel)


@functools.cache
def _total_of_lanes():
    return _compiled(lane_kernels.total_of_lanes, lane_kernels.total_of_lanes)


@functools.cache
def _mean_of_lanes():
    return _compiled(lane_kernels.mean_of_lanes, lane_kernels.mean_of_lanes)
