"""Tests of samples: thresholds by hand, calibration on skewed samples, power at the stated effect.

Randomised tests use fixed seeds. Calibration runs count alarms at nominal rates of 1e-2 in 2000 repetitions;
more than 40 alarms would have probability below 1e-4 if the true rate were the nominal one.
"""

import math

import numpy as np
import pytest

from refvi.oracles import statistics


def test_radius_and_design_by_hand():
    cost = math.log(2e9)
    assert statistics.catoni_radius(10**4, 4.0) == pytest.approx(2 * math.sqrt(2 * cost / (10**4 - 2 * cost)))
    assert statistics.catoni_radius(42, 1.0) == math.inf
    for bias in (1.0, 0.1, 0.01):
        count = statistics.samples_for(bias, 1.0)
        assert statistics.detectable_bias(count, 1.0) <= bias < statistics.detectable_bias(count - 1, 1.0)
    with pytest.raises(ValueError, match="larger than the slack"):
        statistics.samples_for(0.1, 1.0, slack=0.2)


def test_catoni_mean_solves_its_equation_and_resists_an_outlier():
    rng = np.random.default_rng(3)
    samples = rng.standard_normal(2000)
    assert statistics.catoni_mean(samples, 1.0) == pytest.approx(samples.mean(), abs=5e-3)
    samples[0] = 1e12
    assert abs(statistics.catoni_mean(samples, 1.0)) < 0.3
    assert statistics.catoni_mean(np.full(100, 2.5), 1.0) == 2.5


def test_the_test_is_catonis_pair_of_inequalities():
    rng = np.random.default_rng(4)
    count, variance, alpha = 500, 2.0, 1e-2
    cost = math.log(2 / alpha)
    radius = math.sqrt(2 * variance * cost / (count - 2 * cost))
    scale = math.sqrt(2 * cost / (count * (variance + radius**2)))

    def pull(samples, shift):
        t = scale * (samples - shift)
        return float(np.sum(np.sign(t) * np.log(1 + np.abs(t) + t * t / 2)))

    seen = set()
    for mean in np.linspace(-0.5, 0.5, 41):
        samples = rng.normal(0.0, math.sqrt(2.0), count)
        refused = pull(samples, mean + radius) > 0 or pull(samples, mean - radius) < 0
        assert statistics.mean_test(samples, mean, variance, alpha).rejected == refused
        seen.add(refused)
    assert seen == {True, False}


@pytest.mark.parametrize("name", ["normal", "lognormal", "rare"])
def test_false_alarms_stay_below_the_nominal_rate(name):
    rng = np.random.default_rng(5)
    draw, mean, variance = {
        "normal": (lambda: rng.standard_normal(100), 0.0, 1.0),
        "lognormal": (
            lambda: rng.lognormal(0.0, 1.5, 100),
            math.exp(1.125),
            (math.exp(2.25) - 1) * math.exp(2.25),
        ),
        "rare": (lambda: 50.0 * (rng.random(100) < 0.02), 1.0, 49.0),
    }[name]
    alarms = sum(statistics.mean_test(draw(), mean, variance, alpha=1e-2).rejected for _ in range(2000))
    assert alarms <= 40


def test_a_bias_of_the_stated_size_is_found():
    rng = np.random.default_rng(6)
    count = 500
    bias = statistics.detectable_bias(count, 1.0, alpha=1e-6, beta=1e-2)
    assert bias < 0.5
    missed = sum(
        not statistics.mean_test(rng.normal(bias, 1.0, count), 0.0, 1.0, alpha=1e-6).rejected
        for _ in range(500)
    )
    assert missed <= 15


def test_slack_is_allowed_on_both_sides():
    rng = np.random.default_rng(7)
    samples = rng.standard_normal(10**5)
    assert not statistics.mean_test(samples, 0.05, 1.0, slack=0.05).rejected
    assert not statistics.mean_test(samples, -0.05, 1.0, slack=0.05).rejected
    assert statistics.mean_test(samples, 0.05, 1.0).rejected


def test_unusable_samples_are_refused_before_statistics():
    nan = statistics.mean_test([1.0, math.nan] * 100, 1.0, 1.0)
    assert nan.rejected
    assert nan.reason == "100 of 200 samples are not finite"
    few = statistics.mean_test(np.zeros(10), 0.0, 1.0)
    assert few.rejected
    assert "needs more than 42.8 samples, got 10" in few.reason


def test_variance_zero_demands_equality():
    assert not statistics.mean_test(np.full(100, 3.0), 3.0, 0.0).rejected
    off = np.full(100, 3.0)
    off[17] = 3.0 + 1e-9
    assert statistics.mean_test(off, 3.0, 0.0).rejected
    assert not statistics.mean_test(off, 3.0, 0.0, slack=1e-8).rejected


def test_variance_test_sees_reused_noise_and_accepts_the_right_variance():
    rng = np.random.default_rng(8)
    noise = rng.standard_normal((20000, 4))
    right, reused = noise.mean(axis=1), noise[:, 0]
    # The mean of four standard normals: variance 1/4, fourth central moment 3/16.
    assert not statistics.variance_test(right, 0.0, 0.25, 3 / 16).rejected
    assert statistics.variance_test(reused, 0.0, 0.25, 3 / 16).rejected
    assert not statistics.mean_test(reused, 0.0, 1.0).rejected


def test_bounded_means():
    rng = np.random.default_rng(9)
    samples = rng.random(10000)
    assert not statistics.bounded_mean_test(samples, 0.5, 0.0, 1.0).rejected
    assert statistics.bounded_mean_test(samples, 0.6, 0.0, 1.0).rejected
    assert "outside the support" in statistics.bounded_mean_test(samples + 0.1, 0.6, 0.0, 1.0).reason
    assert statistics.hoeffding_radius(10**4, 0.0, 1.0) == pytest.approx(0.0327, abs=1e-4)


def test_distributions_continuous_and_with_jumps():
    rng = np.random.default_rng(10)
    samples = rng.random(5000)

    def uniform(x):
        return np.clip(x, 0.0, 1.0)

    found = statistics.distribution_test(samples, uniform, 0.0, 1.0)
    assert not found.rejected
    assert found.allowed == pytest.approx(math.sqrt(math.log(2e9) / 10000))
    assert statistics.distribution_test(samples**1.3, uniform, 0.0, 1.0).rejected
    assert "outside the support" in statistics.distribution_test(samples * 1.01, uniform, 0.0, 1.0).reason
    coin = (samples < 0.3).astype(float)
    steps = {
        "distribution": lambda x: np.where(x < 1, 0.7, 1.0) * (x >= 0),
        "left": lambda x: np.where(x <= 0, 0, 0.7),
    }
    assert not statistics.distribution_test(coin, **steps).rejected
    assert statistics.distribution_test(1 - coin, **steps).rejected
    assert statistics.distribution_test(samples, lambda x: np.full(len(x), math.nan)).rejected


def test_distribution_distance_by_hand():
    found = statistics.distribution_test([0.1, 0.1, 0.9], lambda x: x, alpha=0.5)
    # F_n is 2/3 on [0.1, 0.9): the largest distance is 2/3 - 0.1.
    assert found.estimate == pytest.approx(2 / 3 - 0.1)


def test_frequencies():
    rng = np.random.default_rng(11)
    probabilities = np.array([0.5, 0.3, 0.2, 0.0])
    draws = rng.choice(4, 20000, p=probabilities)
    assert not any(test.rejected for test in statistics.frequency_tests(draws, probabilities))
    swapped = statistics.frequency_tests(draws, probabilities[[1, 0, 2, 3]])
    assert [test.rejected for test in swapped] == [True, True, False, False]
    once = draws.copy()
    once[5] = 3
    assert statistics.frequency_tests(once, probabilities)[3].rejected
    out = statistics.frequency_tests(np.append(draws, 4), probabilities)
    assert out[0].reason == "1 of 20001 samples lie outside the support, first 4"


def test_e_process_never_alarms_and_finds_biases():
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(300):
        log_e = statistics.log_e_values(rng.standard_normal(400), 0.0, 1.0)
        alarms += statistics.first_alarm(log_e, alpha=1e-2) is not None
    assert alarms <= 12  # more would have probability below 1e-4 at the nominal rate
    stops = [
        statistics.first_alarm(statistics.log_e_values(rng.normal(1.0, 1.0, 1000), 0.0, 1.0))
        for _ in range(20)
    ]
    assert all(stop is not None and stop < 200 for stop in stops)
    assert (
        statistics.first_alarm(statistics.log_e_values(rng.normal(1.0, 1.0, 1000), 0.0, 1.0, slack=1.1))
        is None
    )


def test_e_process_by_hand():
    rates = (0.5, 0.2, 0.08, 0.03, 0.012)
    x = 1.7
    factors = [(1 + s * c * x + (c * x) ** 2 / 2) / (1 + c * c / 2) for c in rates for s in (1, -1)]
    found = statistics.log_e_values([x], 0.0, 1.0)
    assert found[0] == pytest.approx(math.log(sum(factors) / 10))
    assert statistics.average_log_e([found, found])[0] == pytest.approx(found[0])


def test_joining_many_tests():
    assert statistics.holm([0.001, 0.02, 0.03, 0.8], 0.05).tolist() == [True, False, False, False]
    assert statistics.holm([0.001, 0.01, 0.02, 0.8], 0.05).tolist() == [True, True, True, False]
    assert statistics.false_alarm_rate(1000, 10000) == pytest.approx(1e-2)
