"""Leapfrog on a normal target, with a mass matrix."""

import numpy as np

from refvi.specs.covariance import solve_covariance
from refvi.specs.generic import cholesky, on_grid, positive, real
from refvi.specs.hamiltonian import METRIC, NEAL, times, velocity
from refvi.specs.sized import sized, stack, transpose
from refvi.specs.spec import Input, Spec


def slope(mean, factor, q):
    """The gradient of log N(q; mean, L L^T), rows (B, D)."""
    away = transpose(sized(q) - mean)
    return -transpose(solve_covariance(factor, away))


def _path(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps, kicks=(0.5, 0.5), drift=velocity):
    """Kick, drift, kick, `steps` times; `kicks` as parts of the step size, `drift` the velocity."""
    q, p, eps = sized(phase[0]), sized(phase[1]), sized(step_size)
    for _ in range(int(steps)):
        p = p + kicks[0] * eps * slope(mean, cholesky, q)
        q = q + eps * drift(inverse_mass_cholesky, p)
        p = p + kicks[1] * eps * slope(mean, cholesky, q)
    return stack([q, p])


def _draw(rng, sizes):
    B, D = sizes["B"], sizes["D"]
    return {
        "phase": real(rng, (2, B, D)),
        "mean": real(rng, (D,)),
        "cholesky": cholesky(rng, (D, D)),
        "inverse_mass_cholesky": cholesky(rng, (D, D)),
        "step_size": np.asarray(on_grid(positive(rng, ()) * 0.125 + 0.0625)),
        "steps": np.asarray(float(rng.integers(2, 5))),
    }


leapfrog = Spec(
    id="hmc.leapfrog",
    says="where leapfrog ends on a normal target: half a kick, a drift, half a kick, `steps` times; (position, momentum)",
    inputs=(
        Input(
            "phase",
            "R B D",
            "real",
            "position and momentum where paths start, one above the other: shape (2, B, D)",
        ),
        Input("mean", "D", "real", "mean of the target N(mean, L L^T)"),
        Input("cholesky", "D D", "cholesky", "lower Cholesky factor L of the target's covariance"),
        METRIC,
        Input("step_size", "", "positive", "the step size"),
        Input("steps", "", "count", "the number of steps, a whole number"),
    ),
    output="R B D",
    reference=lambda **inputs: {"phase": _path(**inputs)},
    sizes={"R": (2,), "D": (3, 5), "B": (2, 7)},
    least={"R": 2},
    source=NEAL + "equations 5.18 to 5.20, arXiv:1206.1901v1",
    draw=_draw,
    edges=lambda: {
        "one dimension": {
            "phase": [[[0.5], [-1.25]], [[0.75], [2.0]]],
            "mean": [0.25],
            "cholesky": [[0.75]],
            "inverse_mass_cholesky": [[1.25]],
            "step_size": 0.25,
            "steps": 3.0,
        },
        "one step": {**_two_dimensions(), "steps": 1.0},
        "step size zero": {**_two_dimensions(), "step_size": 0.0},
    },
)


def _two_dimensions():
    return {
        "phase": [[[0.5, -1.25]], [[0.75, 2.0]]],
        "mean": [0.25, -0.5],
        "cholesky": [[0.75, 0.0], [0.5, 1.5]],
        "inverse_mass_cholesky": [[1.25, 0.0], [-0.25, 0.625]],
        "step_size": 0.25,
        "steps": 3.0,
    }


@leapfrog.mistake(
    "leapfrog-half-step-missing",
    says="kicks by a whole step before the drift and not after it: of first order, and not its own way back",
)
def _(**inputs):
    return _path(**inputs, kicks=(1.0, 0.0))


@leapfrog.mistake("leapfrog-whole-kicks", says="kicks by whole steps on both sides of the drift")
def _(**inputs):
    return _path(**inputs, kicks=(1.0, 1.0))


@leapfrog.mistake("leapfrog-final-kick-missing", says="leaves out the half kick after the last drift")
def _(step_size, steps, mean, cholesky, **inputs):
    found = _path(mean=mean, cholesky=cholesky, step_size=step_size, steps=steps, **inputs)
    return stack([found[0], found[1] - 0.5 * sized(step_size) * slope(mean, cholesky, found[0])])


@leapfrog.mistake("leapfrog-final-kick-whole", says="kicks by a whole step after the last drift")
def _(step_size, steps, mean, cholesky, **inputs):
    found = _path(mean=mean, cholesky=cholesky, step_size=step_size, steps=steps, **inputs)
    return stack([found[0], found[1] + 0.5 * sized(step_size) * slope(mean, cholesky, found[0])])


@leapfrog.mistake(
    "leapfrog-half-drift",
    says="moves the position by half a step",
    seen=("improbable-research/keanu#492",),
)
def _(**inputs):
    return _path(**inputs, drift=lambda factor, p: 0.5 * velocity(factor, p))


@leapfrog.mistake(
    "leapfrog-gradient-sign",
    says="kicks with the gradient of the potential instead of its negative, so that paths fall away from the mode",
)
def _(**inputs):
    return _path(**inputs, kicks=(-0.5, -0.5))


@leapfrog.mistake(
    "hmc-mass-ignored",
    says="drifts by the momentum itself whatever the mass matrix",
    seen=("CampusAI/Hamiltonian-Generative-Networks#88",),
)
def _(**inputs):
    return _path(**inputs, drift=lambda _factor, p: p)


@leapfrog.mistake(
    "hmc-mass-not-inverted",
    says="drifts by M p instead of M^-1 p",
    seen=("stan-dev/docs#91",),
)
def _(**inputs):
    return _path(**inputs, drift=lambda factor, p: transpose(solve_covariance(factor, transpose(sized(p)))))


@leapfrog.mistake("hmc-metric-transposed", says="drifts by L^T L p instead of L L^T p")
def _(**inputs):
    return _path(**inputs, drift=lambda factor, p: times(factor.T, times(factor, p)))


@leapfrog.mistake(
    "leapfrog-euler",
    says="moves position and momentum at once, both from where they were: paths spiral outwards",
)
def _(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    q, p, eps = sized(phase[0]), sized(phase[1]), sized(step_size)
    for _ in range(int(steps)):
        q, p = q + eps * velocity(inverse_mass_cholesky, p), p + eps * slope(mean, cholesky, q)
    return stack([q, p])


@leapfrog.mistake("leapfrog-stale-gradient", says="kicks twice with the gradient from before the drift")
def _(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    q, p, eps = sized(phase[0]), sized(phase[1]), sized(step_size)
    for _ in range(int(steps)):
        half = 0.5 * eps * slope(mean, cholesky, q)
        q, p = q + eps * velocity(inverse_mass_cholesky, p + half), p + half + half
    return stack([q, p])


@leapfrog.mistake("leapfrog-one-step-short", says="takes one step less than asked for")
def _(steps, **inputs):
    return _path(**inputs, steps=steps - 1.0)


@leapfrog.mistake("leapfrog-one-step-long", says="takes one step more than asked for")
def _(steps, **inputs):
    return _path(**inputs, steps=steps + 1.0)


@leapfrog.relative(
    "leapfrog-momentum-negated",
    says="negates the momentum at the end, as the proof of balance does; its square is the same",
    of="value",
)
def _(**inputs):
    found = _path(**inputs)
    return stack([found[0], -found[1]])
