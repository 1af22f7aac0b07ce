"""Evidence for wake-sleep: what each phase ascends, means of the sampled steps, a network on which it circles."""

import math

import numpy as np

from refvi.algorithms import trees, wake_sleep
from refvi.laws import estimator
from refvi.laws.compare import EXACT, UNIT_ROUNDOFF, Tolerance, at_most, compare
from refvi.laws.outcome import combine
from refvi.models import layered_belief as lb
from refvi.oracles import enumeration
from refvi.oracles.trees import ravel
from refvi.registry.entry import Entry, Evidence
from refvi.registry.layered_belief_cases import (
    SIZES,
    dream_cells,
    everything,
    log_p_table,
    nets,
    objective,
    recognition_cells,
)

ALL = ("python", "cpu", "cuda")
DOWN = "a sleep step from the q that is best for the ELBO lowers the ELBO"
FALL = 0.01


def crossed():
    """A network on which wake-sleep circles: (x, mass, theta, phi, rates of theta, rates of phi).

    Two causes, two symptoms, each of its own cause. The recognition weights stay, and are crossed: the first cause is read
    mostly off the second symptom, the second off the first with the opposite sign. Prior logits and recognition biases
    learn. The data are the network's own, so that theta is the maximum of the log evidence; phi is the sleep phase's
    optimum there.
    """
    theta = lb.Generative((lb.Layer(8.0 * np.eye(2), np.full(2, -4.0)),), np.full(2, 0.25))
    x = enumeration.binary_states(2).astype(float)
    units = everything((2, 2))
    mass = np.exp(log_p_table(units, (2, 2), theta)).reshape(4, 4).sum(axis=1)
    weights = np.array([[1.0, 6.0], [-6.0, 1.0]])
    bias = np.array([_settled(x @ row, mass, c) for row, c in zip(weights, theta.prior_logits, strict=True)])
    rest = lb.Layer(np.zeros((2, 2)), np.zeros(2))
    learning = lb.Generative((rest,), np.ones(2)), lb.Recognition((rest._replace(bias=np.ones(2)),))
    return x, mass, theta, lb.Recognition((lb.Layer(weights, bias),)), *learning


def _settled(reading, mass, prior_logit):
    """The bias a with E_p sigmoid(a + reading) = sigmoid(prior_logit), by bisection."""
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        on = math.fsum(mass / (1.0 + np.exp(-middle - reading)))
        low, high = (middle, high) if on < 1.0 / (1.0 + math.exp(-prior_logit)) else (low, middle)
    return 0.5 * (low + high)


def curvature(sizes):
    """A bound of the curvature of both objectives, data averaged: a unit's is p (1 - p) (1, given)(1, given)ᵀ."""
    return (1.0 + max(sizes)) / 4.0


# ---- laws


def _seeds(quick):
    return range(1 if quick else 6)


def _rises(name, before, after, gradient, rate):
    """A step of at most 1 / curvature gains at least half of what the slope promises."""
    promised = 0.5 * rate * trees.dot(gradient, gradient)
    size = 8.0 * UNIT_ROUNDOFF * (before.magnitude + after.magnitude)
    return at_most("rises", before.value + promised, after.value, size, "8·u·S", name)


def check_wake_ascends(quick=True, target="python"):
    """A wake step of 1/curvature raises E_data of wake objective and ELBO by at least rate/2 |gradient|²."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        x, rate = x[:1], 1.0 / curvature(SIZES)
        moved = wake_sleep.wake_step(x, theta, phi, rate=rate, target=target)
        gradient = lb.wake(x, theta, phi).grad_theta
        for name in ("wake", "elbo"):
            values = (objective(name, x, at, phi) for at in (theta, moved))
            outcomes.append(_rises(name, *values, gradient, rate))
        searched = wake_sleep.wake_step(x, theta, phi, target=target)
        values = (objective("elbo", x, at, phi) for at in (theta, searched))
        outcomes.append(_rises("elbo by line search", *values, gradient, 0.0))
    return combine("a wake step raises the ELBO", outcomes)


def check_sleep_ascends(quick=True, target="python"):
    """A sleep step of 1/curvature raises E_p log q(h | x) by at least rate/2 |gradient|²."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        rate, gradient = 1.0 / curvature(SIZES), lb.sleep(theta, phi).grad_phi
        for given in (rate, None):
            moved = wake_sleep.sleep_step(theta, phi, rate=given, target=target)
            values = (objective("sleep", x, theta, at) for at in (phi, moved))
            outcomes.append(_rises("sleep", *values, gradient, 0.0 if given is None else rate))
    return combine("a sleep step raises E_p log q", outcomes)


def check_sleep_may_lower_the_elbo(quick=True, target="python"):
    """From the recognition biases that are best for the ELBO, a sleep step lowers the ELBO and raises E_p log q."""
    x, mass, theta, best, _, learns = crossed()
    still, outcomes = trees.scale(theta, 0.0), []
    for _ in range(40):
        _, best = wake_sleep.ascent_step(x, theta, best, rate=(still, learns), mass=mass)
    for rate in (1.0,) if quick else (2.0, 1.0, 0.5, 0.25):
        moved = wake_sleep.sleep_step(theta, best, rate=trees.scale(learns, rate), target=target)
        before, after = (_mean_elbo(x, mass, theta, at) for at in (best, moved))
        outcomes.append(at_most("falls", after + FALL * rate**2, before, 1e-9, "a stated fall", "ELBO"))
        before, after = (objective("sleep", x, theta, at, (2, 2)).value for at in (best, moved))
        outcomes.append(at_most("rises", before + FALL * rate, after, 1e-9, "a stated rise", "E_p log q"))
    return combine(DOWN, outcomes)


def _ones(tree):
    return ravel(tree)[1](np.ones(ravel(tree)[0].size))


def _mean_elbo(x, mass, theta, phi):
    return math.fsum(
        m * objective("elbo", row[None], theta, phi, (2, 2)).value for m, row in zip(mass, x, strict=True)
    )


def check_sampled_steps(quick=True, target="python"):
    """The mean of a sampled step over all outcomes of its noise is the exact step; no noise, no change of the inputs."""
    outcomes, rate = [], 0.375
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        passes, dreams = recognition_cells(x[0], phi), dream_cells(theta)
        for name, step, draws, whole in (
            (
                "wake",
                lambda u, x=x, t=theta, p=phi: wake_sleep.sampled_wake_step(
                    x[:1], t, p, u, rate=rate, target=target
                ),
                passes,
                wake_sleep.wake_step(x[:1], theta, phi, rate=rate),
            ),
            (
                "sleep",
                lambda u, t=theta, p=phi: wake_sleep.sampled_sleep_step(t, p, u, rate=rate, target=target),
                dreams,
                wake_sleep.sleep_step(theta, phi, rate=rate),
            ),
        ):
            points, weights = [c[0][None] for c in draws], [c[1] for c in draws]
            outcomes.append(
                estimator.expectation_over_is_target(
                    step, points, weights, whole, name=f"E of the {name} step"
                )
            )
    return combine("the mean of a sampled step is the exact step", outcomes)


def round_of(x, mass, theta, phi, learns, rate):
    """One round of wake and sleep as a map of (prior logits, recognition biases)."""
    of_theta, of_phi = (trees.scale(part, rate) for part in learns)

    def move(point):
        at = theta._replace(prior_logits=point[:2])
        net = lb.Recognition((phi.layers[0]._replace(bias=point[2:]),))
        at = wake_sleep.wake_step(x, at, net, rate=of_theta, mass=mass)
        net = wake_sleep.sleep_step(at, net, rate=of_phi)
        return np.concatenate([at.prior_logits, net.layers[0].bias])

    return move


def ascent_of(x, mass, theta, phi, learns, rate):
    """One step of ELBO ascent as the same map."""
    rates = tuple(trees.scale(part, rate) for part in learns)

    def move(point):
        at = theta._replace(prior_logits=point[:2])
        net = lb.Recognition((phi.layers[0]._replace(bias=point[2:]),))
        at, net = wake_sleep.ascent_step(x, at, net, rate=rates, mass=mass)
        return np.concatenate([at.prior_logits, net.layers[0].bias])

    return move


def largest_multiplier(move, point, h=2.0**-14):
    """The eigenvalue of largest modulus of the map's Jacobian, by central differences with an error of order h²."""
    columns = [(move(point + h * e) - move(point - h * e)) / (2.0 * h) for e in np.eye(len(point))]
    multipliers = np.linalg.eigvals(np.transpose(columns))
    return multipliers[np.argmax(np.abs(multipliers))]


def check_may_not_converge(quick=True, _target="python"):
    """Wake-sleep rests at the maximum of the log evidence and is thrown off it in a spiral, at every rate."""
    x, mass, theta, phi, *learns = crossed()
    point, outcomes = np.concatenate([theta.prior_logits, phi.layers[0].bias]), []
    for rate in (0.5,) if quick else (2.0, 1.0, 0.5, 0.25, 0.125):
        move = round_of(x, mass, theta, phi, learns, rate)
        outcomes.append(
            compare("rests", point, move(point), Tolerance(256.0 * UNIT_ROUNDOFF, "256·u"), "the maximum")
        )
        multiplier = largest_multiplier(move, point)
        outcomes.append(
            at_most("unstable", 1.0 + rate / 1000.0, abs(multiplier), 1e-6, "differences", "multiplier")
        )
        turn = abs(np.angle(multiplier))
        outcomes.append(at_most("turns", rate / 40.0, turn, 1e-6, "differences", "angle of the multiplier"))
    return combine("wake-sleep is thrown off the maximum of the log evidence", outcomes)


def check_rates(_quick=True, target="python"):
    """A rate of 0 leaves a parameter as it is, to the bit; a tree of equal rates is the number."""
    outcomes = []
    x, mass, theta, phi, of_theta, _ = crossed()
    moved = wake_sleep.wake_step(x, theta._replace(prior_logits=np.zeros(2)), phi, rate=of_theta, mass=mass)
    outcomes.append(compare("stays", theta.layers, moved.layers, EXACT, "layers that do not learn"))
    x, theta, phi = nets(0)
    for number, tree in ((0.375, trees.scale(_ones(theta), 0.375)),):
        both = [wake_sleep.wake_step(x, theta, phi, rate=r, target=target) for r in (number, tree)]
        outcomes.append(compare("equal", *both, EXACT, "a tree of rates"))
    return combine("rates are per parameter", outcomes)


ENTRIES = [
    Entry("algorithms.wake_sleep", "algorithm", "S2", wake_sleep),
    Entry("algorithms.wake_sleep.wake_step", "algorithm", "S2", wake_sleep.wake_step),
    Entry("algorithms.wake_sleep.sleep_step", "algorithm", "S2", wake_sleep.sleep_step),
    Entry("algorithms.wake_sleep.sampled_wake_step", "algorithm", "S2", wake_sleep.sampled_wake_step),
    Entry("algorithms.wake_sleep.sampled_sleep_step", "algorithm", "S2", wake_sleep.sampled_sleep_step),
    Entry("algorithms.wake_sleep.wake_sleep", "algorithm", "S2", wake_sleep.wake_sleep),
]


def _row(subject, law, tolerance, run, targets=("python",)):
    return Evidence("S2", f"algorithms.wake_sleep{subject}", law, tolerance, run, targets)


MEAN = "the mean over all outcomes of the noise is the exact step"
EVIDENCE = [
    _row("", "a rate of 0 leaves a parameter as it is, to the bit", "exact", check_rates),
    _row(
        ".wake_step",
        "raises wake objective and ELBO by rate/2 |gradient|² or more",
        "8·u·S",
        check_wake_ascends,
        ALL,
    ),
    _row(".sleep_step", "raises E_p log q by rate/2 |gradient|² or more", "8·u·S", check_sleep_ascends, ALL),
    _row(".sleep_step", DOWN, "by 0.01 rate² nats at least", check_sleep_may_lower_the_elbo),
    _row(".sampled_wake_step", MEAN, "16·u·S", check_sampled_steps, ALL),
    _row(".sampled_sleep_step", MEAN, "16·u·S", check_sampled_steps),
    _row(
        ".wake_sleep",
        "may not converge: it rests at the maximum of the log evidence and is thrown off it in a spiral",
        "256·u at rest; multipliers by differences",
        check_may_not_converge,
    ),
]
