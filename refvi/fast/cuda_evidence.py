"""Exact evidence and gradient of a sigmoid belief network on an NVIDIA device.

The same tables as on the processor, built there; the device forms the products. Models whose products need integer
exponents or logarithms, and models too small for a tile, go to the processor. Nothing here has run on a device yet:
without one, the kernels are compiled for it, and run in numba-cuda's simulator.
"""

import math

import numpy as np

from refvi.errors import TargetUnavailable
from refvi.fast import tensor_pairs
from refvi.fast.arguments import read_problem
from refvi.fast.evidence import log_evidence as processor_log_evidence
from refvi.fast.evidence import prepare_compiled
from refvi.fast.folding import fold_columns, fold_quotients
from refvi.fast.gradient import EvidenceGradient, log_evidence_gradient
from refvi.fast.layout import LANES
from refvi.fast.multiplicative import log_total
from refvi.fast.network import states_of, tops
from refvi.fast.ranges import Route
from refvi.fast.sums_by_bit import join_tops

TILE = 64
LEAST_BLOCKS = 1024  # enough to fill a device several times
STRIPE = 1 << 24  # weights that wait in device memory: 128 MiB


def cuda_log_evidence(x, W, b, c, *, tensor=False):
    """Exact log evidence on the device; `tensor` takes its tensor cores (Hopper or later), see `tensor_pairs`.

    Formula     log p(x) as in `refvi.fast.evidence`
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_cuda_evidence.py
    """
    problem = read_problem(x, W, b, c)
    network = _on_device(problem)
    if network is None:
        return processor_log_evidence(x, W, b, c)
    values = np.array([_evidence(network, row[None], tensor) for row in problem.x])
    return values if np.ndim(x) == 2 else float(values[0])


def cuda_log_evidence_gradient(x, W, b, c):
    """Exact log evidence of one datum and its gradient, on the device.

    Formula     as `refvi.fast.gradient.log_evidence_gradient`
    Shapes      x (D,), W (D, K), b (D,), c (K,) -> EvidenceGradient
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_cuda_evidence.py
    """
    problem = read_problem(x, W, b, c)
    network = _on_device(problem)
    if network is None or len(problem.x) > 1:
        return log_evidence_gradient(x, W, b, c)
    states = states_of(network, problem.x)
    sums = join_tops(_quotients(network, A, states) * states.R[0, top] for top, A in tops(network))
    value = log_total(network, sums[-1, -1], states.offset[0])
    sums /= sums[-1, -1]
    D, on, x = problem.b.size, sums[:-1, -1], problem.x[0]
    prior = 1.0 / (1.0 + np.exp(-problem.c))
    return EvidenceGradient(value, np.outer(x, on) - sums[:-1, :D].T, x - sums[-1, :D], on - prior)


def _on_device(problem):
    """The prepared model, or None where the processor has to do it."""
    _device()
    network = prepare_compiled(problem)
    if network is None or network.route is Route.WIDE or network.split.high < TILE.bit_length() - 1:
        return None
    return network


def _device():
    """Module numba.cuda, where there is a device or the simulator."""
    from refvi.targets import cuda as target

    if not target.available():
        raise TargetUnavailable(target.HINT)
    from numba import cuda

    return cuda


def _evidence(network, x, tensor):
    sums_of = _tensor_sums if tensor else _vector_sums
    states, totals = states_of(network, x), []
    for top, sums in enumerate(sums_of(network, states)):
        totals.append(math.fsum(sums.ravel()) * states.R[0, top])
    return log_total(network, math.fsum(totals), states.offset[0])


def _vector_sums(network, states):
    """Sums of the blocks of the device, for each top state."""
    from refvi.fast.cuda_kernels import THREADS, evidence_blocks

    cuda = _device()
    C, S, T = cuda.to_device(_columns(network)), cuda.to_device(states.S[0]), cuda.to_device(states.T[0])
    for _, A in tops(network):
        sums = np.zeros((len(A) // TILE, _parts(len(A), T.size)))
        result = cuda.to_device(sums)
        high = cuda.to_device(np.ascontiguousarray(A.T))
        evidence_blocks[sums.shape, THREADS](high, C, S, T, network.sharing, T.size // sums.shape[1], result)
        yield result.copy_to_host()


def _tensor_sums(network, states):
    """The same by pairs of visibles."""
    for _, A in tops(network):
        yield tensor_pairs.tensor_sums(A.T, _columns(network), states.S[0], states.T[0], network.sharing)


def _parts(rows, columns):
    """Into how many runs of columns the work of a row of blocks is cut: a power of two."""
    return max(1, min(columns // TILE, LEAST_BLOCKS * TILE // rows))


def _quotients(network, A, states):
    """Sums by bit for one top state, as `fold_quotients` gives them."""
    from refvi.fast.cuda_kernels import THREADS, quotient_sums, weight_blocks

    cuda, visibles = _device(), A.shape[1]
    # A further visible with factor 0 + 1 sums the weights themselves; three more keep the number a multiple of 4.
    high = cuda.to_device(np.concatenate([A.T, np.zeros((4, len(A)))]))
    low = cuda.to_device(np.concatenate([_columns(network), np.ones((4, states.T.shape[1]))]))
    S, T = cuda.to_device(states.S[0]), cuda.to_device(states.T[0])
    by_row, by_column = cuda.to_device(np.zeros(high.shape)), cuda.to_device(np.zeros(low.shape))
    rows = max(TILE, min(len(A), STRIPE // T.size))
    for first in range(0, len(A), rows):
        weights = cuda.device_array((rows, T.size))
        weight_blocks[(rows // TILE, T.size // TILE), THREADS](high, low, S, T, first, weights)
        groups = visibles // 4 + 1
        quotient_sums[(rows // TILE, groups), THREADS](high, low, weights, first, by_row)
        stripe = high[:, first : first + rows]
        quotient_sums[(T.size // TILE, groups), THREADS](low, stripe, weights.T, 0, by_column)
    return _fold(network, A, by_row.copy_to_host(), by_column.copy_to_host())


def _fold(network, A, by_row, by_column):
    """From sums over columns (Dp + 4, I) and over rows (Dp + 4, J) to sums by bit."""
    visibles, tiles = A.shape[1], by_column.shape[1] // LANES
    GC = by_column[:visibles].reshape(visibles, tiles, LANES).transpose(1, 0, 2).ravel()
    by_low = fold_columns(network.C, GC, by_column[visibles].copy(), network.split.low)
    GA = np.ascontiguousarray(by_row[:visibles].T)
    return fold_quotients(A, GA, by_low, by_row[visibles].copy(), network.split.high)


def _columns(network):
    """The low table as (Dp, J)."""
    tiled = network.C.reshape(-1, network.split.visibles, LANES)
    return np.ascontiguousarray(tiled.transpose(1, 0, 2).reshape(network.split.visibles, -1))
