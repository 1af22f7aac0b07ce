"""The densities of the discrete VAE as kernels, on the corners of the cube and inside it.

    log p(x, h) = sum_k [h_k log mu_k + (1 - h_k) log(1 - mu_k)] + sum_d [x_d log f_d(h) + (1 - x_d) log(1 - f_d(h))]

h may be any point of [0, 1]^K: the same formula, with the decoder f read at that point. Backward kernels add to flat
gradients, field after field (`refvi.models.parameters`). Workspace of length `workspace_size` comes in as `scratch`.

Source      notes "Gradient-based Inference for Refining the Approximate Inference in Variational Autoencoder with
            Discrete Latent Variables", 22 September 2015, eq 1-2;
            noisy OR: Pearl 1988, Probabilistic Reasoning in Intelligent Systems, section 4.3.2
Checked by  tests/models/test_discrete_vae.py
"""

from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import divide, exp, expm1, log1mexp, sigmoid
from refvi.models.gaussian_vae.networks import decode, decode_back


def workspace_size(psi):
    """Length of the scratch space of `log_joint`, `log_joint_back` and `jacobian`: activations and their adjoints."""
    return 2 * (len(psi.bias_hidden) + len(psi.bias_out))


@portable
def output_log_mass(x, a, psi):
    """Log mass of one observed unit given the decoder's output.

    Formula     logistic: log Bern(x; sigmoid(a));  noisy OR: -a for x = 0, log(1 - e^-a) for x = 1
    Gradient    `output_log_mass_grad`
    Shapes      x (), a () -> ()
    """
    if psi.link.shape[0] == 0:
        return bernoulli_log_mass(x, a)
    if x == 0.0:
        return -a
    return log1mexp(-a)


@portable
def output_log_mass_grad(x, a, psi):
    """Derivative of `output_log_mass` by the output.

    Formula     as `output_log_mass`
    Gradient    logistic: x - sigmoid(a);  noisy OR: -1 for x = 0, 1 / (e^a - 1) for x = 1
    Shapes      x (), a () -> ()
    """
    if psi.link.shape[0] == 0:
        return bernoulli_log_mass_grad(x, a)
    if x == 0.0:
        return -1.0
    return divide(1.0, expm1(a))


@portable
def output_mean(a, psi):
    """Probability of a one given the decoder's output: mu^x.

    Formula     logistic: sigmoid(a);  noisy OR: 1 - e^-a
    Gradient    `output_mean_grad`
    Shapes      a () -> ()
    """
    if psi.link.shape[0] == 0:
        return sigmoid(a)
    return -expm1(-a)


@portable
def output_mean_grad(a, psi):
    """Derivative of `output_mean`.

    Formula     as `output_mean`
    Gradient    logistic: sigmoid(a) sigmoid(-a);  noisy OR: e^-a
    Shapes      a () -> ()
    """
    if psi.link.shape[0] == 0:
        return sigmoid(a) * sigmoid(-a)
    return exp(-a)


@portable
def log_prior(h, psi):
    """Log prior of a point of the cube.

    Formula     sum_k h_k log mu_k + (1 - h_k) log(1 - mu_k),  mu = sigmoid(prior_logits)
    Gradient    in `log_joint_back`
    Shapes      h (K,) -> ()
    """
    total = 0.0
    for k in range(h.shape[0]):
        total += bernoulli_log_mass(h[k], psi.prior_logits[k])
    return total


@portable
def log_likelihood(h, x, psi, scratch):
    """Log likelihood of a datum at a point of the cube; leaves the activations in scratch.

    Formula     sum_d x_d log f_d(h) + (1 - x_d) log(1 - f_d(h))
    Gradient    in `log_joint_back`
    Shapes      h (K,), x (D,), scratch (workspace_size,) -> ()
    """
    units, observed = psi.bias_hidden.shape[0], x.shape[0]
    out = scratch[units : units + observed]
    decode(h, psi, scratch[:units], out)
    total = 0.0
    for i in range(observed):
        total += output_log_mass(x[i], out[i], psi)
    return total


@portable
def log_joint(h, x, psi, scratch):
    """Log joint of a point of the cube and a datum.

    Formula     log p(h) + log p(x | h)
    Gradient    `log_joint_back`
    Shapes      h (K,), x (D,), scratch (workspace_size,) -> ()
    """
    return log_prior(h, psi) + log_likelihood(h, x, psi, scratch)


@portable
def log_joint_back(h, x, psi, scale, grad_psi, grad_h, scratch):
    """Add scale times the gradients of the log joint in Psi and in the point; returns the value.

    Formula     as `log_joint`
    Gradient    prior_logits: h_k - mu_k;  outputs: `output_log_mass_grad`, carried back through the decoder;
                h: prior_logits_k + what comes back
    Shapes      h (K,), x (D,), scale (), grad_psi (P,), grad_h (K,), scratch (workspace_size,) -> ()
    """
    units, latents, observed = psi.bias_hidden.shape[0], h.shape[0], x.shape[0]
    value = log_joint(h, x, psi, scratch)
    out = scratch[units : units + observed]
    grad_hidden = scratch[units + observed : 2 * units + observed]
    grad_out = scratch[2 * units + observed : 2 * units + 2 * observed]
    for i in range(observed):
        grad_out[i] = scale * output_log_mass_grad(x[i], out[i], psi)
    decode_back(h, psi, scratch[:units], grad_out, grad_hidden, grad_psi, grad_h)
    first = grad_psi.shape[0] - latents
    for k in range(latents):
        grad_psi[first + k] += scale * bernoulli_log_mass_grad(h[k], psi.prior_logits[k])
        grad_h[k] += scale * psi.prior_logits[k]
    return value


@portable
def jacobian(h, psi, out, scratch):
    """Jacobian of the decoder's means at a point of the cube.

    Formula     mu^x = f(h)
    Gradient    df_i/dh_k = g'(a_i) sum_u B_iu (1 - t_u²) A_uk,  t the tanh layer;  g'(a_i) B_ik where there is none
    Shapes      h (K,), out (D * K,) row by row, scratch (workspace_size,)
    """
    units, latents, observed = psi.bias_hidden.shape[0], h.shape[0], psi.bias_out.shape[0]
    hidden, a = scratch[:units], scratch[units : units + observed]
    decode(h, psi, hidden, a)
    for i in range(observed):
        slope = output_mean_grad(a[i], psi)
        for k in range(latents):
            total = 0.0
            if units == 0:
                total = psi.weights_out[i, k]
            for u in range(units):
                total += psi.weights_out[i, u] * (1.0 - hidden[u] * hidden[u]) * psi.weights_hidden[u, k]
            out[i * latents + k] = slope * total


@portable
def sample_joint(psi, uniform, h, x, scratch):
    """Ancestral sample.

    Formula     h_k = [ uniform_k < mu_k ];  x_i = [ uniform_(K + i) < f_i(h) ]
    Shapes      uniform (K + D,), h (K,), x (D,), scratch (workspace_size,)
    """
    units, latents, observed = psi.bias_hidden.shape[0], h.shape[0], x.shape[0]
    for k in range(latents):
        h[k] = 1.0 if uniform[k] < sigmoid(psi.prior_logits[k]) else 0.0
    a = scratch[units : units + observed]
    decode(h, psi, scratch[:units], a)
    for i in range(observed):
        x[i] = 1.0 if uniform[latents + i] < output_mean(a[i], psi) else 0.0
