"""Affine and tanh layers with their transposed derivatives: the only network that refvi needs.

Gradients of matrices go into one-dimensional views, row by row, because the row of a schedule has one dimension;
kernels named `*_back*` add to what is there. Not here: any choice of architecture (the models make it).
"""

import math

from refvi.kernels.portable import portable


@portable
def dense(weights, bias, x, out):
    """Affine layer.

    Formula     out_i = bias_i + sum_j weights_ij x_j
    Gradient    `dense_back`
    Shapes      weights (O, I), bias (O,), x (I,), out (O,)
    Domain      all reals
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 5.48
    Checked by  tests/kernels/test_dense.py
    """
    for i in range(bias.shape[0]):
        total = bias[i]
        for j in range(x.shape[0]):
            total += weights[i, j] * x[j]
        out[i] = total


@portable
def dense_back_parameters(x, grad_out, grad_weights, grad_bias):
    """Add the derivative of an affine layer by its parameters.

    Formula     grad_weights_ij += grad_out_i x_j;  grad_bias_i += grad_out_i
    Gradient    this is one
    Shapes      x (I,), grad_out (O,), grad_weights (O*I,) row by row, grad_bias (O,)
    Domain      all reals
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 5.53
    Checked by  tests/kernels/test_dense.py
    """
    columns = x.shape[0]
    for i in range(grad_out.shape[0]):
        grad_bias[i] += grad_out[i]
        for j in range(columns):
            grad_weights[i * columns + j] += grad_out[i] * x[j]


@portable
def dense_back_input(weights, grad_out, grad_x):
    """Add the derivative of an affine layer by its input.

    Formula     grad_x_j += sum_i weights_ij grad_out_i
    Gradient    this is one
    Shapes      weights (O, I), grad_out (O,), grad_x (I,)
    Domain      all reals
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 5.56
    Checked by  tests/kernels/test_dense.py
    """
    for i in range(grad_out.shape[0]):
        for j in range(grad_x.shape[0]):
            grad_x[j] += weights[i, j] * grad_out[i]


@portable
def tanh_layer(weights, bias, x, out):
    """Affine layer followed by tanh.

    Formula     out_i = tanh(bias_i + sum_j weights_ij x_j)
    Gradient    `tanh_back`, then `dense_back_parameters` and `dense_back_input`
    Shapes      weights (O, I), bias (O,), x (I,), out (O,)
    Domain      all reals
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 5.49, 5.59
    Checked by  tests/kernels/test_dense.py
    """
    dense(weights, bias, x, out)
    for i in range(bias.shape[0]):
        out[i] = math.tanh(out[i])


@portable
def tanh_back(hidden, grad_hidden):
    """Turn the gradient by tanh's output into the gradient by its input, in place.

    Formula     grad_i <- grad_i (1 - hidden_i²),  hidden_i = tanh(.)
    Gradient    this is one
    Shapes      hidden (H,), grad_hidden (H,)
    Domain      -1 <= hidden_i <= 1
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 5.60
    Checked by  tests/kernels/test_dense.py
    """
    for i in range(hidden.shape[0]):
        grad_hidden[i] *= 1.0 - hidden[i] * hidden[i]
