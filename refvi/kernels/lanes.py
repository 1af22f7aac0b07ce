"""Lanes: the accumulators of the map-reduce schedules, and the fixed order in which they are joined.

A plain lane holds sums and, below them, the rounding errors that the sums have lost: the result is good to a few u S
however many terms there are, so that a tolerance of c u S needs no allowance for the number of data. A weighted lane holds
(level, total, sums...): terms e^w v are kept as sums of e^(w - level) v, so that no weight overflows. The level moves in
whole nats: a rescaling shrinks what came before by e^-1 at least, so that the rounding errors of all rescalings form a
geometric series instead of growing with the number of states. Lanes are joined pairwise, neighbours first: the result
does not depend on who ran which lane.
Not here: who runs a lane; that is the business of `refvi.targets`.

Checked by  tests/targets/test_schedules.py
"""

import math

from refvi.kernels.portable import portable
from refvi.kernels.scalar import truncate


@portable
def clear(row):
    """Set every entry to zero.

    Shapes      row (W,) -> ()
    Source      none: bookkeeping
    """
    for j in range(row.shape[0]):
        row[j] = 0.0


@portable
def add_term(lane, j, term):
    """Add one term to entry j of a lane, and what the sum loses to the entry below it.

    Formula     s <- s + t,  c <- c + (s + t - fl(s + t))
    Shapes      lane (2, W), j (), term () -> ()
    Source      Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", section 2
    """
    before = lane[0, j]
    after = before + term
    if math.fabs(before) >= math.fabs(term):
        lane[1, j] += (before - after) + term
    else:
        lane[1, j] += (term - after) + before
    lane[0, j] = after


@portable
def settled(lane, j):
    """Entry j of a lane with its rounding errors paid back.

    Formula     s + c;  s alone where it is infinite or NaN
    Shapes      lane (2, W), j () -> ()
    Source      Neumaier 1974, section 2
    """
    carry = lane[1, j]
    return lane[0, j] + carry if carry - carry == 0.0 else lane[0, j]


@portable
def add(lane, row):
    """Add a row to a plain lane.

    Formula     lane_j + row_j, into lane
    Shapes      lane (2, W), row (W,) -> ()
    Source      none: bookkeeping
    """
    for j in range(row.shape[0]):
        add_term(lane, j, row[j])


@portable
def open_weighted(lane):
    """An empty weighted lane: no term, total weight zero.

    Shapes      lane (2, 2 + W) -> ()
    Source      none: bookkeeping
    """
    clear(lane[0])
    clear(lane[1])
    lane[0, 0] = -math.inf


@portable
def raise_level(lane, level):
    """Express the sums of a weighted lane in a higher level.

    Formula     sums_j <- sums_j e^(old level - level)
    Shapes      lane (2, 2 + W), level () -> ()
    Domain      level > old level, or NaN
    Source      Milakov and Gimelshein 2018, Algorithm 3, arXiv:1805.02867v2
    """
    keep = math.exp(lane[0, 0] - level)
    lane[0, 0] = level
    for j in range(1, lane.shape[1]):
        lane[0, j] *= keep
        lane[1, j] *= keep


@portable
def weigh(lane, row):
    """Take a row (log weight, values...) into a weighted lane.

    Formula     total e^level <- total e^level + e^w,  sums_j e^level <- sums_j e^level + e^w v_j
    Shapes      lane (2, 2 + W), row (1 + W,) -> ()
    Domain      w = -inf is an absent term, whatever its values; NaN stays NaN; +inf outweighs all
                that is finite
    Stability   w - level <= 1: nothing overflows; the level is a whole number, so that subtracting it is exact for the
                terms that matter
    Source      Milakov and Gimelshein 2018, Algorithm 3, arXiv:1805.02867v2
    """
    log_weight = row[0]
    if not log_weight <= lane[0, 0] + 1.0:
        raise_level(lane, truncate(log_weight))
    if log_weight == -math.inf:
        return
    weight = 1.0 if log_weight == lane[0, 0] else math.exp(log_weight - lane[0, 0])
    if weight == 0.0:
        return
    add_term(lane, 1, weight)
    for j in range(1, row.shape[0]):
        add_term(lane, 1 + j, weight * row[j])


@portable
def join(lane, other):
    """Take a plain lane into another one.

    Formula     lane_j + other_j, into lane
    Shapes      lane (2, W), other (2, W) -> ()
    Source      none: bookkeeping
    """
    for j in range(lane.shape[1]):
        add_term(lane, j, other[0, j])
        lane[1, j] += other[1, j]


@portable
def join_weighted(lane, other):
    """Take a weighted lane into another one.

    Formula     as `weigh`, with the other lane's total and sums in place of one term
    Shapes      lane (2, 2 + W), other (2, 2 + W) -> ()
    Domain      an empty lane changes nothing; NaN stays NaN
    Source      Milakov and Gimelshein 2018, section 3.1, arXiv:1805.02867v2
    """
    if other[0, 0] == -math.inf:
        return
    if not other[0, 0] <= lane[0, 0]:
        raise_level(lane, other[0, 0])
    scale = 1.0 if other[0, 0] == lane[0, 0] else math.exp(other[0, 0] - lane[0, 0])
    for j in range(1, lane.shape[1]):
        add_term(lane, j, scale * other[0, j])
        lane[1, j] += scale * other[1, j]


@portable
def join_all(lanes, weighted):
    """Join all lanes into the first, neighbours first.

    Shapes      lanes (L, 2, W), weighted () -> ()
    Source      none: a binary tree
    """
    stride = 1
    while stride < lanes.shape[0]:
        for first in range(0, lanes.shape[0] - stride, 2 * stride):
            if weighted:
                join_weighted(lanes[first], lanes[first + stride])
            else:
                join(lanes[first], lanes[first + stride])
        stride *= 2


@portable
def total_of_lanes(lanes, out):
    """Join plain lanes and read the sums.

    Shapes      lanes (L, 2, W), out (W,) -> ()
    Source      none: bookkeeping
    """
    join_all(lanes, False)
    for j in range(out.shape[0]):
        out[j] = settled(lanes[0], j)


@portable
def mean_of_lanes(lanes, out):
    """Join weighted lanes and read the log of the total weight, then the weighted means.

    Formula     log sum e^w = level + log total;  mean_j = sums_j / total
    Shapes      lanes (L, 2, 2 + W), out (1 + W,) -> ()
    Domain      no term at all gives -inf and NaN means
    Source      none: definition of a weighted mean
    """
    join_all(lanes, True)
    level, total = lanes[0, 0, 0], settled(lanes[0], 1)
    out[0] = level if level == -math.inf else level + math.log(total)
    for j in range(1, out.shape[0]):
        out[j] = math.nan if level == -math.inf else settled(lanes[0], 1 + j) / total
