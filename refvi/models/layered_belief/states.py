"""Schedulable kernels of a sigmoid belief network of any depth: one state, one dream, one pass, one delta rule.

Not here: sums over data and the shapes of arguments (`exact`, `sampled`).

Source      Hinton, Dayan, Frey and Neal 1995, "The wake-sleep algorithm for unsupervised neural networks", Science 268
Checked by  tests/models/test_layered_belief.py
"""

from typing import NamedTuple

import numpy as np

from refvi.kernels.portable import portable
from refvi.models.layered_belief.kernels import (
    log_joint,
    log_joint_grad,
    log_q,
    log_q_grad,
    sample_joint,
    sample_recognition,
)
from refvi.models.sigmoid_belief import write_state


class Units(NamedTuple):
    """States of all units.

    units  (M, U) zeros and ones: x, h^1, ..., h^L
    """

    units: np.ndarray


class Noise(NamedTuple):
    """Independent uniforms on [0, 1).

    uniform  (M, U) for dreams, (N, U - X) for recognition passes
    """

    uniform: np.ndarray


@portable
def evidence_state(state, inputs, out, scratch):
    """One state of the log evidence: its log joint, then the complete-data score.

    Formula     log p(x) = log sum_h p(x, h), h all hidden units of all layers
    Gradient    d log p(x) = sum_h p(h | x) d log p(x, h)   (Fisher's identity)
    Shapes      inputs (Network, Data of one datum), out (1 + P,), scratch (U,)
    """
    net, data = inputs
    observe(state, net, data, scratch)
    out[0] = log_joint_grad(scratch, net.sizes, net.theta, 1.0, out[1:])


@portable
def bound_state(state, inputs, out, scratch):
    """One state of the wake objective and of the ELBO: log q, then what is averaged under q.

    Formula     wake = sum_h q(h | x) log p(x, h);  ELBO = sum_h q(h | x) [log p(x, h) - log q(h | x)]
    Gradient    in theta, of both: E_q[d log p(x, h)];  in phi, of the ELBO: E_q[(log p(x, h) - log q(h | x)) d log q(h | x)]
    Shapes      inputs (Network, Data of one datum), out (3 + P + Q,): log q, ELBO, wake, gradients; scratch (U,)
    """
    net, data = inputs
    observe(state, net, data, scratch)
    after = 3 + net.theta.shape[0]
    out[0] = log_q(scratch, net.sizes, net.phi)
    out[2] = log_joint_grad(scratch, net.sizes, net.theta, 1.0, out[3:after])
    out[1] = out[2] - out[0]
    log_q_grad(scratch, net.sizes, net.phi, out[1], out[after:])


@portable
def dream_state(state, inputs, out, scratch):
    """One state of the sleep objective: log p of all units, then what is averaged under p.

    Formula     sleep = sum_(x, h) p(x, h) log q(h | x)
    Gradient    in phi: E_p[d log q(h | x)]
    Shapes      inputs (Network,), out (2 + Q,): log p, log q, its gradient; scratch (U,)
    """
    net = inputs[0]
    write_state(state, scratch)
    out[0] = log_joint(scratch, net.sizes, net.theta)
    out[1] = log_q_grad(scratch, net.sizes, net.phi, 1.0, out[2:])


@portable
def observe(state, net, data, units):
    """All units of a numbered state of the hidden ones, above the datum.

    Shapes      state () integer, net Network, data Data of one datum, units (U,)
    """
    observed = net.sizes[0]
    for i in range(observed):
        units[i] = data.x[0, i]
    write_state(state, units[observed:])


@portable
def wake_row(item, inputs, out, _scratch):
    """Log joint of one state of all units, and its gradient in theta.

    Shapes      inputs (Network, Units), out (1 + P,), scratch (0,)
    """
    net, data = inputs
    out[0] = log_joint_grad(data.units[item], net.sizes, net.theta, 1.0, out[1:])


@portable
def sleep_row(item, inputs, out, _scratch):
    """Log q of one state of all units, and its gradient in phi.

    Shapes      inputs (Network, Units), out (1 + Q,), scratch (0,)
    """
    net, data = inputs
    out[0] = log_q_grad(data.units[item], net.sizes, net.phi, 1.0, out[1:])


@portable
def recognition_row(item, inputs, out, _scratch):
    """One recognition pass.

    Shapes      inputs (Network, Data, Noise), out (U,), scratch (0,)
    """
    net, data, noise = inputs
    for i in range(net.sizes[0]):
        out[i] = data.x[item, i]
    sample_recognition(net.sizes, net.phi, noise.uniform[item], out)


@portable
def dream_row(item, inputs, out, _scratch):
    """One dream.

    Shapes      inputs (Network, Noise), out (U,), scratch (0,)
    """
    net, noise = inputs
    sample_joint(net.sizes, net.theta, noise.uniform[item], out)
