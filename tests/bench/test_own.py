"""The contenders that ship with refvi find the same numbers, at small sizes and in this process."""

import importlib
import math

import numpy as np
import pytest

from refvi.bench.contenders import OWN, PEERS, Contender, fits
from refvi.bench.problems import MAKERS, make, network, tolerance
from refvi.bench.tasks import all_tasks

SIZES = {"K": 7, "D": 5, "B": 2, "scale": 2.0}


def by_definition(problem):
    """Log evidence by a loop over states."""
    values = []
    for x in problem.x:
        terms = []
        for state in range(1 << problem.c.size):
            h = [(state >> k) & 1 for k in range(problem.c.size)]
            terms.append(sum(v * on - math.log1p(math.exp(v)) for v, on in zip(problem.c, h)))
            for d, bit in enumerate(x):
                logit = problem.b[d] + sum(w for w, on in zip(problem.W[d], h) if on)
                terms[-1] += bit * logit - math.log1p(math.exp(logit))
        values.append(math.log(math.fsum(math.exp(t) for t in terms)))
    return np.array(values)


@pytest.mark.parametrize("module", ["own", "twin"])
def test_evidence(module):
    problem = network(**SIZES)
    (found,) = importlib.import_module(f"refvi.bench.{module}").PREPARE["evidence"](problem)()
    allowed = tolerance("evidence", SIZES, 1.0)
    np.testing.assert_allclose(found, by_definition(problem), rtol=0.0, atol=allowed)


def test_balls_enclose_the_definition():
    balls = pytest.importorskip("refvi.bench.balls")
    pytest.importorskip("flint")
    sizes = SIZES | {"K": 5, "D": 6, "B": 1}
    problem = network(**sizes)
    assert float(balls.log_evidence(problem)) == pytest.approx(
        by_definition(problem)[0], abs=tolerance("evidence", sizes, 1.0)
    )
    ulps, slope = balls.PREPARE["accuracy"](problem)()
    assert 0.0 <= ulps <= 8.0
    assert 0.0 <= slope < 1e-14


def test_an_error_is_seen_in_ulps(monkeypatch):
    pytest.importorskip("flint")
    from refvi.bench import balls

    problem = network(5, 4)
    exact = balls.enclose(lambda: balls.log_evidence(problem)).mid
    monkeypatch.setattr(balls.fast, "log_evidence", lambda *_: [exact * (1.0 + 10 * balls.EPS)])
    assert balls.PREPARE["accuracy"](problem)()[0] == pytest.approx(10.0, abs=1.0)


def test_multiplications_return_no_numbers():
    from refvi.bench import multiplications

    call = multiplications.PREPARE["evidence"](network(8, 4))
    assert call() is None
    assert call.note == "960 multiplications"


def test_every_task_has_a_contender_and_every_contender_a_task():
    tasks = all_tasks()
    assert all(any(fits(c, task) for c in (*OWN, *PEERS)) for task in tasks)
    assert all(any(fits(c, task) for task in tasks) for c in (*OWN, *PEERS))
    assert len({task.name for task in tasks}) == len(tasks)
    assert {t.kind for t in tasks} == {*MAKERS, "start-up"}


def test_nobody_is_asked_for_what_takes_minutes():
    (task,) = [task for task in all_tasks() if task.sizes.get("K") == 30]
    assert {c.name for c in (*OWN, *PEERS) if fits(c, task)} == {"refvi", "multiplications"}


def test_sizes_beyond_a_contender_are_not_asked_of_it():
    task = next(task for task in all_tasks() if task.sizes["K"] == 16)
    assert not fits(Contender("small", "", ("evidence",), most={"K": 10}), task)
    assert fits(Contender("large", "", ("evidence",), most={"K": 16}), task)


@pytest.mark.parametrize("kind", MAKERS)
def test_problems_are_the_same_in_every_process(kind):
    task = next(t for t in all_tasks(quick=True) if t.kind == kind)
    one, two = make(kind, task.sizes), make(kind, task.sizes)
    for a, b in zip(one, two, strict=True):
        for first, second in zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]:
            np.testing.assert_array_equal(first, second)
