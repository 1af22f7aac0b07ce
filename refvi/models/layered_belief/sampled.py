"""Recognition passes, dreams and the delta rules on them: the two phases as they are run, noise handed in.

    wake    units = recognise(x, phi, uniform), theta += rate · wake_rule(units, theta).grad_theta
    sleep   units = dream(theta, uniform),      phi   += rate · sleep_rule(units, phi).grad_phi

Source      Hinton, Dayan, Frey and Neal 1995, "The wake-sleep algorithm for unsupervised neural networks", Science 268
Checked by  tests/models/test_layered_belief.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.models.layered_belief.exact import data
from refvi.models.layered_belief.parameters import Generative, Recognition, check, network, tree
from refvi.models.layered_belief.states import Noise, Units, dream_row, recognition_row, sleep_row, wake_row
from refvi.models.sigmoid_belief import Data
from refvi.targets import get_target


class WakeRule(NamedTuple):
    """The delta rule of the generative net.

    log_joint   (M,) log p(x, h) of every row
    grad_theta  gradient of the sum over rows
    """

    log_joint: np.ndarray
    grad_theta: Generative


class SleepRule(NamedTuple):
    """The delta rule of the recognition net.

    log_q     (M,) log q(h | x) of every row
    grad_phi  gradient of the sum over rows
    """

    log_q: np.ndarray
    grad_phi: Recognition


def recognise(x, phi, uniform, *, target="python"):
    """Recognition passes: units (N, U) whose first are x (N, X); uniform (N, U - X), first the noise of h^1."""
    _, phi, sizes = check(phi=phi)
    x, _ = data(x, sizes)
    uniform = _noise(uniform, len(x), sum(sizes[1:]))
    inputs = (network(sizes, phi=phi), Data(x), Noise(uniform))
    return get_target(target).rows(recognition_row, inputs, len(x), sum(sizes))


def dream(theta, uniform, *, target="python"):
    """Dreams: units (M, U) of ancestral samples, first x; uniform (M, U) in the order of the units."""
    theta, _, sizes = check(theta)
    uniform = _noise(uniform, len(np.atleast_2d(uniform)), sum(sizes))
    inputs = (network(sizes, theta), Noise(uniform))
    return get_target(target).rows(dream_row, inputs, len(uniform), sum(sizes))


def wake_rule(units, theta, *, target="python"):
    """Log joint of units (M, U) and the gradient of its sum in theta."""
    theta, _, sizes = check(theta)
    net = network(sizes, theta)
    rows = _rows(wake_row, units, net, len(net.theta), target)
    return WakeRule(rows[:, 0].copy(), tree(theta, _sum(rows[:, 1:])))


def sleep_rule(units, phi, *, target="python"):
    """Log q of units (M, U) and the gradient of its sum in phi."""
    _, phi, sizes = check(phi=phi)
    net = network(sizes, phi=phi)
    rows = _rows(sleep_row, units, net, len(net.phi), target)
    return SleepRule(rows[:, 0].copy(), tree(phi, _sum(rows[:, 1:])))


def _rows(kernel, units, net, width, target):
    units = validate.array("units", np.atleast_2d(units), f"M {sum(net.sizes)}", binary=True)
    return get_target(target).rows(kernel, (net, Units(units)), len(units), 1 + width)


def _sum(rows):
    """Correctly rounded sums over rows."""
    return np.array([math.fsum(column) for column in rows.T])


def _noise(uniform, rows, width):
    uniform = validate.array("uniform", np.atleast_2d(uniform), f"{rows} {width}")
    outside = (uniform < 0.0) | (uniform >= 1.0)
    if np.any(outside):
        raise UsageError(f"uniform must lie in [0, 1), got {uniform[outside][0]}")
    return uniform
