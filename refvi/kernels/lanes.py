"""Lanes: the accumulators of the map-reduce schedules, and the fixed order in which they are joined.

A plain lane holds sums. A weighted lane holds (top, total, sums...): terms e^w v are kept as sums of e^(w - top) v, so that
no weight overflows. Lanes are joined pairwise, neighbours first: the result does not depend on who ran which lane.
Not here: who runs a lane; that is the business of `refvi.targets`.

Checked by  tests/targets/test_schedules.py
"""

import math

from refvi.kernels.portable import portable


@portable
def clear(row):
    """Set every entry to zero.

    Shapes      row (W,) -> ()
    Source      none: bookkeeping
    """
    for j in range(row.shape[0]):
        row[j] = 0.0


@portable
def add(lane, row):
    """Add a row to a plain lane.

    Formula     lane_j + row_j, into lane
    Shapes      lane (W,), row (W,) -> ()
    Source      none: bookkeeping
    """
    for j in range(row.shape[0]):
        lane[j] += row[j]


@portable
def open_weighted(lane):
    """An empty weighted lane: no term, total weight zero.

    Shapes      lane (2 + W,) -> ()
    Source      none: bookkeeping
    """
    clear(lane)
    lane[0] = -math.inf


@portable
def weigh(lane, row):
    """Take a row (log weight, values...) into a weighted lane.

    Formula     total e^top <- total e^top + e^w,  sums_j e^top <- sums_j e^top + e^w v_j
    Shapes      lane (2 + W,), row (1 + W,) -> ()
    Domain      w = -inf is an absent term; NaN stays NaN
    Stability   the larger exponent is factored out; e is only taken of what is <= 0
    Source      Milakov and Gimelshein 2018, Algorithm 3, arXiv:1805.02867v2
    """
    log_weight = row[0]
    if log_weight == -math.inf:
        return
    if log_weight <= lane[0]:
        weight = math.exp(log_weight - lane[0])
        lane[1] += weight
        for j in range(1, row.shape[0]):
            lane[1 + j] += weight * row[j]
    else:
        keep = 0.0 if lane[0] == -math.inf else math.exp(lane[0] - log_weight)
        lane[0] = log_weight
        lane[1] = lane[1] * keep + 1.0
        for j in range(1, row.shape[0]):
            lane[1 + j] = lane[1 + j] * keep + row[j]


@portable
def join_weighted(lane, other):
    """Take a weighted lane into another one.

    Formula     as `weigh`, with the other lane's total and sums in place of one term
    Shapes      lane (2 + W,), other (2 + W,) -> ()
    Domain      an empty lane changes nothing; NaN stays NaN
    Source      Milakov and Gimelshein 2018, section 3.1, arXiv:1805.02867v2
    """
    if other[0] == -math.inf:
        return
    if other[0] <= lane[0]:
        weight = math.exp(other[0] - lane[0])
        for j in range(1, lane.shape[0]):
            lane[j] += weight * other[j]
    else:
        keep = 0.0 if lane[0] == -math.inf else math.exp(lane[0] - other[0])
        lane[0] = other[0]
        for j in range(1, lane.shape[0]):
            lane[j] = lane[j] * keep + other[j]


@portable
def join_all(lanes, weighted):
    """Join all lanes into the first, neighbours first.

    Shapes      lanes (L, W), weighted () -> ()
    Source      none: a binary tree
    """
    stride = 1
    while stride < lanes.shape[0]:
        for first in range(0, lanes.shape[0] - stride, 2 * stride):
            if weighted:
                join_weighted(lanes[first], lanes[first + stride])
            else:
                add(lanes[first], lanes[first + stride])
        stride *= 2


@portable
def close_weighted(lane, out):
    """Read a weighted lane: the log of the total weight, then the weighted means.

    Formula     log sum e^w = top + log total;  mean_j = sums_j / total
    Shapes      lane (2 + W,), out (1 + W,) -> ()
    Domain      an empty lane gives -inf and NaN means
    Source      none: definition of a weighted mean
    """
    out[0] = lane[0] if lane[0] == -math.inf else lane[0] + math.log(lane[1])
    for j in range(1, out.shape[0]):
        out[j] = math.nan if lane[1] == 0.0 else lane[1 + j] / lane[1]
