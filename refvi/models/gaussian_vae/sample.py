"""One latent sample of one datum, forwards to the terms of the bound and backwards to all parameters.

The terms are those of every form of the ELBO; a form is five coefficients:

    log_likelihood   log p(x | z)
    log_prior        log p(z)
    neg_log_q        -log q(z | x)
    entropy          H[q(. | x)]                     in closed form
    neg_kl           -KL(q(z | x) || p(z))           in closed form

    joint     log p(x | z) + log p(z) - log q(z | x)
    entropy   log p(x | z) + log p(z) + H[q]
    kl        log p(x | z) - KL(q || p)

All three have the same mean over z ~ q. Along the path z = mean + exp(½ log_var) noise, log q depends on phi through its
normaliser only, so that `joint` and `entropy` have the same gradient sample by sample.

Source      Kingma and Welling 2013, eq 2-3 and 6-7, arXiv:1312.6114v11
Checked by  tests/models/test_gaussian_vae.py
"""

from refvi.kernels.normal import (
    diagonal_normal_entropy,
    diagonal_normal_sample,
    diagonal_normal_sample_back,
    kl_normal_standard,
    kl_normal_standard_grad,
    standard_normal_log_density,
)
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp
from refvi.models.gaussian_vae.networks import (
    decode,
    decode_back,
    encode,
    encode_back,
    log_likelihood,
    log_likelihood_back,
)

FORMS = {
    "joint": (1.0, 1.0, 1.0, 0.0, 0.0),
    "entropy": (1.0, 1.0, 0.0, 1.0, 0.0),
    "kl": (1.0, 0.0, 0.0, 0.0, 1.0),
}


def workspace_size(theta, phi):
    """Length of the scratch space of `forward` and `backward`: activations and their adjoints."""
    return 2 * (3 * len(phi.bias_mean) + len(phi.bias_hidden) + len(theta.bias_hidden) + len(theta.bias_out))


@portable
def views(half, theta, phi):
    """One half of the scratch space as (mean, log_var, z, hidden of the encoder, hidden of the decoder, out).

    Formula     consecutive pieces of lengths Z, Z, Z, H_phi, H_theta, X
    Shapes      half (workspace_size / 2,)
    """
    latent, units = phi.bias_mean.shape[0], phi.bias_hidden.shape[0]
    decoder = 3 * latent + units
    out = decoder + theta.bias_hidden.shape[0]
    return (
        half[:latent],
        half[latent : 2 * latent],
        half[2 * latent : 3 * latent],
        half[3 * latent : decoder],
        half[decoder:out],
        half[out:],
    )


@portable
def count_theta(theta):
    """Number P of the decoder's parameters.

    Formula     the sizes of its fields, added up
    Shapes      theta Decoder -> ()
    """
    return (
        theta.weights_hidden.size
        + theta.weights_out.size
        + (theta.bias_hidden.size + theta.bias_out.size + theta.log_std.size)
    )


@portable
def forward(x, noise, theta, phi, terms, scratch):
    """Encode, sample, decode; writes the five terms, leaves the activations in scratch.

    Formula     z = mean + exp(½ log_var) noise;  -log q(z | x) = H[q] + sum_d ½ (noise_d² - 1)
    Gradient    `backward`
    Shapes      x (X,), noise (Z,), terms (5,), scratch (workspace_size,)
    """
    mean, log_var, z, hidden_phi, hidden_theta, out = views(scratch[: scratch.shape[0] // 2], theta, phi)
    encode(x, phi, hidden_phi, mean, log_var)
    diagonal_normal_sample(mean, log_var, noise, z)
    decode(z, theta, hidden_theta, out)

    entropy = diagonal_normal_entropy(log_var)
    excess = 0.0
    for d in range(noise.shape[0]):
        excess += 0.5 * (noise[d] * noise[d] - 1.0)
    terms[0] = log_likelihood(x, out, theta)
    terms[1] = standard_normal_log_density(z)
    terms[2] = entropy + excess
    terms[3] = entropy
    terms[4] = -kl_normal_standard(mean, log_var)


@portable
def backward(x, noise, theta, phi, coefficients, scale, grad, scratch):
    """Add scale times the pathwise gradient of the weighted terms; needs the scratch that `forward` left.

    Formula     sum_t coefficients_t terms_t at fixed noise
    Gradient    z: c_0 d log p(x | z) - c_1 z, carried to mean and log_var along the path;
                log_var also: ½ (c_2 + c_3) + c_4 ½ (1 - exp(log_var));  mean also: -c_4 mean
    Shapes      x (X,), noise (Z,), coefficients (5,), scale (), grad (P + Q,), scratch (workspace_size,)
    """
    middle, parameters = scratch.shape[0] // 2, count_theta(theta)
    mean, log_var, z, hidden_phi, hidden_theta, out = views(scratch[:middle], theta, phi)
    grad_mean, grad_log_var, grad_z, grad_hidden_phi, grad_hidden_theta, grad_out = views(
        scratch[middle:], theta, phi
    )
    grad_theta, grad_phi = grad[:parameters], grad[parameters:]

    # The closed-form terms first, then what comes along the path.
    kl_normal_standard_grad(mean, log_var, grad_mean, grad_log_var)
    for d in range(noise.shape[0]):
        grad_mean[d] *= -scale * coefficients[4]
        grad_log_var[d] *= -scale * coefficients[4]
        grad_log_var[d] += scale * 0.5 * (coefficients[2] + coefficients[3])
        grad_z[d] = -scale * coefficients[1] * z[d]
    grad_log_std = grad_theta[parameters - theta.log_std.shape[0] :]
    log_likelihood_back(x, out, theta, scale * coefficients[0], grad_out, grad_log_std)
    decode_back(z, theta, hidden_theta, grad_out, grad_hidden_theta, grad_theta, grad_z)
    diagonal_normal_sample_back(grad_z, log_var, noise, grad_mean, grad_log_var)
    encode_back(x, phi, hidden_phi, grad_mean, grad_log_var, grad_hidden_phi, grad_phi)


@portable
def score_backward(x, noise, theta, phi, scale_theta, scale_phi, grad, scratch):
    """Add gradients with the sample held fixed: of log p(x, z) in theta, of log q(z | x) in phi (the score).

    Formula     scale_theta d log p(x | z) / d theta;  scale_phi d log q(z | x) / d phi at fixed z
    Gradient    score: d/dmean = noise exp(-½ log_var);  d/dlog_var = ½ (noise² - 1)
    Shapes      as `backward`; scale_theta (), scale_phi ()
    """
    middle, parameters = scratch.shape[0] // 2, count_theta(theta)
    _, log_var, z, hidden_phi, hidden_theta, out = views(scratch[:middle], theta, phi)
    grad_mean, grad_log_var, grad_z, grad_hidden_phi, grad_hidden_theta, grad_out = views(
        scratch[middle:], theta, phi
    )
    grad_theta, grad_phi = grad[:parameters], grad[parameters:]

    for d in range(noise.shape[0]):
        grad_z[d] = 0.0
        grad_mean[d] = scale_phi * noise[d] * exp(-0.5 * log_var[d])
        grad_log_var[d] = scale_phi * 0.5 * (noise[d] * noise[d] - 1.0)
    grad_log_std = grad_theta[parameters - theta.log_std.shape[0] :]
    log_likelihood_back(x, out, theta, scale_theta, grad_out, grad_log_std)
    decode_back(z, theta, hidden_theta, grad_out, grad_hidden_theta, grad_theta, grad_z)
    encode_back(x, phi, hidden_phi, grad_mean, grad_log_var, grad_hidden_phi, grad_phi)
