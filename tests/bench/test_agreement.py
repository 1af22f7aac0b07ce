"""The verdicts and the exact moments that estimates are held to."""

import itertools

import numpy as np
import pytest

from refvi.bench.agreement import ERRORS, judge
from refvi.bench.exact_moments import moments
from refvi.bench.problems import estimation, make, tolerance
from refvi.bench.tasks import Task

EVIDENCE = Task("t", "evidence", {"K": 12, "D": 16})
ESTIMATE = Task("t", "reinforce", {"K": 3, "D": 2, "samples": 64, "group": 2})


def test_the_middle_decides():
    middle, off = np.array([-5.0]), tolerance("evidence", EVIDENCE.sizes, 5.0)
    found = judge(EVIDENCE, {"a": middle, "b": middle + 0.9 * off, "c": middle - 1.5 * off, "d": middle})
    assert {n: v.word for n, v in found.items()} == dict(a="agrees", b="agrees", c="disagrees", d="agrees")


def test_the_tolerance_has_the_size_of_rounding():
    assert 1e-14 < tolerance("evidence", EVIDENCE.sizes, 5.0) < 1e-12


def test_estimates_are_held_to_the_exact_mean():
    mean, error = moments(ESTIMATE.kind, make(ESTIMATE.kind, ESTIMATE.sizes))
    right, wrong = mean + 0.99 * ERRORS * error, mean.copy()
    wrong[1] -= 1.01 * ERRORS * error[1]
    found = judge(ESTIMATE, {"right": right, "logits alone": mean[:3], "wrong": wrong, "short": mean[:2]})
    assert [v.word for v in found.values()] == ["agrees", "agrees", "disagrees", "disagrees"]


def estimate(kind, problem, states):
    """The estimate of some states as its definition says, sample by sample."""
    (x, W, b, c), logits = problem.network, problem.logits

    def sigmoid(a):
        return 1.0 / (1.0 + np.exp(-a))

    h = np.array([[(state >> k) & 1 for k in range(logits.size)] for state in states], float)
    f = []
    for row in h:
        logit = W @ row + b
        f.append((x[0] * logit - np.log1p(np.exp(logit))).sum() + (row * (c - logits)).sum())
        f[-1] += (np.log1p(np.exp(logits)) - np.log1p(np.exp(c))).sum()
    f = np.array(f)
    baseline = 0.0 if kind == "reinforce" else (f.sum() - f) / (len(f) - 1)
    phi = ((f - baseline)[:, None] * (h - sigmoid(logits))).mean(axis=0)
    residual = x[0] - sigmoid(h @ W.T + b)
    return np.concatenate([phi, (residual.T @ h / len(h)).ravel(), residual.mean(0), h.mean(0) - sigmoid(c)])


@pytest.mark.parametrize("kind", ["reinforce", "leave-one-out"])
def test_moments_are_those_of_all_tuples_of_samples(kind):
    problem = estimation(2, 2, samples=3, group=3, seed=5)
    q = 1.0 / (1.0 + np.exp(-problem.logits))
    mean = square = 0.0
    for states in itertools.product(range(4), repeat=3):
        mass = np.prod([q[k] if (s >> k) & 1 else 1.0 - q[k] for s in states for k in range(2)])
        found = estimate(kind, problem, states)
        mean, square = mean + mass * found, square + mass * found**2
    exact, error = moments(kind, problem)
    np.testing.assert_allclose(exact, mean, rtol=0.0, atol=1e-13)
    np.testing.assert_allclose(error**2, square - mean**2, rtol=1e-11, atol=1e-13)
