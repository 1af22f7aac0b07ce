"""Amortised inference: an affine encoder predicts the variational parameters, and the two gaps are told apart.

    lambda(x) = weights · features(x) + bias,   the same for all data

    log p(x) - ELBO(lambda(x)) = [ log p(x) - max_lambda ELBO ]   approximation gap: the family is too small
                               + [ max_lambda ELBO - ELBO(lambda(x)) ]   amortisation gap: the encoder is too small

Not here: deep encoders; the algebra of the gaps does not depend on them.

Source      Cremer, Li and Duvenaud 2018, "Inference suboptimality in variational autoencoders", eq 3-5,
            arXiv:1801.03558v3; Kingma and Welling 2013, arXiv:1312.6114v11, section 2.1
Checked by  tests/algorithms/test_amortised.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.algorithms import line_search
from refvi.errors import UsageError
from refvi.kernels.dense import dense
from refvi.kernels.portable import portable
from refvi.targets import get_target


class Encoder(NamedTuple):
    """Parameters phi, and gradients by them: weights (K, F), bias (K,)."""

    weights: np.ndarray
    bias: np.ndarray


class Layer(NamedTuple):
    """What the kernels read: weights (K, F), bias (K,), features (M, F), grad_logits (M, K)."""

    weights: np.ndarray
    bias: np.ndarray
    features: np.ndarray
    grad_logits: np.ndarray


class Joint(NamedTuple):
    """Model and encoder parameters together, theta and phi; gradients have the same type."""

    theta: NamedTuple
    encoder: Encoder


class Gaps(NamedTuple):
    """Per datum or sequence, in nats, both at least 0.

    approximation  log p(x) - max over the family of the ELBO
    amortisation   max over the family of the ELBO - ELBO of the encoder's q
    """

    approximation: np.ndarray
    amortisation: np.ndarray


class AmortisedRun(NamedTuple):
    """What a run returns: parameters (a `Joint`) and aggregate ELBO (steps + 1,)."""

    parameters: Joint
    elbo: np.ndarray


@portable
def encoder_row(item, inputs, out, scratch):  # noqa: ARG001
    """Logits that the encoder predicts for one row of features.

    Formula     out = weights · features + bias
    Gradient    `encoder_gradient_pair`
    Shapes      inputs Layer, out (K,)
    """
    dense(inputs.weights, inputs.bias, inputs.features[item], out)


@portable
def encoder_gradient_pair(datum, sample, inputs, out, scratch):  # noqa: ARG001
    """What one row adds to the gradient by weights and bias.

    Formula     out_kf = g_k features_f,  out_(KF + k) = g_k,  g the gradient by the row's logits
    Gradient    linear in g
    Shapes      inputs Layer, out (K * F + K,)
    """
    rows, columns = inputs.weights.shape[0], inputs.weights.shape[1]
    for k in range(rows):
        slope = inputs.grad_logits[datum, k]
        out[rows * columns + k] = slope
        for f in range(columns):
            out[k * columns + f] = slope * inputs.features[datum, f]


def one_hot(x, symbols):
    """Features of symbols (M, D): their indicators, (M, D * symbols)."""
    x = np.asarray(x).reshape(len(x), -1)
    return (x[:, :, None] == np.arange(symbols)).reshape(len(x), -1).astype(np.float64)


def _layer(encoder, features, grad_logits):
    weights, features = np.asarray(encoder.weights, float), np.asarray(features, float)
    if features.ndim != 2 or features.shape[1] != weights.shape[1]:
        raise UsageError(f"features must have shape (M, {weights.shape[1]}), got {features.shape}")
    return Layer(weights, np.asarray(encoder.bias, float), features, grad_logits)


def encode(encoder, features, target="python"):
    """Variational parameters of every row of features, (M, F) -> (M, K)."""
    layer = _layer(encoder, features, np.zeros((1, 1)))
    return get_target(target).rows(encoder_row, layer, len(layer.features), len(layer.bias))


def grad_encoder(encoder, features, grad_logits, target="python"):
    """Chain rule through the encoder: gradient by phi from the gradient by the logits (M, K)."""
    layer = _layer(encoder, features, np.ascontiguousarray(grad_logits, dtype=np.float64))
    K, F = layer.weights.shape
    flat = get_target(target).pairs(encoder_gradient_pair, layer, len(layer.features), 1, K * F + K)
    return Encoder(flat[: K * F].reshape(K, F).copy(), flat[K * F :].copy())


def elbo(family, parameters, features, data, target="python"):
    """ELBO of every datum with the encoder's q, (N,)."""
    return family.elbo(parameters.theta, encode(parameters.encoder, features, target), data, target)


def grad_elbo(model, family, parameters, features, data, target="python"):
    """Gradient of the aggregate ELBO by theta and phi, as a `Joint`."""
    theta, logits = parameters.theta, encode(parameters.encoder, features, target)
    by_theta = model.grad_q(theta, family.expect(theta, logits, data, target), target)
    by_logits = family.grad_elbo(theta, logits, data, target)
    return Joint(by_theta, grad_encoder(parameters.encoder, features, by_logits, target))


def amortised_ascent(model, family, parameters, features, data, *, steps=100, target="python"):
    """Joint gradient ascent on the aggregate ELBO in theta and phi, with Armijo's line search."""

    def value(candidate):
        return math.fsum(elbo(family, candidate, features, data, target))

    values = [value(parameters)]
    for _ in range(steps):
        gradient = grad_elbo(model, family, parameters, features, data, target)
        parameters = line_search.armijo(value, parameters, values[-1], gradient)
        values.append(value(parameters))
    return AmortisedRun(parameters, np.array(values))


def gaps(model, family, parameters, features, data, best_logits, target="python"):
    """The approximation and the amortisation gap of every datum; best_logits maximise the ELBO in the family."""
    evidence = model.log_evidence(parameters.theta, data, target)
    ceiling = family.elbo(parameters.theta, best_logits, data, target)
    return Gaps(evidence - ceiling, ceiling - elbo(family, parameters, features, data, target))
