"""The plain Python target: the kernels as they are written, one item after the other. Slow, and the truth.

Scratch space is NaN again before every item, so that a kernel which relies on what another item left there differs
between the targets and is found out.
"""

import numpy as np

from refvi.kernels import lanes as lane_kernels
from refvi.targets.arrays import check_schedule, contiguous, workspace

EXACT = True


def available():
    """Always."""
    return True


def describe():
    """One line for reports."""
    return "python: kernels as written"


def rows(kernel, inputs, count, width, scratch=0, *, threads=None):
    """kernel(item, inputs, out, scratch) for every item; returns (count, width)."""
    check_schedule(kernel, threads, count=count, width=width)
    inputs, out, work = contiguous(inputs), np.zeros((count, width)), workspace(scratch)
    with np.errstate(all="ignore"):
        for item in range(count):
            work.fill(np.nan)
            kernel(item, inputs, out[item], work)
    return out


def pairs(kernel, inputs, data, samples, width, scratch=0, lanes=64, *, threads=None):
    """Sum of kernel(datum, sample, inputs, out, scratch) over all pairs; returns (width,)."""
    check_schedule(kernel, threads, data=data, samples=samples, width=width, lanes=lanes)
    inputs, sums, row, out = contiguous(inputs), np.zeros((lanes, 2, width)), np.zeros(width), np.zeros(width)
    work = workspace(scratch)
    with np.errstate(all="ignore"):
        for lane in range(lanes):
            for pair in range(lane, data * samples, lanes):
                row.fill(0.0)
                work.fill(np.nan)
                kernel(pair // samples, pair % samples, inputs, row, work)
                lane_kernels.add(sums[lane], row)
        lane_kernels.total_of_lanes(sums, out)
    return out


def states(kernel, inputs, count, width, scratch=0, lanes=64, *, threads=None):
    """Log of the sum of weights and the weighted means of kernel(state, inputs, out, scratch); returns (1 + width,)."""
    check_schedule(kernel, threads, count=count, width=width, lanes=lanes)
    inputs, sums, out = contiguous(inputs), np.zeros((lanes, 2, 2 + width)), np.zeros(1 + width)
    row, work = np.zeros(1 + width), workspace(scratch)
    with np.errstate(all="ignore"):
        for lane in range(lanes):
            lane_kernels.open_weighted(sums[lane])
            for state in range(lane, count, lanes):
                row.fill(0.0)
                work.fill(np.nan)
                kernel(state, inputs, row, work)
                lane_kernels.weigh(sums[lane], row)
        lane_kernels.mean_of_lanes(sums, out)
    return out
