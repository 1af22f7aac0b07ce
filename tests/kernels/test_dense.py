"""Layers against matrix products, and the adjoint identity <J v, w> = <v, J' w>, which needs no step."""

import numpy as np

from refvi.kernels import dense

UNIT = 2.0**-53


def layer(seed, outputs=4, inputs=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(outputs, inputs)), rng.normal(size=outputs), rng.normal(size=inputs)


def test_a_layer_is_a_matrix_product():
    weights, bias, x = layer(0)
    out = np.full(4, np.nan)
    dense.dense(weights, bias, x, out)
    size = np.abs(weights) @ np.abs(x) + np.abs(bias)
    assert np.all(np.abs(out - (weights @ x + bias)) <= 8 * UNIT * size)


def test_the_adjoint_identity():
    weights, bias, x = layer(1)
    rng = np.random.default_rng(2)
    cotangent, tangents = rng.normal(size=4), [rng.normal(size=s) for s in ((4, 3), 4, 3)]
    hidden = np.zeros(4)
    dense.tanh_layer(weights, bias, x, hidden)
    grad_out = cotangent.copy()
    dense.tanh_back(hidden, grad_out)
    grads = [np.zeros(12), np.zeros(4), np.zeros(3)]
    dense.dense_back_parameters(x, grad_out, grads[0], grads[1])
    dense.dense_back_input(weights, grad_out, grads[2])
    pushed = (1.0 - hidden**2) * (tangents[0] @ x + tangents[1] + weights @ tangents[2])
    left = np.dot(pushed, cotangent)
    right = sum(np.dot(g, t.ravel()) for g, t in zip(grads, tangents, strict=True))
    assert abs(left - right) <= 8 * UNIT * sum(np.abs(g) @ np.abs(t.ravel()) for g, t in zip(grads, tangents))


def test_backward_kernels_add():
    weights, _, x = layer(3)
    grad_out = np.array([0.5, -1.0, 0.25, 2.0])
    grads = [np.ones(12), np.ones(4), np.ones(3)]
    dense.dense_back_parameters(x, grad_out, grads[0], grads[1])
    dense.dense_back_input(weights, grad_out, grads[2])
    assert np.array_equal(grads[0].reshape(4, 3), 1.0 + np.outer(grad_out, x))
    assert np.array_equal(grads[1], 1.0 + grad_out)
    assert np.allclose(grads[2], 1.0 + weights.T @ grad_out, rtol=0.0, atol=16 * UNIT)


def test_an_empty_input_leaves_the_bias():
    out = np.zeros(2)
    dense.dense(np.zeros((2, 0)), np.array([0.5, -1.0]), np.zeros(0), out)
    assert out.tolist() == [0.5, -1.0]
