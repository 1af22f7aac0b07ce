"""The device drivers of the three schedules. Imported when CUDA is asked for: importing numba.cuda takes half a second.

`cuda` has to be a global of this module: the simulator swaps it for its own.
"""

import functools

from numba import cuda

from refvi.kernels.lanes import add, clear, open_weighted, weigh


@functools.cache
def rows(kernel):
    """One thread per item."""

    def run(inputs, count, scratch, out):
        item = cuda.grid(1)
        if item < count:
            kernel(item, inputs, out[item], scratch[item])

    return run


@functools.cache
def pairs(kernel):
    """One thread per lane of (datum, sample) pairs."""

    def run(inputs, samples, total, lanes, row, scratch, sums):
        lane = cuda.grid(1)
        if lane < lanes:
            for pair in range(lane, total, lanes):
                clear(row[lane])
                kernel(pair // samples, pair % samples, inputs, row[lane], scratch[lane])
                add(sums[lane], row[lane])

    return run


@functools.cache
def states(kernel):
    """One thread per lane of enumerated states."""

    def run(inputs, count, lanes, row, scratch, sums):
        lane = cuda.grid(1)
        if lane < lanes:
            open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                clear(row[lane])
                kernel(state, inputs, row[lane], scratch[lane])
                weigh(sums[lane], row[lane])

    return run
