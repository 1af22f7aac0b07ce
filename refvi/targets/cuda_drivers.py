"""The device drivers of the three schedules. Imported when CUDA is asked for: importing numba.cuda takes half a second.

`cuda` has to be a global of this module: the simulator swaps it for its own. Every driver strides over its items, so that
the number of threads, and with it the scratch space, is bounded.
"""

import functools

from numba import cuda

from refvi.kernels.lanes import add, clear, open_weighted, weigh


@functools.cache
def rows(kernel):
    """One thread per item."""

    def run(inputs, count, scratch, out):
        thread = cuda.grid(1)
        for item in range(thread, count, scratch.shape[0]):
            kernel(item, inputs, out[item], scratch[thread])

    return cuda.jit(run)


@functools.cache
def pairs(kernel):
    """One thread per lane of (datum, sample) pairs."""

    def run(inputs, samples, total, row, scratch, sums):
        thread, lanes = cuda.grid(1), sums.shape[0]
        for lane in range(thread, lanes, scratch.shape[0]):
            for pair in range(lane, total, lanes):
                clear(row[thread])
                kernel(pair // samples, pair % samples, inputs, row[thread], scratch[thread])
                add(sums[lane], row[thread])

    return cuda.jit(run)


@functools.cache
def states(kernel):
    """One thread per lane of enumerated states."""

    def run(inputs, count, row, scratch, sums):
        thread, lanes = cuda.grid(1), sums.shape[0]
        for lane in range(thread, lanes, scratch.shape[0]):
            open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                clear(row[thread])
                kernel(state, inputs, row[thread], scratch[thread])
                weigh(sums[lane], row[thread])

    return cuda.jit(run)
