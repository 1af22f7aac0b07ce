"""A sigmoid belief network of one hidden layer with a factorised recognition net, everything exact by enumeration.

    h_j ~ Bernoulli(sigmoid(prior_logits_j)),   x_i | h ~ Bernoulli(sigmoid(bias_i + sum_j weights_ij h_j))
    q(h_j = 1 | x) = sigmoid(bias_j + sum_i weights_ji x_i)

States are numbered like binary numbers, the first unit being the highest bit. Gradients of a data set are sums over its
data. Not here: deeper networks, and estimators of the gradients (`refvi.estimators`).

Source      Neal 1992, "Connectionist learning of belief networks", section 3, eq 4-5;
            Mnih and Gregor 2014, section 2, eq 2-4, arXiv:1402.0030v2
Checked by  tests/models/test_sigmoid_belief.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid
from refvi.models.parameters import like, size
from refvi.targets import get_target


class Generative(NamedTuple):
    """Parameters theta of the network.

    prior_logits  (H,) log odds of each hidden unit
    weights       (X, H) from hidden to observed units
    bias          (X,) log odds of each observed unit at h = 0
    """

    prior_logits: np.ndarray
    weights: np.ndarray
    bias: np.ndarray


class Recognition(NamedTuple):
    """Parameters phi of the recognition net.

    weights  (H, X) from observed to hidden units
    bias     (H,) log odds of each hidden unit under q at x = 0
    """

    weights: np.ndarray
    bias: np.ndarray


class Data(NamedTuple):
    """Observed data.

    x  (N, X) zeros and ones
    """

    x: np.ndarray


class Evidence(NamedTuple):
    """Log evidence and its gradient.

    log_evidence  (N,) log p(x_n), in nats
    grad_theta    gradient of the sum over n
    """

    log_evidence: np.ndarray
    grad_theta: Generative


class Elbo(NamedTuple):
    """Exact evidence lower bound and its gradients.

    elbo        (N,) E_q[log p(x_n, h) - log q(h | x_n)], in nats
    grad_theta  gradient of the sum over n in theta
    grad_phi    gradient of the sum over n in phi
    """

    elbo: np.ndarray
    grad_theta: Generative
    grad_phi: Recognition


class Tables(NamedTuple):
    """All states of one datum: what an estimator is enumerated over.

    log_p       (S,) log p(x, h)
    log_q       (S,) log q(h | x)
    grad_log_p  (S, P) gradient of log p(x, h) in theta
    grad_log_q  (S, Q) gradient of log q(h | x) in phi, the score
    """

    log_p: np.ndarray
    log_q: np.ndarray
    grad_log_p: np.ndarray
    grad_log_q: np.ndarray


# ---- kernels


@portable
def write_state(state, h):
    """Hidden units of a numbered state.

    Formula     state = sum_j h_j 2^(H - 1 - j)
    Shapes      state () integer, h (H,)
    """
    count = h.shape[0]
    for j in range(count):
        h[j] = float((state >> (count - 1 - j)) & 1)


@portable
def hidden_logit(x, phi, j):
    """Log odds of hidden unit j under q.

    Formula     bias_j + sum_i weights_ji x_i
    Shapes      x (X,), j () -> ()
    """
    total = phi.bias[j]
    for i in range(x.shape[0]):
        total += phi.weights[j, i] * x[i]
    return total


@portable
def observed_logit(h, theta, i):
    """Log odds of observed unit i.

    Formula     bias_i + sum_j weights_ij h_j
    Shapes      h (H,), i () -> ()
    """
    total = theta.bias[i]
    for j in range(h.shape[0]):
        total += theta.weights[i, j] * h[j]
    return total


@portable
def log_joint(h, x, theta):
    """Log joint of one state and one datum.

    Formula     sum_j log Bern(h_j; sigmoid(c_j)) + sum_i log Bern(x_i; sigmoid(b_i + W_i h))
    Gradient    `log_joint_grad`
    Shapes      h (H,), x (X,) -> ()
    """
    total = 0.0
    for j in range(h.shape[0]):
        total += bernoulli_log_mass(h[j], theta.prior_logits[j])
    for i in range(x.shape[0]):
        total += bernoulli_log_mass(x[i], observed_logit(h, theta, i))
    return total


@portable
def log_joint_grad(h, x, theta, scale, grad_theta):
    """Add scale times the gradient of the log joint in theta; returns the value.

    Formula     as `log_joint`
    Gradient    d/dc_j = h_j - sigmoid(c_j);  d/dW_ij = e_i h_j;  d/db_i = e_i = x_i - sigmoid(b_i + W_i h)
    Shapes      h (H,), x (X,), scale (), grad_theta (H + X*H + X,) -> ()
    """
    hidden, observed = h.shape[0], x.shape[0]
    grad_weights = grad_theta[hidden : hidden + observed * hidden]
    grad_bias = grad_theta[hidden + observed * hidden :]
    total = 0.0
    for j in range(hidden):
        total += bernoulli_log_mass(h[j], theta.prior_logits[j])
        grad_theta[j] += scale * bernoulli_log_mass_grad(h[j], theta.prior_logits[j])
    for i in range(observed):
        logit = observed_logit(h, theta, i)
        total += bernoulli_log_mass(x[i], logit)
        error = scale * bernoulli_log_mass_grad(x[i], logit)
        grad_bias[i] += error
        for j in range(hidden):
            grad_weights[i * hidden + j] += error * h[j]
    return total


@portable
def log_q(h, x, phi):
    """Log mass of the recognition net.

    Formula     sum_j log Bern(h_j; sigmoid(a_j + V_j x))
    Gradient    `log_q_grad`
    Shapes      h (H,), x (X,) -> ()
    """
    total = 0.0
    for j in range(h.shape[0]):
        total += bernoulli_log_mass(h[j], hidden_logit(x, phi, j))
    return total


@portable
def log_q_grad(h, x, phi, scale, grad_phi):
    """Add scale times the score, the gradient of log q in phi; returns the value.

    Formula     as `log_q`
    Gradient    d/dV_ji = e_j x_i;  d/da_j = e_j = h_j - sigmoid(a_j + V_j x)
    Shapes      h (H,), x (X,), scale (), grad_phi (H*X + H,) -> ()
    """
    hidden, observed = h.shape[0], x.shape[0]
    total = 0.0
    for j in range(hidden):
        logit = hidden_logit(x, phi, j)
        total += bernoulli_log_mass(h[j], logit)
        error = scale * bernoulli_log_mass_grad(h[j], logit)
        grad_phi[hidden * observed + j] += error
        for i in range(observed):
            grad_phi[j * observed + i] += error * x[i]
    return total


@portable
def sample_recognition(x, phi, uniform, h):
    """Recognition pass.

    Formula     h_j = [ uniform_j < sigmoid(a_j + V_j x) ]
    Shapes      x (X,), uniform (H,), h (H,)
    """
    for j in range(h.shape[0]):
        h[j] = 1.0 if uniform[j] < sigmoid(hidden_logit(x, phi, j)) else 0.0


@portable
def sample_joint(theta, uniform, h, x):
    """Ancestral sample of the network (a dream).

    Formula     h_j = [ uniform_j < sigmoid(c_j) ];  x_i = [ uniform_(H + i) < sigmoid(b_i + W_i h) ]
    Shapes      uniform (H + X,), h (H,), x (X,)
    """
    for j in range(h.shape[0]):
        h[j] = 1.0 if uniform[j] < sigmoid(theta.prior_logits[j]) else 0.0
    for i in range(x.shape[0]):
        x[i] = 1.0 if uniform[h.shape[0] + i] < sigmoid(observed_logit(h, theta, i)) else 0.0


@portable
def evidence_state(state, inputs, out, scratch):
    """One state of the log evidence: its log joint, then the complete-data score.

    Formula     log p(x) = log sum_h p(x, h)
    Gradient    d log p(x) = sum_h p(h | x) d log p(x, h)   (Fisher's identity)
    Shapes      inputs (theta, Data of one datum), out (1 + P,), scratch (H,)
    """
    theta, data = inputs
    h = scratch[: theta.prior_logits.shape[0]]
    write_state(state, h)
    out[0] = log_joint_grad(h, data.x[0], theta, 1.0, out[1:])


@portable
def elbo_state(state, inputs, out, scratch):
    """One state of the exact ELBO: its log q, then value and gradients to be averaged under q.

    Formula     ELBO = sum_h q(h | x) [log p(x, h) - log q(h | x)]
    Gradient    in theta: E_q[d log p(x, h)];  in phi: E_q[(log p(x, h) - log q(h | x)) d log q(h | x)]
    Shapes      inputs (theta, phi, Data of one datum), out (2 + P + Q,), scratch (H,)
    """
    theta, phi, data = inputs
    hidden, observed = theta.weights.shape[1], theta.weights.shape[0]
    h = scratch[:hidden]
    write_state(state, h)
    parameters = hidden + observed * hidden + observed
    log_p = log_joint_grad(h, data.x[0], theta, 1.0, out[2 : 2 + parameters])
    out[0] = log_q(h, data.x[0], phi)
    out[1] = log_p - out[0]
    log_q_grad(h, data.x[0], phi, out[1], out[2 + parameters :])


@portable
def table_row(state, inputs, out, scratch):
    """One row of `Tables`: log p, log q, gradient of log p, score.

    Shapes      inputs (theta, phi, Data of one datum), out (2 + P + Q,), scratch (H,)
    """
    theta, phi, data = inputs
    hidden, observed = theta.weights.shape[1], theta.weights.shape[0]
    h = scratch[:hidden]
    write_state(state, h)
    parameters = hidden + observed * hidden + observed
    out[0] = log_joint_grad(h, data.x[0], theta, 1.0, out[2 : 2 + parameters])
    out[1] = log_q_grad(h, data.x[0], phi, 1.0, out[2 + parameters :])


# ---- arrays in, arrays out

MOST_HIDDEN = 24


def check(x, theta, phi=None):
    """Data (N, X) or (X,) and parameters as float64 arrays, or one sentence."""
    sizes = {}
    axes = {"prior_logits": "H", "weights": "X H", "bias": "X"}
    theta = validate.parameters("theta", theta, Generative, axes, sizes)
    if phi is not None:
        phi = validate.parameters("phi", phi, Recognition, {"weights": "H X", "bias": "H"}, sizes)
    x = validate.array("x", np.atleast_2d(x), "N X", sizes, binary=True)
    if sizes["H"] > MOST_HIDDEN:
        raise validate.UsageError(
            f"H must be at most {MOST_HIDDEN} to enumerate 2^H states, got {sizes['H']}"
        )
    return x, theta, phi


def log_evidence(x, theta, target="python"):
    """Log evidence of every datum by enumeration, and the gradient of their sum."""
    x, theta, _ = check(x, theta)
    hidden, width = theta.prior_logits.size, size(theta)
    run = get_target(target).states
    rows = np.array([run(evidence_state, (theta, Data(row[None])), 2**hidden, width, hidden) for row in x])
    return Evidence(rows[:, 0].copy(), like(theta, _sum(rows[:, 1:])))


def elbo(x, theta, phi, target="python"):
    """Exact ELBO of every datum by enumeration, and the gradients of their sum."""
    x, theta, phi = check(x, theta, phi)
    hidden, parameters = theta.prior_logits.size, size(theta)
    width, run = 1 + parameters + size(phi), get_target(target).states
    rows = np.array([run(elbo_state, (theta, phi, Data(row[None])), 2**hidden, width, hidden) for row in x])
    grad = _sum(rows[:, 2:])
    return Elbo(rows[:, 1].copy(), like(theta, grad[:parameters]), like(phi, grad[parameters:]))


def tables(x, theta, phi, target="python"):
    """All states of one datum x (X,): log p, log q and their gradients."""
    x, theta, phi = check(x, theta, phi)
    if len(x) != 1:
        raise validate.UsageError(f"x must be one datum of shape (X,), got {x.shape}")
    hidden, parameters = theta.prior_logits.size, size(theta)
    width = 2 + parameters + size(phi)
    rows = get_target(target).rows(table_row, (theta, phi, Data(x)), 2**hidden, width, hidden)
    return Tables(
        rows[:, 0].copy(),
        rows[:, 1].copy(),
        rows[:, 2 : 2 + parameters].copy(),
        rows[:, 2 + parameters :].copy(),
    )


def _sum(rows):
    """Correctly rounded sum over data."""
    return np.array([math.fsum(column) for column in rows.T])
