"""What the draws of Markov chains are worth: effective sample size and potential scale reduction.

    rho_t = 1 - (W - mean over chains of acov_t) / V,   W within chains, V = (1 - 1/N) W + variance of their means
    P_m = rho_2m + rho_(2m+1),  summed while positive (Geyer) and not rising:  tau = 1 + 2 sum_t rho_t,  ESS = C N / tau
    R-hat = sqrt(V / W)

Kinds: "plain" takes chains as they are, "split" cuts every chain in halves first, "bulk" and "rank" replace the halves'
draws by normal scores of their ranks, "tail" takes the worse of the indicators below the 5 % and the 95 % quantile.
Draws of which none differs are worth NaN: nothing tells a stuck chain from a constant. Not here: plots, advice.

Source      Geyer 1992, Statistical Science 7, section 3.3; Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021,
            sections 3 and 4, arXiv:1903.08008v5; as computed by Stan (stan-dev/stan#2774: the last term of the sum, and
            the bound ESS <= C N log10(C N)); normal scores as Blom 1958, chapter 6
Checked by  tests/algorithms/test_effective_sample_size.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.kernels.normal_quantile import normal_quantile
from refvi.kernels.portable import portable
from refvi.kernels.scalar import divide, sqrt
from refvi.targets import get_target

SHORTEST = 4
LOG_10 = 2.302585092994046


class Draws(NamedTuple):
    """Draws of several quantities: values (Q, C, N)."""

    values: np.ndarray


class Ranks(NamedTuple):
    """Ranks 1 ... S, shared where draws are equal: ranks (S,)."""

    ranks: np.ndarray


@portable
def mean_of(draws):
    """Mean about the first draw, so that a chain that never moves has exactly its own value.

    Formula     x_1 + (1/N) sum_i (x_i - x_1)
    Shapes      draws (N,) -> ()
    Domain      N >= 1
    """
    total = 0.0
    for i in range(draws.shape[0]):
        total += draws[i] - draws[0]
    return draws[0] + total / draws.shape[0]


@portable
def autocovariance(draws, mean, lag):
    """Biased autocovariance of one chain; divided by N at every lag, which keeps the sequence positive definite.

    Formula     (1/N) sum_(i < N - t) (x_i - m) (x_(i+t) - m)
    Shapes      draws (N,), mean (), lag () -> ()
    Domain      0 <= lag < N
    """
    total = 0.0
    for i in range(draws.shape[0] - lag):
        total += (draws[i] - mean) * (draws[i + lag] - mean)
    return total / draws.shape[0]


@portable
def mean_autocovariance(chains, means, lag):
    """Mean over chains of `autocovariance`.

    Formula     (1/C) sum_c acov_ct
    Shapes      chains (C, N), means (C,), lag () -> ()
    Domain      0 <= lag < N
    """
    total = 0.0
    for c in range(chains.shape[0]):
        total += autocovariance(chains[c], means[c], lag)
    return total / chains.shape[0]


@portable
def variance_of_means(means):
    """Sample variance of the chains' means, B / N of Gelman and Rubin; 0 for one chain.

    Formula     sum_c (m_c - m)² / (C - 1)
    Shapes      means (C,) -> ()
    Domain      C >= 1
    """
    count = means.shape[0]
    if count == 1:
        return 0.0
    return autocovariance(means, mean_of(means), 0) * count / (count - 1)


@portable
def autocorrelation_time(chains, means, within, pooled):
    """Integrated autocorrelation time by the initial monotone positive sequence.

    Formula     tau = -1 + 2 sum_(m < k) min(P_0, ..., P_m) + rho_2k, rho_0 = 1; k the first pair that is not positive, or
                the last with 2k + 1 <= N - 2; rho_2k counts where it or P_k is not negative
    Shapes      chains (C, N), means (C,), within () = W, pooled () = V -> ()
    Domain      N >= 2, V > 0
    """
    count, tau, smallest, lag = chains.shape[1], -1.0, math.inf, 1
    even, odd = 1.0, 1.0 - (within - mean_autocovariance(chains, means, 1)) / pooled
    while lag < count - 3 and even + odd > 0.0:
        smallest = even + odd if even + odd < smallest else smallest
        tau += 2.0 * smallest
        even = 1.0 - (within - mean_autocovariance(chains, means, lag + 1)) / pooled
        odd = 1.0 - (within - mean_autocovariance(chains, means, lag + 2)) / pooled
        lag += 2
    return tau + even if even > 0.0 or even + odd >= 0.0 else tau


@portable
def worth_row(item, inputs, out, scratch):
    """Effective sample size and R-hat of one quantity.

    Formula     out_0 = S / max(tau, 1 / log10 S), S = C N;  out_1 = sqrt(V / W)
    Shapes      inputs Draws, out (2,), scratch (C,)
    Domain      N >= 2; both NaN where no draw differs; R-hat inf where chains differ but none moves
    """
    chains = inputs.values[item]
    size, count = chains.shape[0] * chains.shape[1], chains.shape[1]
    for c in range(chains.shape[0]):
        scratch[c] = mean_of(chains[c])
    within = mean_autocovariance(chains, scratch, 0) * count / (count - 1)
    pooled = within * (count - 1) / count + variance_of_means(scratch)
    if not pooled > 0.0:
        out[0], out[1] = math.nan, math.nan
        return
    tau, floor = autocorrelation_time(chains, scratch, within, pooled), LOG_10 / math.log(float(size))
    out[0] = size / (tau if tau > floor else floor)
    out[1] = sqrt(divide(pooled, within))


@portable
def normal_score_row(item, inputs, out, scratch):  # noqa: ARG001
    """Normal score of one rank.

    Formula     Phi^-1((r - 3/8) / (S + 1/4))
    Shapes      inputs Ranks, out (1,)
    Domain      1 <= r <= S
    """
    out[0] = normal_quantile((inputs.ranks[item] - 0.375) / (inputs.ranks.shape[0] + 0.25))


def split(draws):
    """Every chain cut into its first and its last half (the middle draw of an odd length left out), (..., N, D)."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def normal_scores(draws, target="python"):
    """Normal scores of the ranks of all draws together; equal draws share the mean of their ranks. One quantity (C, N)."""
    _, place, counts = np.unique(draws, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - 0.5 * (counts - 1.0))[np.ravel(place)]
    scores = get_target(target).rows(normal_score_row, Ranks(ranks), len(ranks), 1)
    return scores.reshape(np.shape(draws))


def _indicator(draws, twentieths):
    """Whether each draw of a quantity is at or below the quantile of order twentieths / 20 (between order statistics)."""
    ordered = np.sort(draws, axis=None)
    return (draws <= ordered[(draws.size - 1) * twentieths // 20]).astype(np.float64)


def _each(change, draws):
    """A function of one quantity (C, N) applied to every quantity of (C, N, Q)."""
    return np.stack([change(draws[:, :, q]) for q in range(draws.shape[2])], axis=2)


def _folded(draws):
    return np.abs(draws - np.median(draws))


def _draws(draws):
    """Draws as (C, N, Q), and the shape of the answer."""
    found = validate.array("draws", draws, "C N Q" if np.ndim(draws) == 3 else "C N")
    if 0 in found.shape or found.shape[1] < SHORTEST:
        raise UsageError(
            f"draws must have shape (C, N) or (C, N, Q) with N >= {SHORTEST} draws of each chain, got {found.shape}"
        )
    return found.reshape(*found.shape[:2], -1), found.shape[2:]


def _worth(draws, target):
    """(Q, 2): effective sample size and R-hat of chains (C, N, Q) as they are."""
    values = np.ascontiguousarray(np.moveaxis(draws, 2, 0))
    return get_target(target).rows(worth_row, Draws(values), len(values), 2, len(draws))


def effective_sample_size(draws, *, kind="bulk", target="python"):
    """How many independent draws the draws are worth: () or (Q,) for draws (C, N) or (C, N, Q).

    kind  "plain", "split", "bulk" (rank-normalised) or "tail"
    """
    kind = validate.one_of("kind", kind, ("plain", "split", "bulk", "tail"))
    draws, shape = _draws(draws)
    if kind == "tail":
        found = [_worth(split(_each(lambda x, t=t: _indicator(x, t), draws)), target)[:, 0] for t in (1, 19)]
        return np.minimum(*found).reshape(shape)[()]
    chains = draws if kind == "plain" else split(draws)
    chains = _each(lambda x: normal_scores(x, target), chains) if kind == "bulk" else chains
    return _worth(chains, target)[:, 0].reshape(shape)[()]


def r_hat(draws, *, kind="rank", target="python"):
    """Potential scale reduction: 1 where chains agree; () or (Q,) for draws (C, N) or (C, N, Q).

    kind  "plain", "split" or "rank": the larger of the normal scores of the halves and of their distances from the median
    """
    kind = validate.one_of("kind", kind, ("plain", "split", "rank"))
    draws, shape = _draws(draws)
    if kind == "plain" and len(draws) < 2:
        raise UsageError(
            "draws must come from at least 2 chains for kind 'plain', got 1; 'split' cuts it in halves"
        )
    chains = draws if kind == "plain" else split(draws)
    if kind == "rank":
        found = [
            _worth(_each(lambda x: normal_scores(x, target), part), target)[:, 1]
            for part in (chains, _each(_folded, chains))
        ]
        # of draws on two values all are as far from the median: what does not differ says nothing
        return np.fmax(*found).reshape(shape)[()]
    return _worth(chains, target)[:, 1].reshape(shape)[()]
