"""Wake-sleep: rows of the registry, wrong phases that they reject, the network on which it circles."""

import math

import numpy as np
import pytest

from refvi.algorithms import trees, wake_sleep
from refvi.errors import UsageError
from refvi.models import layered_belief as lb
from refvi.registry import wake_sleep as rows
from refvi.registry.layered_belief_cases import nets


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
@pytest.mark.parametrize("quick", [True, False])
def test_rows_hold(row, quick):
    row.run(quick, "python").raise_if_broken()


# ---- wrong phases


def changed(field, change):
    """A phase whose result has one field changed."""

    def mutate(right):
        def wrong(*arguments, **options):
            found = right(*arguments, **options)
            return found._replace(**{field: change(getattr(found, field))})

        return wrong

    return mutate


SIGN, TENTH, FORGOTTEN = (lambda g, f=f: trees.scale(g, f) for f in (-1.0, 0.1, 0.0))


@pytest.mark.parametrize(
    ("name", "field", "check"),
    [
        ("wake", "grad_theta", rows.check_sampled_steps),
        ("sleep", "grad_phi", rows.check_sampled_steps),
        ("wake_rule", "grad_theta", rows.check_sampled_steps),
        ("sleep_rule", "grad_phi", rows.check_sampled_steps),
        ("sleep", "grad_phi", rows.check_sleep_may_lower_the_elbo),
    ],
)
@pytest.mark.parametrize("change", [SIGN, TENTH, FORGOTTEN], ids=["sign", "factor", "dropped"])
def test_wrong_gradients_are_rejected(monkeypatch, name, field, check, change):
    monkeypatch.setattr(lb, name, changed(field, change)(getattr(lb, name)))
    assert not check(False).holds


@pytest.mark.parametrize("change", [TENTH, FORGOTTEN], ids=["factor", "dropped"])
@pytest.mark.parametrize(("name", "field"), [("wake", "grad_theta"), ("sleep", "grad_phi")])
def test_a_weaker_phase_turns_too_slowly(monkeypatch, name, field, change):
    monkeypatch.setattr(lb, name, changed(field, change)(getattr(lb, name)))
    assert not rows.check_may_not_converge().holds


def stepped(name, factor):
    """The algorithm's step with a rate that is off by a factor."""
    right = getattr(wake_sleep, name)

    def wrong(*arguments, rate=None, **options):
        return right(*arguments, rate=0.5 if rate is None else trees.scale(rate, factor), **options)

    return wrong


@pytest.mark.parametrize("factor", [-1.0, 0.0, 25.0])
@pytest.mark.parametrize(
    ("name", "check", "words"),
    [
        ("wake_step", rows.check_wake_ascends, ("wake", "elbo")),
        ("sleep_step", rows.check_sleep_ascends, ("sleep",)),
        ("sleep_step", rows.check_sleep_may_lower_the_elbo, ("ELBO", "E_p log q")),
        ("sampled_wake_step", rows.check_sampled_steps, ("E of the wake step",)),
        ("sampled_sleep_step", rows.check_sampled_steps, ("E of the sleep step",)),
    ],
)
def test_wrong_steps_are_rejected_by_name(monkeypatch, name, check, words, factor):
    monkeypatch.setattr(wake_sleep, name, stepped(name, factor))
    outcome = check(False)
    assert not outcome.holds
    assert any(word in outcome.message for word in words)


def test_ascent_in_place_of_sleep_does_not_circle(monkeypatch):
    """The law that wake-sleep may not converge rejects an algorithm that does: ELBO ascent in phi."""
    x, mass, *_ = rows.crossed()

    def ascent(theta, phi, *, rate=None, target="python"):
        still = trees.scale(theta, 0.0)
        return wake_sleep.ascent_step(x, theta, phi, rate=(still, rate), mass=mass, target=target)[1]

    monkeypatch.setattr(wake_sleep, "sleep_step", ascent)
    assert not rows.check_may_not_converge().holds
    outcome = rows.check_sleep_may_lower_the_elbo()
    assert not outcome.holds


def test_a_rate_that_is_ignored_is_rejected(monkeypatch):
    monkeypatch.setattr(trees, "times", lambda rate, gradient: trees.scale(gradient, 0.375))
    assert not rows.check_rates().holds


# ---- runs


def test_it_circles_for_ever_where_ascent_comes_to_rest():
    """Phases of many steps, 45 rounds: it comes near the maximum, leaves it, and goes up and down below it."""
    x, mass, theta, phi, *learns = rows.crossed()
    top = math.fsum(mass * np.log(mass))
    start = theta._replace(prior_logits=theta.prior_logits + [1.0, 0.0])
    rates = [trees.scale(part, 8.0) for part in learns]
    run = wake_sleep.wake_sleep(
        x,
        start,
        phi,
        steps=45,
        wake_rate=trees.scale(rates[0], 0.5),
        sleep_rate=rates[1],
        sleep_steps=8,
        mass=mass,
    )
    early, late = run.log_evidence[:8], run.log_evidence[18:]
    assert early.max() > top - 0.005
    assert late.max() < top - 0.05
    assert np.ptp(late) > 0.05
    assert np.sum(np.diff(np.sign(np.diff(late))) != 0) >= 4
    ascent = wake_sleep.elbo_ascent(x, start, phi, steps=60, rate=tuple(rates), mass=mass)
    found = lb.elbo(x, ascent.theta, ascent.phi, mass=mass)
    assert np.all(np.diff(ascent.elbo) >= -1e-14)
    assert np.abs(found.grad_theta.prior_logits).max() < 1e-4
    assert np.abs(found.grad_phi.layers[0].bias).max() < 1e-4


def test_every_driver_keeps_its_books():
    x, theta, phi = nets(1)
    runs = (
        wake_sleep.wake_sleep(x, theta, phi, steps=3),
        wake_sleep.elbo_ascent(x, theta, phi, steps=3),
        wake_sleep.evidence_ascent(x, theta, phi, steps=3),
        wake_sleep.sampled_wake_sleep(x, theta, phi, steps=3, wake_rate=0.2, sleep_rate=0.2, dreams=4),
    )
    for run in runs:
        assert run.log_evidence.shape == run.elbo.shape == run.sleep.shape == (4,)
        assert np.all(run.elbo <= run.log_evidence + 1e-14)
        assert run.log_evidence[0] == runs[0].log_evidence[0]
        assert run.elbo[-1] == pytest.approx(lb.elbo(x, run.theta, run.phi).elbo.mean(), abs=1e-13)
    for run, field in ((runs[1], "elbo"), (runs[2], "log_evidence")):
        assert np.all(np.diff(getattr(run, field)) > 0)


def test_sampled_runs_are_their_seed():
    x, theta, phi = nets(2)
    options = {"steps": 2, "wake_rate": 0.1, "sleep_rate": 0.1}
    first, again, other = (
        wake_sleep.sampled_wake_sleep(x, theta, phi, seed=seed, **options).elbo for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, t, p: wake_sleep.wake_sleep(x, t, p, steps=-1), "steps must be an integer of at least 0"),
        (
            lambda x, t, p: wake_sleep.wake_sleep(x, t, p, steps=1, sleep_steps=0),
            "sleep_steps must be an integer of at least 1, got 0",
        ),
        (
            lambda x, t, p: wake_sleep.sampled_wake_sleep(
                x, t, p, steps=1, wake_rate=1, sleep_rate=1, dreams=0
            ),
            "dreams must be an integer of at least 1, got 0",
        ),
        (
            lambda x, t, p: wake_sleep.wake_step(x, t, p, rate=0.1, mass=[1.0]),
            r"mass must have shape \(2,\), got \(1,\)",
        ),
    ],
)
def test_arguments_are_refused_in_one_sentence(call, sentence):
    with pytest.raises(UsageError, match=sentence):
        call(*nets(0))
