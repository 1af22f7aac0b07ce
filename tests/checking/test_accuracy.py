"""Right to fewer digits than the arithmetic gives: how many is said, and whether rounding or an approximation took them."""

import numpy as np
import pytest
from scipy.special import digamma, polygamma

import refvi
from refvi.checking.accuracy import APPROXIMATED, LOST, SINGLE, digits_of

CASES = 25


def checked(spec_id, function, **options):
    report = refvi.check(spec_id, function, framework="numpy", cases=CASES, **options)
    assert report.verdict == "FAIL"
    return report


def log_mean(log_weights):
    return np.logaddexp.reduce(log_weights, 0) - np.log(len(log_weights))


# ---- what takes the digits


def single(log_weights):
    return np.logaddexp.reduce(log_weights.astype(np.float32), 0).astype(float) - np.log(len(log_weights))


def short_series(concentration):
    """The gradient by a series for the trigamma function that is cut after few terms, as well-known code has it."""

    def trigamma(x):
        found = np.zeros_like(x)
        for _ in range(6):
            found, x = found + 1.0 / (x * x), x + 1.0
        y = 1.0 / (x * x)
        return found + (1.0 + 0.5 / x + y * (1 / 6 - y * (1 / 30 - y * (1 / 42)))) / x

    total = concentration.sum(-1, keepdims=True)
    value = digamma(concentration) - digamma(total)
    return value, {"concentration": trigamma(concentration) - concentration.shape[1] * trigamma(total)}


def epsilon_in_the_logarithm(x, probs):
    return (x * np.log(probs + 1e-8) + (1 - x) * np.log(1 - probs + 1e-8)).sum(-1)


def shifted_up_and_down(weights, log_density):
    shifted = log_density / 3 + 1.0e6
    top = shifted.max(1, keepdims=True)
    return np.log(np.exp(3 * (shifted - top)) @ weights) + 3 * (top[:, 0] - 1.0e6)


def forward_differences(log_weights):
    grad, h = np.empty_like(log_weights), 1e-5
    for k in range(len(log_weights)):
        moved = log_weights.copy()
        moved[k] += h
        grad[k] = (log_mean(moved) - log_mean(log_weights)) / h
    return log_mean(log_weights), {"log_weights": grad}


@pytest.mark.parametrize(
    ("spec_id", "function", "digits", "says"),
    [
        ("iwae.bound", single, (7, 8), SINGLE),
        ("vb.dirichlet_expected_log", short_series, (8, 10), APPROXIMATED),
        ("log_density.bernoulli", epsilon_in_the_logarithm, (6, 8), APPROXIMATED),
        ("mixture.log_evidence", shifted_up_and_down, (9, 11), LOST),
        ("iwae.bound", forward_differences, (5, 6), APPROXIMATED),
    ],
    ids=["float32", "short series", "epsilon", "cancellation", "differences"],
)
def test_the_report_says_how_many_digits_and_what_took_the_others(spec_id, function, digits, says):
    report = checked(spec_id, function)
    assert digits[0] <= report.digits <= digits[1]
    assert says in report.message
    assert report.mistake is None
    assert f"{report.digits} digits" in report.message


@pytest.mark.parametrize(
    "function", [short_series, epsilon_in_the_logarithm, shifted_up_and_down, forward_differences]
)
def test_single_precision_is_said_of_its_own_errors_only(function):
    spec_id = {
        short_series: "vb.dirichlet_expected_log",
        epsilon_in_the_logarithm: "log_density.bernoulli",
        shifted_up_and_down: "mixture.log_evidence",
        forward_differences: "iwae.bound",
    }[function]
    assert "single" not in checked(spec_id, function).message


def test_torch_trigamma_is_what_was_measured():
    """The errors of the short series are about 5e-10, as a series with three terms beyond six shifts must be."""
    x = np.linspace(0.3, 3.0, 50)[None]
    gap = short_series(x)[1]["concentration"] - (polygamma(1, x) - x.size * polygamma(1, x.sum()))
    assert 1e-11 < np.abs(gap).max() < 1e-7


def test_an_edge_where_digits_are_lost_is_named():
    """A branch for large numbers that works in single precision."""

    def branching(log_weights):
        return single(log_weights) if np.abs(log_weights).max() > 100.0 else log_mean(log_weights)

    report = checked("iwae.bound", branching)
    assert report.message.startswith("right in generic position, at the edge ")
    assert report.message.endswith(f" to {report.digits} digits only")
    assert report.digits in (7, 8, 9)


# ---- what is no loss of digits


def test_another_formula_is_not_called_inaccurate():
    def wrong(log_weights):
        return log_mean(log_weights) + 1e-3 * np.sin(log_weights).mean(0)

    report = checked("iwae.bound", wrong)
    assert report.digits is None
    assert report.message.startswith("unknown")


def test_a_small_mistake_of_the_catalogue_keeps_its_name():
    """Ranks over S - 1/4: an effect of one in a thousand or less."""
    from refvi.checking.selftest import planted
    from refvi.specs import get_spec

    spec = get_spec("mcmc.bulk_effective_sample_size")
    report = checked(spec.id, planted(spec, spec.mistakes["ranks-over-s-minus-quarter"]))
    assert report.mistake == "ranks-over-s-minus-quarter"
    assert report.digits is None


def test_the_text_has_it_as_likely_and_does_not_rule_rounding_out():
    text = checked("iwae.bound", single).text()
    assert "\n  likely          is right to single precision only" in text
    assert "not             rounding" not in text


def test_json_has_the_digits():
    assert checked("iwae.bound", single).to_dict()["digits"] in (7, 8)


def test_digits():
    assert [digits_of(e) for e in (0.0, 9.9e-4, 1e-9, 2e-16, 0.5, 3.0)] == [17, 3, 9, 15, 0, 0]
