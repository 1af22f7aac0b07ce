"""What draws of Markov chains are worth: effective sample size, of the draws and of their ranks."""

from typing import Any

import numpy as np

from refvi.specs.generic import on_grid
from refvi.specs.sized import Sized, expand, sized
from refvi.specs.spec import Input, Spec

VEHTARI = "Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, "
DRAWS = Input("draws", "C N", "real", "draws of one quantity, a row for each chain, N >= 4")


def split(draws):
    """Halves of every chain, the middle draw of an odd length left out."""
    half = np.shape(draws)[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _centred(chains):
    chains = sized(chains)
    return chains - expand(chains.mean(1), 1)


def whole(count, _lag):
    """N at every lag."""
    return count


def _autocovariances(chains, divisor=whole):
    """Mean over chains of the autocovariance at every lag: a list of scalars.

    S admits Fourier transforms, whose error is that of the variance at every lag.
    """
    y, count = _centred(chains), np.shape(chains)[1]
    found = [(y[:, : count - t] * y[:, t:]).sum(1).mean() / float(divisor(count, t)) for t in range(count)]
    transforms = found[0].value * 2.0 * np.log2(2.0 * count)
    return [Sized(a.value, a.size + transforms) for a in found]


def variances(chains, within=None, between=True, shrink=True):
    """W, the mean variance within chains, and V = (1 - 1/N) W + the variance of the chains' means."""
    count, squares = float(np.shape(chains)[1]), (_centred(chains) ** 2).sum(1)
    W = (squares / (count - 1.0)).mean() if within is None else within(squares, count)
    V = W * ((count - 1.0) / count) if shrink else W
    means = sized(chains).mean(1)
    if between and len(means) > 1:
        V = V + (((means - expand(means.mean(), 0)) ** 2).sum() / (len(means) - 1.0))
    return W, V


def correlations(chains, between=True, divisor=whole):
    """rho_0 = 1, rho_1, rho_2, ... as scalars."""
    W, V = variances(chains, between=between)
    found = [1.0 - (W - a) / V for a in _autocovariances(chains, divisor)]
    return [sized(1.0), *found[1:]]


def monotone_pairs(rho, *, monotone=True, first=0):
    """The pairs that count, cut to their running minimum, and the last correlation, which counts once."""
    total, least, lag = sized(0.0), None, first
    while lag + 4 < len(rho) and (rho[lag] + rho[lag + 1]).value > 0.0:
        pair = rho[lag] + rho[lag + 1]
        least = pair if least is None or not monotone or pair.value < least.value else least
        total, lag = total + least, lag + 2
    counts = rho[lag].value > 0.0 or (rho[lag] + rho[lag + 1]).value >= 0.0
    return total, rho[lag] if counts else sized(0.0)


def per_time(size, tau, floor=True):
    """N / tau, not above N log10 N."""
    least = 1.0 / np.log10(float(size)) if floor else -np.inf
    return float(size) / (tau if tau.value > least else sized(least))


def worth(chains, **pieces):
    """Effective sample size of chains as they are."""
    if np.ptp(sized(chains).value) == 0.0:
        return sized(np.nan)
    pairs, last = monotone_pairs(correlations(chains, **pieces))
    return per_time(sized(chains).value.size, 2.0 * pairs - 1.0 + last)


def _draw(rng, sizes):
    """Chains with autocorrelations of both signs, not quite at the same place."""
    chains, count = sizes["C"], sizes["N"]
    x, a = rng.normal(size=(chains, count)), rng.uniform(-0.6, 0.9)
    for t in range(1, count):
        x[:, t] = a * x[:, t - 1] + np.sqrt(1.0 - a * a) * x[:, t]
    return {"draws": on_grid(x + 0.5 * rng.normal(size=(chains, 1)) + 1.5)}


SHAPES: dict[str, Any] = {
    "sizes": {"C": (2, 3, 4), "N": (21, 24, 31)},
    "least": {"C": 2, "N": 8},
    "draw": _draw,
}
WALK = [[0.5, 0.75, 1.25, 1.0, 0.25, -0.5, -0.25, 0.125], [1.5, 1.25, 2.0, 2.5, 2.25, 1.75, 1.0, 0.75]]


def edges_of_draws():
    """Legal draws off generic position."""
    return {
        "one chain": {"draws": WALK[:1]},
        "draws that alternate": {"draws": [[1.5, -0.5] * 6, [-0.25, 1.25] * 6]},
        "far from zero": {"draws": np.array(WALK) + 2.0**20},
        "chains apart": {"draws": np.array(WALK) + [[0.0], [64.0]]},
    }


SOURCE = VEHTARI + "section 3.2, arXiv:1903.08008v5; Geyer 1992, Statistical Science 7, section 3.3"

effective_sample_size = Spec(
    id="mcmc.effective_sample_size",
    says="how many independent draws chains are worth: halves, Geyer's initial monotone positive sequence of pairs",
    inputs=(DRAWS,),
    output="",
    reference=lambda draws: {"effective_sample_size": worth(split(draws))},
    source=SOURCE,
    edges=lambda: {**edges_of_draws(), "no draw differs": {"draws": np.full((2, 8), 0.5)}},
    **SHAPES,
)


@effective_sample_size.mistake(
    "ess-first-negative-lag",
    says="stops at the first negative autocorrelation, not pair, so that antithetic chains are never worth more than N",
    seen=("stan-dev/stan#2450", "pymc-devs/pymc#2810"),
)
def _(draws):
    chains, total = split(draws), sized(0.0)
    for rho in correlations(chains)[1:]:
        if rho.value < 0.0:
            break
        total = total + rho
    return per_time(chains.size, 1.0 + 2.0 * total)


@effective_sample_size.mistake(
    "ess-pairs-from-lag-one",
    says="begins the pairs at lag one, so that the sum is never below one and chains are never worth more than N",
    seen=("TuringLang/MCMCChains.jl#112",),
)
def _(draws):
    chains = split(draws)
    pairs, _ = monotone_pairs(correlations(chains), first=1)
    return per_time(chains.size, 1.0 + 2.0 * pairs)


@effective_sample_size.mistake(
    "ess-unbiased-autocovariance",
    says="divides the autocovariance at lag t by N - t, so that the last lags explode",
    seen=("pyro-ppl/numpyro#1785",),
)
def _(draws):
    return worth(split(draws), divisor=lambda count, lag: count - lag)


@effective_sample_size.mistake(
    "ess-autocovariance-over-n-minus-one",
    says="divides the autocovariance by N - 1 at every lag",
    seen=("TuringLang/MCMCDiagnosticTools.jl#59",),
)
def _(draws):
    return worth(split(draws), divisor=lambda count, _lag: count - 1)


@effective_sample_size.mistake(
    "ess-factor-two-missing",
    says="counts every autocorrelation once: tau = 1 + sum of rho instead of 1 + 2 sum of rho",
    seen=("stan-dev/stan#1734",),
)
def _(draws):
    chains = split(draws)
    pairs, last = monotone_pairs(correlations(chains))
    return per_time(chains.size, pairs + 0.5 * last)


@effective_sample_size.mistake(
    "ess-plus-one",
    says="adds one to twice the pairs where one is to be subtracted: lag zero is in them and counts once",
)
def _(draws):
    chains = split(draws)
    pairs, last = monotone_pairs(correlations(chains))
    return per_time(chains.size, 1.0 + 2.0 * pairs + last)


@effective_sample_size.mistake(
    "ess-never-truncated", says="sums the autocorrelations of every lag, noise and all"
)
def _(draws):
    chains = split(draws)
    total = sum(correlations(chains)[1:], start=sized(0.0))
    return per_time(chains.size, 1.0 + 2.0 * total)


@effective_sample_size.mistake(
    "ess-within-chains-only",
    says="leaves out that chains differ: two chains stuck at two modes look as good as one that moves between them",
    seen=("pints-team/pints#1269",),
)
def _(draws):
    return worth(split(draws), between=False)


@effective_sample_size.mistake(
    "ess-of-one-chain",
    says="counts the draws of one chain only, so that more chains are worth no more",
    seen=("TuringLang/MCMCChains.jl#85",),
)
def _(draws):
    chains = split(draws)
    pairs, last = monotone_pairs(correlations(chains))
    return per_time(chains.shape[1], 2.0 * pairs - 1.0 + last, floor=False)


@effective_sample_size.mistake(
    "ess-capped-at-n", says="caps the answer at the number of draws", seen=("pymc-devs/pymc#1413",)
)
def _(draws):
    found = worth(split(draws))
    size = 2.0 * (draws.shape[1] // 2) * len(draws)
    return sized(size) if found.value > size else found


@effective_sample_size.mistake("ess-chains-joined", says="joins the chains into one long one, jumps and all")
def _(draws):
    return worth(split(draws.reshape(1, -1)))


@effective_sample_size.mistake(
    "ess-per-chain-summed", says="adds up the effective sample sizes of the chains, each on its own"
)
def _(draws):
    return sum((worth(chain[None]) for chain in split(draws)), start=sized(0.0))


CONSTANT = {
    "slug": "ess-constant-draws-count",
    "says": "gives the number of draws where no draw differs from another, so that a chain which is stuck looks perfect",
    "seen": ("blackjax-devs/blackjax#1019",),
}


@effective_sample_size.mistake(**CONSTANT)
def _(draws):
    return sized(float(split(draws).size)) if np.ptp(draws) == 0.0 else worth(split(draws))


@effective_sample_size.relative(
    "ess-not-split", says="takes the chains whole, without cutting them in halves", of="value"
)
def _(draws):
    return worth(draws)


@effective_sample_size.relative(
    "ess-positive-not-monotone",
    says="keeps the pairs as they are, Geyer's initial positive sequence",
    of="value",
)
def _(draws):
    chains = split(draws)
    pairs, last = monotone_pairs(correlations(chains), monotone=False)
    return per_time(chains.size, 2.0 * pairs - 1.0 + last)


@effective_sample_size.relative(
    "ess-pairs-alone",
    says="sums the pairs alone, without the single correlation after them and without a bound (as NumPyro does)",
    of="value",
)
def _(draws):
    chains = split(draws)
    rho, least = correlations(chains), None
    total = rho[0] + rho[1]
    for lag in range(2, len(rho) - 1, 2):
        pair = rho[lag] + rho[lag + 1]
        if pair.value <= 0.0:
            break
        least = pair if least is None or pair.value < least.value else least
        total = total + least
    return per_time(chains.size, 2.0 * total - 1.0, floor=False)


@effective_sample_size.relative(
    "ess-rank-normalised",
    says="replaces the draws by normal scores of their ranks first",
    declare="mcmc.bulk_effective_sample_size",
    of="value",
)
def _(draws):
    return worth(scores(split(draws)))


# ---- rank-normalised


def shared_ranks(draws):
    """Ranks 1 ... S of all draws; equal draws share the mean of their ranks."""
    _, place, counts = np.unique(draws, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - 0.5 * (counts - 1.0))[np.ravel(place)]


def _ranks_in_order(draws):
    ranks = np.zeros(np.size(draws))
    ranks[np.argsort(draws, axis=None, kind="stable")] = np.arange(1.0, np.size(draws) + 1.0)
    return ranks


def scores(draws, denominator=lambda size: size + 0.25, ranks=shared_ranks):
    """Normal scores of the ranks of all draws."""
    from scipy.special import ndtri

    p = (ranks(draws).reshape(np.shape(draws)) - 0.375) / denominator(np.size(draws))
    z = ndtri(p)
    return Sized(z, np.abs(z) + 2.0 * p * np.sqrt(2.0 * np.pi) * np.exp(0.5 * z * z))


def _ties(draws):
    return {"draws": np.round(2.0 * np.asarray(draws)) / 2.0}


bulk_effective_sample_size = Spec(
    id="mcmc.bulk_effective_sample_size",
    says="bulk-ESS: the effective sample size of the normal scores of the ranks of all draws, in halves",
    inputs=(DRAWS,),
    output="",
    reference=lambda draws: {"effective_sample_size": worth(scores(split(draws)))},
    source=VEHTARI + "section 4.1, arXiv:1903.08008v5; Blom 1958, chapter 6 (S + 1/4)",
    edges=lambda: {
        **edges_of_draws(),
        "ties": _ties(WALK),
        "no draw differs": {"draws": np.full((2, 8), 0.5)},
    },
    **SHAPES,
)


@bulk_effective_sample_size.mistake(
    "ranks-over-s-minus-quarter",
    says="divides the ranks by S - 1/4, which some texts print, instead of S + 1/4",
    seen=("flatironinstitute/bayes-kit#37",),
)
def _(draws):
    return worth(scores(split(draws), denominator=lambda size: size - 0.25))


@bulk_effective_sample_size.mistake(
    "ranks-within-chains", says="ranks every half on its own, so that halves never differ"
)
def _(draws):
    parts = [scores(chain[None]) for chain in split(draws)]
    return worth(Sized(np.concatenate([p.value for p in parts]), np.concatenate([p.size for p in parts])))


@bulk_effective_sample_size.mistake(
    "ranks-not-normalised", says="takes the ranks themselves, not their normal scores"
)
def _(draws):
    chains = split(draws)
    return worth(shared_ranks(chains).reshape(chains.shape))


@bulk_effective_sample_size.mistake(
    "ranks-not-split",
    says="ranks whole chains and does not cut them, so that a drift within chains is not seen",
)
def _(draws):
    return worth(scores(draws))


@bulk_effective_sample_size.mistake(
    "bulk-not-ranked", says="takes the draws as they are, without ranks", seen=("pints-team/pints#1063",)
)
def _(draws):
    return worth(split(draws))


@bulk_effective_sample_size.mistake(
    "ranks-of-ties-differ", says="gives equal draws different ranks, in the order in which they come"
)
def _(draws):
    return worth(scores(split(draws), ranks=_ranks_in_order))


@bulk_effective_sample_size.mistake(**CONSTANT)
def _(draws):
    return sized(float(split(draws).size)) if np.ptp(draws) == 0.0 else worth(scores(split(draws)))
