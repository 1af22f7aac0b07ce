"""What expectation maximisation and its relatives must obey.

Subjects: values of the log evidence along a run; `log_evidence(theta) -> ()`; `q_function(theta, theta_old) -> ()`;
gradients as trees. Not here: that a log evidence is the sum over all latents (`model`).
"""

import itertools
import math

import numpy as np

from refvi.laws.compare import UNIT_ROUNDOFF, at_most, compare, rounding
from refvi.laws.outcome import Outcome, combine
from refvi.oracles.trees import ravel

FACTOR = 8.0


def never_decreases(values, magnitude=0.0, *, name="log evidence"):
    """No step of a run lowers the value.

    Formula     v_i <= v_(i+1) + 8·u·S,  S = magnitude + |v_i| + |v_(i+1)|
    Shapes      values (steps + 1,)
    Domain      `magnitude`: the sum of the absolute terms of one value, e.g. of all data
    Checked by  tests/laws/test_em.py
    """
    law = f"no step lowers the {name}"
    values = [float(v) for v in values]
    outcomes = []
    for i, (before, after) in enumerate(itertools.pairwise(values)):
        size = FACTOR * UNIT_ROUNDOFF * (magnitude + abs(before) + abs(after))
        outcomes.append(
            at_most(law, before, after, size, "8·u·S", f"{name} before step {i + 1}, against after")
        )
    return combine(law, outcomes)


def improves_at_least_by_q(log_evidence, q_function, old, new, magnitude=0.0):
    """The log evidence rises at least as much as Q does: the inequality behind EM.

    Formula     Q(new, old) - Q(old, old) <= L(new) - L(old), by Jensen, for any two parameters
    Shapes      log_evidence(theta) -> (), q_function(theta, theta_old) -> ()
    Source      Dempster, Laird and Rubin 1977, theorem 1
    Checked by  tests/laws/test_em.py
    """
    law = "the log evidence rises at least as much as Q"
    terms = [q_function(new, old), q_function(old, old), log_evidence(new), log_evidence(old)]
    size = FACTOR * UNIT_ROUNDOFF * (magnitude + math.fsum(abs(t) for t in terms))
    return at_most(law, terms[0] - terms[1], terms[2] - terms[3], size, "8·u·S", "rise of Q")


def gradients_meet_at_theta(grad_log_evidence, grad_q, theta, magnitude, *, name="grad"):
    """At theta = theta' the gradient of Q is the gradient of the log evidence (Fisher's identity).

    Formula     d/dtheta Q(theta, theta') at theta' = theta equals dL/dtheta
    Shapes      grad_log_evidence(theta) -> tree, grad_q(theta, theta_old) -> tree; magnitude: scalar or tree
    Checked by  tests/laws/test_em.py
    """
    law = "the gradient of Q at theta' = theta is that of the log evidence"
    return compare(law, grad_log_evidence(theta), grad_q(theta, theta), rounding(magnitude), name)


def gradients_part_elsewhere(grad_log_evidence, grad_q, theta, old, *, least=1e-3):
    """Away from theta' the two gradients are different vectors: an M step is not a step on the log evidence.

    Formula     |dQ(theta, theta') - dL(theta)| > least · |dL(theta)|
    Shapes      as `gradients_meet_at_theta`
    Checked by  tests/laws/test_em.py
    """
    law = "away from theta' the gradient of Q is not that of the log evidence"
    right, other = ravel(grad_log_evidence(theta))[0], ravel(grad_q(theta, old))[0]
    distance, size = float(np.linalg.norm(other - right)), float(np.linalg.norm(right))
    line = f"distance: expected more than {least:g} of {size:.6g}, actual {distance:.6g}"
    return Outcome(law, least * size / distance if distance > 0.0 else math.inf, 1, line)


def is_stationary(grad, magnitude, *, name="grad_q"):
    """A maximiser has gradient zero.

    Formula     |g_i| <= 8·u·S_i
    Shapes      grad: a tree; magnitude: scalar or tree
    Checked by  tests/laws/test_em.py
    """
    vector, rebuild, _ = ravel(grad)
    return compare("the gradient is zero", rebuild(np.zeros(len(vector))), grad, rounding(magnitude), name)


def relabelling(value, relabel, theta, orders, magnitude, *, name="log evidence"):
    """The names of the components do not matter.

    Formula     value(relabel(theta, order)) = value(theta)
    Shapes      value(theta) -> tree, relabel(theta, order) -> theta, orders: permutations
    Checked by  tests/laws/test_em.py
    """
    law = "relabelling the components changes nothing"
    here = value(theta)
    outcomes = [
        compare(
            law, here, value(relabel(theta, order)), rounding(magnitude), f"{name}, components {list(order)}"
        )
        for order in orders
    ]
    return combine(law, outcomes)


def best_path_is_argmax(found, path, log_joint, best, *, magnitude):
    """A claimed most probable path attains the largest log joint, and its claimed value is that.

    Formula     max_z log p(x, z) = value = log p(x, path), within 8·u·S
    Shapes      found: a number; path (T,); log_joint(path) -> (); best: the maximum by enumeration
    Checked by  tests/laws/test_em.py
    """
    law = "the most probable path is the maximum over all paths"
    size = rounding(magnitude + abs(best))
    outcomes = [compare(law, best, float(found), size, "value")]
    outcomes.append(compare(law, best, float(log_joint(path)), size, "log joint of the path"))
    return combine(law, outcomes)


def gaps_add_up(log_evidence, best_in_family, amortised, *, magnitude=0.0):
    """Log evidence, best bound of the family and amortised bound are in order.

    Formula     amortised <= best_in_family <= log evidence; the two gaps are their differences
    Shapes      three numbers
    Source      Cremer, Li and Duvenaud 2018, eq 3-5, arXiv:1801.03558v3
    Checked by  tests/laws/test_em.py
    """
    law = "amortised bound, best bound of the family and log evidence are in order"
    size = FACTOR * UNIT_ROUNDOFF * (magnitude + abs(log_evidence) + abs(best_in_family) + abs(amortised))
    low = at_most(law, amortised, best_in_family, size, "8·u·S", "amortised bound")
    return combine(law, [low, at_most(law, best_in_family, log_evidence, size, "8·u·S", "best bound")])


def minibatches_average_to_all(estimate, subsets, full, magnitude, *, name="objective"):
    """The mean over every minibatch is the full-data quantity: exact unbiasedness.

    Formula     (1 / number of subsets) sum_b estimate(b) = full
    Shapes      estimate(indices) -> tree, subsets: all of them, full: tree; magnitude: scalar or tree
    Checked by  tests/laws/test_em.py
    """
    law = "the mean over all minibatches is the full-data value"
    rows, rebuild = [], None
    for subset in subsets:
        row, rebuild, _ = ravel(estimate(subset))
        rows.append(row)
    mean = rebuild(np.array([math.fsum(column) / len(rows) for column in np.array(rows).T]))
    return compare(law, full, mean, rounding(magnitude), f"mean {name}")
