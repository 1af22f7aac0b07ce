"""What draws are worth: rows of the registry, estimators with a piece missing that they refuse, edges, sentences."""

import math

import numpy as np
import pytest

from refvi.algorithms import effective_sample_size as ess
from refvi.errors import UsageError
from refvi.registry import mcmc as rows
from refvi.registry import mcmc_worth as worth_rows

ROWS = [row for row in rows.EVIDENCE if row.subject == "algorithms.effective_sample_size"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.law.replace(" ", "_"))
def test_rows_hold(row):
    for target in row.targets:
        if target != "cuda":
            row.run(target == "cpu", target).raise_if_broken()


def unbiased(draws, mean, lag):
    y = np.asarray(draws) - mean
    return float(y[: len(y) - lag] @ y[lag:]) / (len(y) - lag)


def about_zero(draws, mean, lag):
    return float(draws[: len(draws) - lag] @ draws[lag:]) / len(draws)


def time_of(factor=2.0, first=0, pairs=True, monotone=True, tail=True, stop=True):
    """The autocorrelation time with a piece missing."""

    def time(chains, means, within, pooled):
        count = chains.shape[1]
        rho = [1.0] + [
            1.0 - (within - ess.mean_autocovariance(chains, means, t)) / pooled for t in range(1, count)
        ]
        width = 2 if pairs else 1
        tau, least, lag = 1.0 - factor * (first == 0), math.inf, first
        last = count - 1 - width if not pairs else (count - 3) // 2 * 2
        while lag < last:
            part = sum(rho[lag : lag + width])
            if stop and part <= 0.0:
                break
            least = min(least, part) if monotone else part
            tau, lag = tau + factor * least, lag + width
        end = rho[lag] if tail and (rho[lag] > 0 or sum(rho[lag : lag + 2]) >= 0) else 0.0
        return tau + end

    return time


def test_the_pieces_are_the_estimator(monkeypatch):
    monkeypatch.setattr(ess, "autocorrelation_time", time_of())
    worth_rows.check_worth("plain").raise_if_broken()


WRONG = {
    "autocovariance divided by N - t": ("autocovariance", unbiased),
    "mean not subtracted": ("autocovariance", about_zero),
    "factor 2 missing": ("autocorrelation_time", time_of(factor=1.0)),
    "single lags in place of pairs": ("autocorrelation_time", time_of(pairs=False)),
    "pairs begin at lag one": ("autocorrelation_time", time_of(first=1)),
    "not monotone": ("autocorrelation_time", time_of(monotone=False)),
    "last term left out": ("autocorrelation_time", time_of(tail=False)),
    "no truncation": ("autocorrelation_time", time_of(stop=False)),
    "between chains left out": ("variance_of_means", lambda means: 0.0),
    "variance of means divided by C": ("variance_of_means", lambda means: float(np.var(means))),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_estimators_are_refused(monkeypatch, name):
    kernel, wrong = WRONG[name]
    monkeypatch.setattr(ess, kernel, wrong)
    for kind in ("plain", "split", "bulk"):
        outcome = worth_rows.check_worth(kind)
        assert not outcome.holds
        assert f"effective sample size ({kind}) of" in outcome.message


@pytest.mark.parametrize(
    "name", ["mean not subtracted", "between chains left out", "variance of means divided by C"]
)
def test_wrong_scale_reductions_are_refused(monkeypatch, name):
    kernel, wrong = WRONG[name]
    monkeypatch.setattr(ess, kernel, wrong)
    for kind in ("plain", "split", "rank"):
        assert f"R-hat ({kind}) of" in worth_rows.check_r_hat(kind).message


def interleaved(draws):
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, : 2 * half : 2], draws[:, 1 : 2 * half : 2]])


def test_wrong_splits_and_ranks_are_refused(monkeypatch):
    for name, wrong, kinds in (
        ("split", lambda d: d, ("split", "bulk", "tail")),
        ("split", interleaved, ("split", "bulk", "tail")),
        ("normal_scores", lambda d, target: d, ("bulk",)),
    ):
        with monkeypatch.context() as m:
            m.setattr(ess, name, wrong)
            for kind in kinds:
                assert f"effective sample size ({kind}) of" in worth_rows.check_worth(kind).message
    monkeypatch.setattr(ess, "_folded", lambda d: d - np.median(d))
    assert "R-hat (rank) of" in worth_rows.check_r_hat("rank", quick=False).message


def test_draws_of_which_none_differs_are_worth_nan():
    for draws in (np.full((1, 10), 0.1), np.full((4, 7), -3.7)):
        for kind in ("plain", "split", "bulk", "tail"):
            assert math.isnan(ess.effective_sample_size(draws, kind=kind))
        for kind in ("split", "rank"):
            assert math.isnan(ess.r_hat(draws, kind=kind))


def test_chains_that_are_stuck_at_different_places():
    """No chain moves but they differ: every correlation is 1 up to the last lag of 48, and R-hat is infinite."""
    stuck = np.repeat([[0.1], [0.7], [0.3]], 51, axis=1)
    assert ess.effective_sample_size(stuck, kind="plain") == pytest.approx(153 / 96, rel=1e-12)
    assert ess.r_hat(stuck, kind="plain") == math.inf
    assert ess.r_hat(stuck, kind="split") == math.inf


def test_a_chain_that_moves_once_is_worth_little():
    """Half the draws at 0, half at 1: the halves disagree."""
    step = np.repeat([[0.0, 1.0]], 40, axis=1).reshape(1, -1)
    step = np.sort(step)
    assert ess.effective_sample_size(step, kind="split") < 3.0
    assert ess.r_hat(step, kind="split") == math.inf


def test_antithetic_draws_are_worth_more_than_their_number():
    x = worth_rows.autoregression(-0.5, 4, 500, 3)
    found = ess.effective_sample_size(x, kind="bulk")
    assert 4000 < found < 8000  # exact: 3 C N = 6000
    alternating = np.tile([1.0, -1.0], (2, 50))
    assert ess.effective_sample_size(alternating, kind="plain") == pytest.approx(
        200 * math.log10(200), rel=1e-14
    )


def test_many_quantities_at_once():
    x = np.stack([worth_rows.autoregression(a, 3, 30, 5) for a in (-0.5, 0.5, 0.9)], axis=2)
    for kind in ("plain", "split", "bulk", "tail"):
        together = ess.effective_sample_size(x, kind=kind)
        assert together.shape == (3,)
        assert list(together) == [ess.effective_sample_size(x[:, :, q], kind=kind) for q in range(3)]
    assert ess.r_hat(x).shape == (3,)


def test_rank_normalisation_does_not_see_monotone_maps():
    x = worth_rows.autoregression(0.6, 3, 40, 2)
    for statistic in (ess.effective_sample_size, lambda d: ess.effective_sample_size(d, kind="tail")):
        assert statistic(np.exp(3.0 * x)) == statistic(x)


def test_sentences():
    x = np.zeros((2, 8))
    for draws, words in (
        (
            np.zeros((4, 1)),
            r"draws must have shape \(C, N\) or \(C, N, Q\) with N >= 4 draws of each chain, got \(4, 1\)",
        ),
        (np.zeros((0, 9)), r"got \(0, 9\)"),
        (np.zeros(9), r"draws must have shape \(C, N\), got \(9,\)"),
        (x + np.nan, "draws must be finite, got nan"),
    ):
        with pytest.raises(UsageError, match=words):
            ess.effective_sample_size(draws)
        with pytest.raises(UsageError, match=words):
            ess.r_hat(draws)
    with pytest.raises(UsageError, match="kind must be one of 'plain', 'split', 'bulk', 'tail', got 'mean'"):
        ess.effective_sample_size(x, kind="mean")
    with pytest.raises(UsageError, match="at least 2 chains for kind 'plain', got 1"):
        ess.r_hat(x[:1], kind="plain")
