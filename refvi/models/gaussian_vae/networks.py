"""The two networks of the Gaussian variational autoencoder, forwards and backwards.

    z ~ N(0, I),   x | z ~ N(f(z), exp(2 log_std)) or Bernoulli(sigmoid(f(z))),   q(z | x) = N(mean(x), diag exp(log_var(x)))

Backward kernels add to flat gradients, field after field (`refvi.models.parameters`). Not here: bounds.

Source      Kingma and Welling 2013, appendix C, eq 11-12, arXiv:1312.6114v11
Checked by  tests/models/test_gaussian_vae.py
"""

from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.dense import dense, dense_back_input, dense_back_parameters, tanh_back, tanh_layer
from refvi.kernels.normal import standard_normal_log_density
from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, exp


@portable
def encode(x, phi, hidden, mean, log_var):
    """Mean and log variance of q.

    Formula     features = tanh(A x + a), or x where H = 0;  mean and log_var are affine in the features
    Shapes      x (X,), hidden (H,), mean (Z,), log_var (Z,)
    """
    features = x
    if phi.bias_hidden.shape[0] > 0:
        tanh_layer(phi.weights_hidden, phi.bias_hidden, x, hidden)
        features = hidden
    dense(phi.weights_mean, phi.bias_mean, features, mean)
    dense(phi.weights_log_var, phi.bias_log_var, features, log_var)


@portable
def encode_back(x, phi, hidden, grad_mean, grad_log_var, grad_hidden, grad_phi):
    """Add the gradient of an encoder in phi.

    Formula     as `encode`
    Gradient    the chain rule through both heads and the tanh layer
    Shapes      x (X,), hidden (H,), grad_mean (Z,), grad_log_var (Z,), grad_hidden (H,), grad_phi (Q,)
    """
    units, observed, latent = hidden.shape[0], x.shape[0], grad_mean.shape[0]
    features = x
    if units > 0:
        features = hidden
    first = units * observed + units
    head = latent * features.shape[0]
    middle = first + head + latent
    dense_back_parameters(
        features, grad_mean, grad_phi[first : first + head], grad_phi[first + head : middle]
    )
    dense_back_parameters(features, grad_log_var, grad_phi[middle : middle + head], grad_phi[middle + head :])
    if units > 0:
        for i in range(units):
            grad_hidden[i] = 0.0
        dense_back_input(phi.weights_mean, grad_mean, grad_hidden)
        dense_back_input(phi.weights_log_var, grad_log_var, grad_hidden)
        tanh_back(hidden, grad_hidden)
        dense_back_parameters(
            x, grad_hidden, grad_phi[: units * observed], grad_phi[units * observed : first]
        )


@portable
def decode(z, theta, hidden, out):
    """Mean of x given z, or its logits.

    Formula     features = tanh(A z + a), or z where H = 0;  out is affine in the features
    Shapes      z (Z,), hidden (H,), out (X,)
    """
    features = z
    if theta.bias_hidden.shape[0] > 0:
        tanh_layer(theta.weights_hidden, theta.bias_hidden, z, hidden)
        features = hidden
    dense(theta.weights_out, theta.bias_out, features, out)


@portable
def decode_back(z, theta, hidden, grad_out, grad_hidden, grad_theta, grad_z):
    """Add the gradient of a decoder in theta and z.

    Formula     as `decode`
    Gradient    the chain rule through the output and the tanh layer
    Shapes      z (Z,), hidden (H,), grad_out (X,), grad_hidden (H,), grad_theta (P,), grad_z (Z,)
    """
    units, latent, observed = hidden.shape[0], z.shape[0], grad_out.shape[0]
    features = z
    if units > 0:
        features = hidden
    first = units * latent + units
    weights = observed * features.shape[0]
    dense_back_parameters(
        features,
        grad_out,
        grad_theta[first : first + weights],
        grad_theta[first + weights : first + weights + observed],
    )
    if units == 0:
        dense_back_input(theta.weights_out, grad_out, grad_z)
    else:
        for i in range(units):
            grad_hidden[i] = 0.0
        dense_back_input(theta.weights_out, grad_out, grad_hidden)
        tanh_back(hidden, grad_hidden)
        dense_back_parameters(
            z, grad_hidden, grad_theta[: units * latent], grad_theta[units * latent : first]
        )
        dense_back_input(theta.weights_hidden, grad_hidden, grad_z)


@portable
def log_likelihood(x, out, theta):
    """Log density of a datum given the decoder's outputs.

    Formula     Gaussian: sum_i [ -½ log 2π - s_i - ½ ((x_i - out_i) exp(-s_i))² ], s = log_std;
                Bernoulli: sum_i log Bern(x_i; sigmoid(out_i))
    Gradient    `log_likelihood_back`
    Shapes      x (X,), out (X,) -> ()
    """
    total = 0.0
    if theta.log_std.shape[0] > 0:
        for i in range(x.shape[0]):
            r = (x[i] - out[i]) * exp(-theta.log_std[i])
            total += -HALF_LOG_2_PI - theta.log_std[i] - 0.5 * r * r
    else:
        for i in range(x.shape[0]):
            total += bernoulli_log_mass(x[i], out[i])
    return total


@portable
def log_likelihood_back(x, out, theta, scale, grad_out, grad_log_std):
    """Write scale times the gradient in the outputs, add scale times the gradient in log_std.

    Formula     as `log_likelihood`
    Gradient    Gaussian: d/dout_i = r_i exp(-s_i), d/ds_i = r_i² - 1;  Bernoulli: d/dout_i = x_i - sigmoid(out_i)
    Shapes      x (X,), out (X,), scale (), grad_out (X,), grad_log_std (X,) or (0,)
    """
    if theta.log_std.shape[0] > 0:
        for i in range(x.shape[0]):
            precision = exp(-theta.log_std[i])
            r = (x[i] - out[i]) * precision
            grad_out[i] = scale * r * precision
            grad_log_std[i] += scale * (r * r - 1.0)
    else:
        for i in range(x.shape[0]):
            grad_out[i] = scale * bernoulli_log_mass_grad(x[i], out[i])


@portable
def log_joint(z, x, theta, hidden, out):
    """Log joint density of one latent and one datum.

    Formula     log N(z; 0, I) + log p(x | z)
    Gradient    `log_joint_grad`
    Shapes      z (Z,), x (X,), hidden (H,) and out (X,) are workspace -> ()
    """
    decode(z, theta, hidden, out)
    return standard_normal_log_density(z) + log_likelihood(x, out, theta)


@portable
def log_joint_grad(z, x, theta, hidden, out, grad_hidden, grad_out, grad_theta, grad_z):
    """Write the gradients of the log joint; returns the value.

    Formula     as `log_joint`
    Gradient    in z: -z + the decoder's;  in theta: the decoder's
    Shapes      z (Z,), x (X,), workspace hidden (H,), out (X,), grad_hidden (H,), grad_out (X,),
                grad_theta (P,) starts at zero, grad_z (Z,) -> ()
    """
    value = log_joint(z, x, theta, hidden, out)
    for d in range(z.shape[0]):
        grad_z[d] = -z[d]
    grad_log_std = grad_theta[grad_theta.shape[0] - theta.log_std.shape[0] :]
    log_likelihood_back(x, out, theta, 1.0, grad_out, grad_log_std)
    decode_back(z, theta, hidden, grad_out, grad_hidden, grad_theta, grad_z)
    return value
