"""Log evidence, ELBO, wake and sleep objective of a sigmoid belief network of any depth, exact, with their gradients.

The hidden units of all layers are enumerated together; the sleep phase enumerates the observed ones too.

Source      Hinton, Dayan, Frey and Neal 1995, "The wake-sleep algorithm for unsupervised neural networks", Science 268;
            Dayan, Hinton, Neal and Zemel 1995, "The Helmholtz machine", Neural Computation 7
Checked by  tests/models/test_layered_belief.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.models.layered_belief.parameters import Generative, Recognition, check, network, tree
from refvi.models.layered_belief.states import bound_state, dream_state, evidence_state
from refvi.models.sigmoid_belief import Data
from refvi.targets import get_target

MOST_UNITS = 24


class Evidence(NamedTuple):
    """Log evidence and its gradient.

    log_evidence  (N,) log p(x_n), in nats
    grad_theta    gradient of the sum over n, every datum times its mass
    """

    log_evidence: np.ndarray
    grad_theta: Generative


class Elbo(NamedTuple):
    """Exact evidence lower bound and its gradients.

    elbo        (N,) E_q[log p(x_n, h) - log q(h | x_n)], in nats
    grad_theta  gradient of the sum over n in theta, every datum times its mass
    grad_phi    the same in phi
    """

    elbo: np.ndarray
    grad_theta: Generative
    grad_phi: Recognition


class Wake(NamedTuple):
    """What the wake phase ascends in theta; the entropy of q, which the ELBO has besides, has no theta.

    objective   (N,) E_q log p(x_n, h), in nats
    grad_theta  gradient of the sum over n, every datum times its mass: the delta rule averaged under q
    """

    objective: np.ndarray
    grad_theta: Generative


class Sleep(NamedTuple):
    """What the sleep phase ascends in phi; no data enter.

    objective  () E_p(x, h) log q(h | x), in nats
    grad_phi   its gradient: the delta rule averaged over dreams
    """

    objective: float
    grad_phi: Recognition


def log_evidence(x, theta, *, mass=None, target="python"):
    """Log evidence of every datum x (N, X), and the gradient of their sum.

    mass  (N,) what every datum counts in the gradient, 1 by default
    """
    theta, _, sizes = check(theta)
    x, mass = data(x, sizes, mass)
    net = network(sizes, theta)
    rows = _over_states(evidence_state, net, x, len(net.theta), target)
    return Evidence(rows[:, 0].copy(), tree(theta, _sum(mass, rows[:, 1:])))


def elbo(x, theta, phi, *, mass=None, target="python"):
    """ELBO of every datum x (N, X), and the gradients of their sum in theta and phi."""
    theta, phi, sizes = check(theta, phi)
    x, mass = data(x, sizes, mass)
    rows, middle = _bound(x, network(sizes, theta, phi), target)
    grad = _sum(mass, rows[:, 3:])
    return Elbo(rows[:, 1].copy(), tree(theta, grad[:middle]), tree(phi, grad[middle:]))


def wake(x, theta, phi, *, mass=None, target="python"):
    """Wake objective of every datum x (N, X), and the gradient of their sum in theta."""
    theta, phi, sizes = check(theta, phi)
    x, mass = data(x, sizes, mass)
    rows, middle = _bound(x, network(sizes, theta, phi), target)
    return Wake(rows[:, 2].copy(), tree(theta, _sum(mass, rows[:, 3 : 3 + middle])))


def sleep(theta, phi, *, target="python"):
    """Sleep objective and its gradient in phi, over all dreams."""
    theta, phi, sizes = check(theta, phi)
    net, units = network(sizes, theta, phi), _few("units", sum(sizes))
    row = get_target(target).states(dream_state, (net,), 2**units, 1 + len(net.phi), units)
    return Sleep(float(row[1]), tree(phi, row[2:]))


def data(x, sizes, mass=None):
    """Data (N, X) or (X,) and their mass (N,), or one sentence."""
    bound = {"X": sizes[0]}
    x = validate.array("x", np.atleast_2d(x), "N X", bound, binary=True)
    mass = validate.array("mass", np.ones(len(x)) if mass is None else mass, "N", bound)
    return x, mass


def _bound(x, net, target):
    """Rows of the bound, and where the gradient in theta ends in them."""
    width = 2 + len(net.theta) + len(net.phi)
    return _over_states(bound_state, net, x, width, target), len(net.theta)


def _over_states(kernel, net, x, width, target):
    """One row per datum: log of the summed weights, and weighted means."""
    units, run = int(sum(net.sizes)), get_target(target).states
    hidden = _few("hidden units", units - int(net.sizes[0]))
    rows = [run(kernel, (net, Data(row[None])), 2**hidden, width, units) for row in x]
    return np.array(rows).reshape(len(x), 1 + width)


def _few(what, count):
    if count > MOST_UNITS:
        raise UsageError(f"{what} must be at most {MOST_UNITS} to enumerate their states, got {count}")
    return count


def _sum(mass, rows):
    """Correctly rounded sums over data."""
    return np.array([math.fsum(mass * column) for column in rows.T])
