"""What an exact evidence or gradient will cost, from a little of it: a few strips are computed and timed.

The time is that of one top state with all others like it, so that models far too large to be computed are judged in
a fraction of a second. Machine code is loaded or compiled before the clock starts.
"""

import math
import time
from typing import NamedTuple

import numpy as np

from refvi.fast.arguments import read_problem
from refvi.fast.evidence import prepare_compiled, prepare_plain
from refvi.fast.posterior_pieces import GROUPS, group_sums

PATIENCE = 0.01  # seconds of work that are timed, at least, where there is as much
GRADIENT_ROWS = 64


class Cost(NamedTuple):
    """Work and time on one core of this machine.

    states      2^K, as a float: K may be large
    factors     states times visibles, for one datum
    route       arithmetic, as in `ranges`, or plain products
    evidence    seconds for the evidence of all data
    posterior   seconds for the gradient beside it, 0 where it is not wanted
    """

    states: float
    factors: float
    route: str
    evidence: float
    posterior: float

    @property
    def seconds(self):
        """All of it, on one core."""
        return self.evidence + self.posterior

    @property
    def rate(self):
        """Factors per second and core, all data together."""
        return self.factors / self.evidence


def estimate(x, W, b, c, gradient=False, plain=False):
    """Cost of `sharded_log_evidence`, or of `sharded_log_evidence_gradient`.

    Formula     seconds = seconds of a sample * 2^K / states of the sample * data / data of the sample
    Shapes      x (D,) or (B, D), W (D, K), b (D,), c (K,) -> Cost
    Checked by  tests/fast/test_cost.py
    """
    problem = read_problem(x, W, b, c)
    D, K = problem.W.shape
    network = prepare_compiled(problem, plain)
    route, evidence, posterior = (
        _plain_sample(problem, gradient) if network is None else _sample(network, problem.x, gradient)
    )
    states = math.ldexp(1.0, min(K, 1000))
    return Cost(states, states * D, route, evidence * states, posterior * states)


def _sample(network, x, gradient):
    """The route, and seconds for each state: of the evidence, and of the gradient beside it."""
    from refvi.fast.multiplicative import scale_to_peak, strip_sums
    from refvi.fast.network import in_parts, states_of

    # One state of the top bits: the tables of the sample stay as they are, for any K.
    split, one = network.split, network.split.high + network.split.low
    network = network._replace(
        W=np.ascontiguousarray(network.W[:, :one]), c=network.c[:one], split=split._replace(top=0)
    )
    part = in_parts(x)[0]
    states, parts = states_of(network, part), len(x) / len(part)

    def strips(count):
        return strip_sums(network, states, 0, count, 1)

    count, seconds = _timed(strips, split.strips)
    evidence = parts * seconds / (count * split.strip << split.low)
    if not gradient:
        return network.route.value, evidence, 0.0
    scaled, peak = scale_to_peak(strips(1))
    scale = np.stack([scaled.sum(axis=0), peak], axis=1)
    groups = max(min(split.strips, GROUPS), (1 << split.high) // GRADIENT_ROWS)
    _, seconds = _timed(lambda _: group_sums(network, states, scale, 0, 0, groups), 1)
    return network.route.value, evidence, parts * seconds * groups / (1 << one)


def _plain_sample(problem, gradient):
    """The route, and seconds for each state in plain NumPy: of the evidence, and of the gradient beside it."""
    route, given = prepare_plain(problem)
    name = "log" if given is problem else "plain products"
    blocks, sums = route.count_blocks(given), []
    size = math.ldexp(1.0, problem.c.size) / blocks

    def evidence(count):
        sums[:] = route.block_sums(given, 0, count, 1)

    count, seconds = _timed(evidence, blocks)
    first = seconds / (count * size)
    if not gradient:
        return name, first, 0.0
    values = route.join_blocks(given, np.array(sums))
    count, seconds = _timed(lambda n: route.group_posterior(given, values, 0, n, 1), blocks)
    return name, first, seconds / (count * size)


def _timed(run, most):
    """How much of `most` was run last, a power of two, and in how many seconds; the first run only warms up."""
    run(1)
    count = 1
    while True:
        start = time.perf_counter()
        run(count)
        seconds = time.perf_counter() - start
        if seconds >= PATIENCE or 2 * count > most:
            return count, seconds
        count *= 2
