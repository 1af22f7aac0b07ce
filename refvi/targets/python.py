"""The plain Python target: the kernels as they are written, one item after the other. Slow, and the truth."""

import numpy as np

from refvi.kernels import lanes as lane_kernels
from refvi.targets.arrays import contiguous, workspace


def available():
    """Always."""
    return True


def describe():
    """One line for reports."""
    return "python: kernels as written"


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):  # noqa: ARG001 - one signature for all targets
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    inputs, out, work = contiguous(inputs), np.zeros((count, width)), workspace(scratch)
    with np.errstate(all="ignore"):
        for item in range(count):
            kernel(item, inputs, out[item], work)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):  # noqa: ARG001
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    inputs, sums, row, work = (
        contiguous(inputs),
        np.zeros((lanes, width)),
        np.zeros(width),
        workspace(scratch),
    )
    with np.errstate(all="ignore"):
        for lane in range(lanes):
            for pair in range(lane, data * samples, lanes):
                lane_kernels.clear(row)
                kernel(pair // samples, pair % samples, inputs, row, work)
                lane_kernels.add(sums[lane], row)
        lane_kernels.join_all(sums, False)
    return sums[0]


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):  # noqa: ARG001
    """Return log sum_s e^w_s and the weighted means of kernel(state, inputs, out, scratch): (1 + width,)."""
    inputs, sums, row = contiguous(inputs), np.zeros((lanes, 2 + width)), np.zeros(1 + width)
    work, out = workspace(scratch), np.zeros(1 + width)
    with np.errstate(all="ignore"):
        for lane in range(lanes):
            lane_kernels.open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                lane_kernels.clear(row)
                kernel(state, inputs, row, work)
                lane_kernels.weigh(sums[lane], row)
        lane_kernels.join_all(sums, True)
        lane_kernels.close_weighted(sums[0], out)
    return out
