"""The exact ELBO of a linear decoder with Gaussian noise, in closed form, with its gradients.

    x | z ~ N(W z + b, diag exp(2 log_std)),   q(z | x) = N(mean(x), diag exp(log_var(x)))

The encoder may have a hidden layer; only the decoder has to be linear. Not here: the log evidence, which needs a
determinant (the oracle has it).

Source      Kingma and Welling 2013, eq 3 and appendix B, arXiv:1312.6114v11; Lucas et al. 2019, eq 9-10, arXiv:1911.02469v1
Checked by  tests/models/test_gaussian_vae.py
"""

import numpy as np

from refvi import validate
from refvi.kernels.dense import dense, dense_back_input, dense_back_parameters
from refvi.kernels.normal import kl_normal_standard_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, exp
from refvi.models.gaussian_vae.bounds import _bound, check
from refvi.models.gaussian_vae.networks import encode, encode_back
from refvi.models.gaussian_vae.sample import count_theta, views, workspace_size


@portable
def linear_elbo_row(item, inputs, out, scratch):
    """Exact ELBO of one datum.

    Formula     sum_i [ -½ log 2π - s_i - ½ ((x_i - b_i - W_i mean)² + sum_d W_id² v_d) exp(-2 s_i) ] - KL(q || p),
                s = log_std, v = exp(log_var)
    Gradient    r_i = x_i - b_i - W_i mean, p_i = exp(-2 s_i):  d/dW_id = p_i (r_i mean_d - W_id v_d);  d/db_i = p_i r_i;
                d/ds_i = p_i (r_i² + sum_d W_id² v_d) - 1;  d/dmean_d = sum_i p_i r_i W_id - mean_d;
                d/dlog_var_d = -½ v_d sum_i p_i W_id² - ½ (v_d - 1)
    Shapes      inputs (theta, phi, Batch) with H = 0 in theta, out (1 + P + Q,), scratch (workspace_size,)
    """
    theta, phi, batch = inputs
    x, middle, parameters = batch.x[item], scratch.shape[0] // 2, count_theta(theta)
    mean, log_var, _, hidden, _, predicted = views(scratch[:middle], theta, phi)
    grad_mean, grad_log_var, _, grad_hidden, _, grad_predicted = views(scratch[middle:], theta, phi)
    grad_theta, grad_phi = out[1 : 1 + parameters], out[1 + parameters :]
    latent, observed = mean.shape[0], x.shape[0]
    weights = observed * latent

    encode(x, phi, hidden, mean, log_var)
    dense(theta.weights_out, theta.bias_out, mean, predicted)
    out[0] = -kl_normal_standard_grad(mean, log_var, grad_mean, grad_log_var)
    for d in range(latent):
        grad_mean[d] = -grad_mean[d]
        grad_log_var[d] = -grad_log_var[d]
    for i in range(observed):
        precision = exp(-2.0 * theta.log_std[i])
        residual = x[i] - predicted[i]
        square = residual * residual
        for d in range(latent):
            w, variance = theta.weights_out[i, d], exp(log_var[d])
            square += w * w * variance
            grad_theta[i * latent + d] -= precision * w * variance
            grad_log_var[d] -= 0.5 * precision * w * w * variance
        out[0] += -HALF_LOG_2_PI - theta.log_std[i] - 0.5 * precision * square
        grad_theta[weights + observed + i] += precision * square - 1.0
        grad_predicted[i] = precision * residual
    dense_back_parameters(
        mean, grad_predicted, grad_theta[:weights], grad_theta[weights : weights + observed]
    )
    dense_back_input(theta.weights_out, grad_predicted, grad_mean)
    encode_back(x, phi, hidden, grad_mean, grad_log_var, grad_hidden, grad_phi)


def linear_elbo(x, theta, phi, target="python"):
    """Exact ELBO of every datum under a linear-Gaussian decoder, and the gradients of their sum."""
    theta, phi, batch = check(x, theta, phi, np.zeros((1, np.size(getattr(phi, "bias_mean", ())))))
    if theta.bias_hidden.size or not theta.log_std.size:
        raise validate.UsageError(
            "theta must be a linear Gaussian decoder (H = 0, log_std of shape (X,)), "
            f"got H = {theta.bias_hidden.size} and log_std of shape {theta.log_std.shape}"
        )
    return _bound(linear_elbo_row, theta, phi, batch, workspace_size(theta, phi), target)
