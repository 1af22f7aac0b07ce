"""The core's evidence holds on Python and on the CPU, every name has a thing, and wrong kernels are rejected."""

import math

import pytest

from refvi.kernels import gamma_function, lanes, logspace, normal_quantile, philox, scalar
from refvi.registry import targets as core

CASES = [(row, target) for row in core.EVIDENCE for target in ("python", "cpu") if target in row.targets]


@pytest.mark.parametrize(("row", "target"), CASES, ids=lambda v: getattr(v, "subject", v))
def test_evidence(row, target):
    row.run(True, target).raise_if_broken()


def test_subjects_are_entries():
    names = [entry.name for entry in core.ENTRIES]
    assert len(set(names)) == len(names) > 15
    assert {row.subject for row in core.EVIDENCE} <= set(names)


LOG_SUM, QUANTILE = logspace.log_sum, normal_quantile.normal_quantile


def wrong_add(lane, row):
    """Plain sums that forget what they lose."""
    for j in range(row.shape[0]):
        lane[0, j] += row[j]


MUTANTS = [
    (
        core.ROUTES,
        "softplus",
        lambda x: scalar.log(1.0 + scalar.exp(x)),
        lambda: core.check_scalar("softplus"),
    ),
    (core.ROUTES, "sigmoid", lambda x: scalar.sigmoid(-x), lambda: core.check_scalar("sigmoid")),
    (core.ROUTES, "log_sigmoid", scalar.softplus, lambda: core.check_scalar("log_sigmoid")),
    (logspace, "log_sum", lambda v: LOG_SUM(v) - math.log(len(v)), core.check_log_sum),
    (logspace, "log_sum", lambda v: logspace.log_sum_but_one(v, 0), core.check_log_sum),
    (logspace, "log_mean", lambda v: -LOG_SUM(v), core.check_log_sum),
    (gamma_function, "log_gamma", lambda x: -math.lgamma(x) + 1.0, core.check_log_gamma),
    (gamma_function, "digamma", lambda x: gamma_function.trigamma(x), core.check_log_gamma),
    (gamma_function, "log_gamma", lambda x: math.lgamma(x + 1.0), core.check_log_gamma),
    (philox, "philox", lambda *a: (0, 0, 0, 0), core.check_philox),
    (normal_quantile, "normal_quantile", lambda p: -QUANTILE(p), core.check_quantile),
    (normal_quantile, "normal_quantile", lambda p: QUANTILE(p) * (1.0 + 1e-14), core.check_quantile),
    (lanes, "add", wrong_add, core.check_long_sum),
]


@pytest.mark.parametrize(
    ("home", "name", "wrong", "check"), MUTANTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_mutants_are_rejected(monkeypatch, home, name, wrong, check):
    if isinstance(home, dict):
        monkeypatch.setitem(home, name, (wrong, home[name][1]))
    else:
        monkeypatch.setattr(home, name, wrong)
    broken = check()
    assert not broken.holds
    assert "expected" in broken.message
