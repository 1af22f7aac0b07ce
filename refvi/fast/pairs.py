"""Exact posterior second moments of the hidden units, by the fastest route that is right."""

import numpy as np

from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.evidence import prepare_compiled, prepare_plain


def posterior_pair_moments(x, W, b, c, threads=None):
    """Exact posterior probability that two hidden units are both on.

    Formula     M_km = E[h_k h_m | x];  the diagonal holds the means
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (K, K); x (B, D) -> (B, K, K)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_pairs.py
    """
    problem, threads = read_problem(x, W, b, c), read_threads(threads)
    network = prepare_compiled(problem)
    moments = np.stack([_pair_moments(problem, network, row[None], threads) for row in problem.x])
    return moments if np.ndim(x) == 2 else moments[0]


def _pair_moments(problem, network, row, threads):
    if network is not None:
        from refvi.fast.multiplicative_posterior import pair_moments

        return pair_moments(network, row, threads)
    route, given = prepare_plain(problem._replace(x=row))
    return route.pair_moments(given, route.log_evidence(given, threads), threads)
