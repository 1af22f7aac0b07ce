"""The laws of EM accept a two-component model by hand and reject wrong subjects by name."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest

from refvi.errors import LawViolation
from refvi.laws import em as law


class Theta(NamedTuple):
    logit: float
    rates: np.ndarray


DATA = np.array([0.5, 2.5, 1.25, 3.75, 0.25])
OLD = Theta(0.375, np.array([0.75, 1.5]))
NEW = Theta(-0.25, np.array([1.125, 0.5]))


def log_joint(theta):
    """Mixture of two exponentials, (N, 2)."""
    log_p = np.array([-math.log1p(math.exp(-theta.logit)), -math.log1p(math.exp(theta.logit))])
    return log_p + np.log(theta.rates) - np.outer(DATA, theta.rates)


def log_evidence(theta):
    return float(np.logaddexp(*log_joint(theta).T).sum())


def weights(theta):
    joint = np.exp(log_joint(theta))
    return joint / joint.sum(1, keepdims=True)


def q_function(theta, old):
    return float((weights(old) * log_joint(theta)).sum())


def grad_q(theta, old):
    r = weights(old)
    p = 1 / (1 + math.exp(-theta.logit))
    return Theta(float(r[:, 0].sum() - p * len(DATA)), r.sum(0) / theta.rates - DATA @ r)


def grad_log_evidence(theta):
    return grad_q(theta, theta)


def broken(outcome, words):
    assert not outcome.holds
    with pytest.raises(LawViolation, match=words):
        outcome.raise_if_broken()


def test_never_decreases():
    assert law.never_decreases([-3.0, -2.0, -2.0, -1.0]).holds
    assert law.never_decreases([-2.0, -2.0 - 1e-16]).holds
    broken(law.never_decreases([3.0, 2.0, 1.0]), "before step 2")  # the sign
    broken(law.never_decreases([-3.0, -2.0, -2.0 - 1e-12]), "before step 2")
    broken(law.never_decreases([-3.0, math.nan]), "expected at most nan")
    broken(law.never_decreases([-3.0]), "no case was run")


def test_log_evidence_rises_at_least_by_q():
    near = [OLD._replace(logit=OLD.logit + h) for h in (-1e-3, 1e-3)]
    near += [OLD._replace(rates=OLD.rates + h * np.eye(2)[i]) for h in (-1e-3, 1e-3) for i in range(2)]

    def over_all(q):
        outcomes = [law.improves_at_least_by_q(log_evidence, q, OLD, new) for new in [NEW, *near]]
        return min(outcomes, key=lambda o: o.holds)

    assert over_all(q_function).holds
    for wrong in (
        lambda t, o: -q_function(t, o),
        lambda t, o: 0.5 * q_function(t, o),
        lambda t, o: float((weights(o).mean(0) * log_joint(t)).sum()),  # one posterior for all data
        lambda t, o: q_function(t, o) + float(DATA @ weights(o) @ t.rates),  # a dropped term
    ):
        broken(over_all(wrong), "rise of Q: expected at most")


def test_gradients_meet_at_theta_and_part_elsewhere():
    size = 100.0
    assert law.gradients_meet_at_theta(grad_log_evidence, grad_q, OLD, size).holds
    assert law.gradients_part_elsewhere(grad_log_evidence, grad_q, NEW, OLD).holds
    right = grad_q(OLD, OLD)
    mutants = (
        (right._replace(logit=-right.logit), r"grad\.logit: .*ratio -1"),
        (right._replace(rates=0.5 * right.rates), r"grad\.rates\[\d\]: .*ratio 0\.5"),
        (right._replace(rates=right.rates + DATA @ weights(OLD)), r"grad\.rates"),  # a dropped term
        (grad_q(OLD, NEW), r"grad\."),  # the posterior of other parameters
    )
    for wrong, words in mutants:
        broken(law.gradients_meet_at_theta(grad_log_evidence, lambda t, o, w=wrong: w, OLD, size), words)
    for same in (lambda t, o: grad_q(t, t), lambda t, o: grad_log_evidence(t)):
        broken(law.gradients_part_elsewhere(grad_log_evidence, same, NEW, OLD), "expected more than 0.001")
    near = lambda t, o: Theta(*(1.0001 * np.asarray(g) for g in grad_log_evidence(t)))
    broken(law.gradients_part_elsewhere(grad_log_evidence, near, NEW, OLD), "actual")


def test_is_stationary():
    r = weights(OLD)
    best = Theta(float(np.log(r[:, 0].sum() / r[:, 1].sum())), r.sum(0) / (DATA @ r))
    assert law.is_stationary(grad_q(best, OLD), 100.0).holds
    swapped = best._replace(logit=-best.logit)
    plain = best._replace(rates=1 / best.rates)
    dropped = best._replace(rates=r.sum(0) / DATA.sum())
    for wrong, words in ((swapped, "grad_q.logit"), (plain, "grad_q.rates"), (dropped, "grad_q.rates")):
        broken(law.is_stationary(grad_q(wrong, OLD), 100.0), words)


def relabel(theta, order):
    return theta if list(order) == [0, 1] else Theta(-theta.logit, theta.rates[::-1])


def test_relabelling():
    orders = list(itertools.permutations(range(2)))
    assert law.relabelling(log_evidence, relabel, OLD, orders, 100.0).holds
    half = lambda t, order: t._replace(rates=t.rates[list(order)])  # the mixing weights stay behind
    sign = lambda t, order: t._replace(logit=-t.logit)
    scaled = lambda t, order: relabel(t, order)._replace(rates=2 * t.rates[list(order)])
    for wrong in (half, sign, scaled):
        broken(law.relabelling(log_evidence, wrong, OLD, orders, 100.0), "components")


def test_best_path_is_argmax():
    table = {(0, 0): -3.0, (0, 1): -1.5, (1, 0): -2.0, (1, 1): -4.0}
    log_path = lambda path: table[tuple(path)]
    assert law.best_path_is_argmax(-1.5, (0, 1), log_path, -1.5, magnitude=5.0).holds
    for found, path, words in (
        (1.5, (0, 1), "value: .*ratio -1"),
        (-1.5, (1, 0), "log joint of the path: .*actual -2"),
        (-2.0, (1, 0), "value: expected -1.5"),
        (-0.75, (0, 1), "value: .*ratio 0.5"),
    ):
        broken(law.best_path_is_argmax(found, path, log_path, -1.5, magnitude=5.0), words)


def test_gaps_add_up():
    assert law.gaps_add_up(-1.0, -1.5, -2.0).holds
    broken(law.gaps_add_up(-1.0, -0.5, -2.0), "best bound: expected at most -1")
    broken(law.gaps_add_up(-1.0, -2.0, -1.5), "amortised bound: expected at most -2")
    broken(law.gaps_add_up(1.0, 1.5, 2.0), "expected at most")  # the sign


def test_minibatches_average_to_all():
    subsets = list(itertools.combinations(range(5), 2))
    estimate = lambda scale: lambda b: {"total": scale * DATA[list(b)].sum()}
    full, size = {"total": DATA.sum()}, 10.0
    assert law.minibatches_average_to_all(estimate(2.5), subsets, full, size).holds
    for factor, words in ((1.0, "ratio 0.4"), (2.5**2, "ratio 2.5"), (-2.5, "ratio -1"), (2.0, "ratio 0.8")):
        broken(
            law.minibatches_average_to_all(estimate(factor), subsets, full, size),
            f"mean objective.total.*{words}",
        )
