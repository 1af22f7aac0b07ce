"""Exact log evidence of a sigmoid belief network by the fastest route that is right."""

import numpy as np

from refvi.fast import log_domain, subset_products
from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.layout import worth_compiling, worth_products


def log_evidence(x, W, b, c, threads=None):
    """Exact log evidence, in nats.

    Formula     log p(x) = log sum_h prod_k Bern(h_k; sigmoid(c_k)) prod_d Bern(x_d; sigmoid((W h + b)_d))
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters
    Source      Neal 1992, Connectionist learning of belief networks, Artificial Intelligence 56, 71-113
    Checked by  tests/fast/test_evidence.py
    """
    problem, threads = read_problem(x, W, b, c), read_threads(threads)
    values = _log_evidence(problem, threads)
    return values if np.ndim(x) == 2 else float(values[0])


def log_joint_table(x, W, b, c):
    """Log joint of every state: what estimators and bounds of small models are summed over.

    Formula     log p(x, h) for all h; bit k of the position is h_k
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (2^K,); x (B, D) -> (B, 2^K)
    Domain      x in {0, 1}, finite parameters; the table has to fit into memory
    Checked by  tests/fast/test_twin.py
    """
    table = log_domain.log_joint_table(read_problem(x, W, b, c))
    return table if np.ndim(x) == 2 else table[0]


def _log_evidence(problem, threads):
    network = prepare_compiled(problem)
    if network is None:
        route, given = prepare_plain(problem)
        return route.log_evidence(given, threads)
    from refvi.fast.multiplicative import log_evidence as compiled

    return compiled(network, problem.x, threads)


def prepare_plain(problem):
    """The module of the route in plain NumPy, and what its functions take for a model: products, or else logarithms."""
    D, K = problem.W.shape
    states = subset_products.prepare(problem) if worth_products(K, D) else None
    return (log_domain, problem) if states is None else (subset_products, states)


def prepare_compiled(problem, plain=False):
    """The model prepared for compiled code, or None where plain NumPy is right, faster or asked for by `plain`."""
    D, K = problem.W.shape
    if plain or not worth_compiling(K, D):
        return None
    from refvi.fast.network import Route, prepare  # imports Numba

    network = prepare(problem)
    return None if network.route is Route.LOG else network
