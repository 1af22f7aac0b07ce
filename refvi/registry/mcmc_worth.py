"""Evidence for effective sample size and R-hat: Fourier transforms, closed forms of autoregressions, finite chains."""

import math

import numpy as np

from refvi.algorithms import effective_sample_size as worth
from refvi.laws import markov
from refvi.laws.compare import EXACT, compare, rounding
from refvi.laws.outcome import combine
from refvi.oracles import transition
from refvi.registry.mcmc_metropolis import five_states


def autoregression(coefficient, chains, count, seed):
    """Stationary chains x' = a x + sqrt(1 - a²) noise, (C, N)."""
    x = np.random.default_rng(seed).normal(size=(chains, count))
    for t in range(1, count):
        x[:, t] = coefficient * x[:, t - 1] + math.sqrt(1.0 - coefficient**2) * x[:, t]
    return x


def finite_chain(count, seed):
    """Draws of f(state) = state² of four stationary chains on five states, and the exact autocorrelation time of f."""
    rng = np.random.default_rng(seed)
    pi, g = five_states(seed)
    p = transition.metropolis_hastings(pi, g)
    state = rng.choice(5, size=4, p=pi)
    path, sums = np.zeros((4, count), dtype=int), np.cumsum(p, axis=1)
    for t in range(count):
        path[:, t] = state
        state = np.minimum((rng.random(4)[:, None] > sums[state]).sum(1), 4)
    values = np.arange(5.0) ** 2
    return values[path], transition.autocorrelation_time(p, pi, values).value


def cases(quick):
    """Draws of many shapes, slow, fast, antithetic, tied and nearly stuck."""
    shapes = (
        [(1, 4), (2, 5), (3, 12), (4, 31)]
        if quick
        else [(c, n) for c in (1, 2, 3, 5) for n in (4, 5, 6, 7, 20, 61)]
    )
    for number, (chains, count) in enumerate(shapes):
        for coefficient in (-0.75, 0.0, 0.5, 0.95):
            x = autoregression(coefficient, chains, count, number)
            yield f"{chains} x {count}, a = {coefficient:g}", x
            yield f"{chains} x {count}, a = {coefficient:g}, tied", np.round(2.0 * x) / 2.0 + (x == x[0, 0])
    apart = autoregression(0.5, 3, 16, 0) + [[0.0], [5.0], [10.0]]
    yield "chains apart", apart
    yield "one chain stuck", np.where(np.arange(3)[:, None] == 1, 0.1, apart)


KINDS = {
    "plain": lambda x: x,
    "split": transition.split,
    "bulk": lambda x: transition.normal_scores(transition.split(x)),
}


def _indicator(x, order):
    return (x <= np.quantile(x, order)).astype(np.float64)


def wanted_worth(kind, x):
    """The oracle's effective sample size."""
    if kind == "tail":
        parts = [transition.effective_sample_size(transition.split(_indicator(x, q))) for q in (0.05, 0.95)]
        return min(parts) if parts[0] == parts[0] and parts[1] == parts[1] else math.nan
    return transition.effective_sample_size(KINDS[kind](x))


def wanted_r_hat(kind, x):
    """The oracle's R-hat."""
    if kind == "rank":
        halves = transition.split(x)
        parts = [halves, np.abs(halves - np.median(halves))]
        return max(transition.r_hat(transition.normal_scores(part)) for part in parts)
    return transition.r_hat(KINDS[kind](x))


def check_worth(kind, quick=True, target="python"):
    """Effective sample size by sums against Fourier transforms, cumulative minima and SciPy's ranks."""
    law, outcomes = "worth by sums is worth by transforms", []
    for name, x in cases(quick):
        found = worth.effective_sample_size(x, kind=kind, target=target)
        wanted = wanted_worth(kind, x)
        # tau is a sum of up to N correlations, each a sum of N products: N² of its own rounding at most
        size = rounding(x.shape[1] ** 2 * (1.0 + np.square(wanted) / x.size) if wanted == wanted else 1.0)
        outcomes.append(compare(law, wanted, found, size, f"effective sample size ({kind}) of {name}"))
    return combine(law, outcomes)


def check_r_hat(kind, quick=True, target="python"):
    """R-hat by sums against NumPy's variances and SciPy's ranks."""
    law, outcomes = "R-hat by sums is R-hat by variances", []
    for name, x in cases(quick):
        if kind == "plain" and len(x) < 2:
            continue
        found, wanted = worth.r_hat(x, kind=kind, target=target), wanted_r_hat(kind, x)
        size = rounding(x.shape[1] * (1.0 + wanted))
        outcomes.append(compare(law, wanted, found, size, f"R-hat ({kind}) of {name}"))
    return combine(law, outcomes)


def spread(time, draws):
    """Standard error of log tau with 3 tau lags summed, at least 3."""
    return math.sqrt(2.0 * (2.0 * max(3.0 * time, 3.0) + 1.0) / np.size(draws))


def check_known_chains(quick=True, target="cpu"):
    """Autoregressions and a finite chain, whose autocorrelation times are known exactly, and invariances."""
    outcomes, count = [], 1000 if quick else 10000
    known = [
        (autoregression(a, 4, count, 7), transition.autoregression_time(a)) for a in (-0.5, 0.0, 0.6, 0.9)
    ]
    known += [finite_chain(count, seed) for seed in (0, 1)]
    for x, time in known:
        for kind in ("plain", "split"):
            found = float(worth.effective_sample_size(x, kind=kind, target=target))
            outcomes.append(markov.worth_is_draws_over_time(found, x, time, spread=spread(time, x)))
        outcomes.append(
            markov.worth_does_not_depend(
                lambda d: float(worth.effective_sample_size(d, kind="plain", target=target)),
                x,
                magnitude=16.0,
            )
        )
    return combine("draws are worth N / tau, in any units, order and direction", outcomes)


def check_targets(_quick=True, target="python"):
    """Every kind on a target against plain Python: the same bits on the CPU."""
    x = np.stack([autoregression(a, 3, 30, 5) for a in (-0.5, 0.5, 0.9)], axis=2)

    def everything(target):
        found = {
            f"worth {k}": worth.effective_sample_size(x, kind=k, target=target) for k in (*KINDS, "tail")
        }
        return found | {
            f"r_hat {k}": worth.r_hat(x, kind=k, target=target) for k in ("plain", "split", "rank")
        }

    tolerance = rounding(1e5, 64.0) if target == "cuda" else EXACT
    return compare("a target agrees with plain Python", everything("python"), everything(target), tolerance)
