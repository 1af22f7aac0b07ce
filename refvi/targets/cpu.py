"""The CPU target: the same kernels compiled by Numba, blocks of items on threads that hold no interpreter lock.

Blocks are compiled as serial loops and handed to a thread pool, instead of `parallel=True`: that compiles several times
faster, needs no threading layer, and the number of threads is an argument. Items and lanes are independent, so the
partition changes no bit.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from refvi.kernels import lanes as lane_kernels
from refvi.kernels.portable import register_all
from refvi.targets.arrays import contiguous, workspace
from refvi.targets.cache import compiled

SERIAL_BELOW = 256


def available():
    """Always: numba is a dependency."""
    return True


def describe():
    """One line for reports."""
    import numba

    return f"cpu: numba {numba.__version__}, {os.cpu_count()} cores"


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    inputs, out, run = contiguous(inputs), np.zeros((count, width)), _rows(kernel)
    _over_blocks(lambda first, last: run(inputs, first, last, out, workspace(scratch)), count, count, threads)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    inputs, sums, run, total = contiguous(inputs), np.zeros((lanes, width)), _pairs(kernel), data * samples
    _over_blocks(
        lambda first, last: run(
            inputs, samples, total, first, last, lanes, np.zeros(width), workspace(scratch), sums
        ),
        lanes,
        total,
        threads,
    )
    lane_kernels.join_all(sums, False)
    return sums[0]


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):
    """Return log sum_s e^w_s and the weighted means of kernel(state, inputs, out, scratch): (1 + width,)."""
    inputs, sums, run, out = (
        contiguous(inputs),
        np.zeros((lanes, 2 + width)),
        _states(kernel),
        np.zeros(1 + width),
    )
    _over_blocks(
        lambda first, last: run(
            inputs, count, first, last, lanes, np.zeros(1 + width), workspace(scratch), sums
        ),
        lanes,
        count,
        threads,
    )
    with np.errstate(all="ignore"):
        lane_kernels.join_all(sums, True)
        lane_kernels.close_weighted(sums[0], out)
    return out


def _over_blocks(run, length, work, threads):
    """run(first, last) over a partition of range(length): in this thread when the work is small."""
    threads = min(threads or os.cpu_count() or 1, max(length, 1))
    if threads == 1 or work < SERIAL_BELOW:
        run(0, length)
        return
    edges = [length * n // threads for n in range(threads + 1)]
    run(0, edges[1]) if edges[1] else None
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, edges[1:-1], edges[2:]))


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
