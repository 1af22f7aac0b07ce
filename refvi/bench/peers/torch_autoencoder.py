"""PyTorch: one gradient step of the importance-weighted bound of a Gaussian autoencoder, by autodiff."""

import math

import torch

HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


def bound(x, noise, parameters):
    """Sum over data of the importance-weighted bound (Burda, Grosse and Salakhutdinov 2015, eq 8)."""
    encoder_hidden, encoder_bias, mean, mean_bias, log_var, log_var_bias = parameters[:6]
    decoder_hidden, decoder_bias, out, out_bias = parameters[6:]
    hidden = torch.tanh(torch.addmm(encoder_bias, x, encoder_hidden.T))
    centre = torch.addmm(mean_bias, hidden, mean.T)
    half_log_var = 0.5 * torch.addmm(log_var_bias, hidden, log_var.T)
    z = centre[:, None] + torch.exp(half_log_var)[:, None] * noise
    features = torch.tanh(z @ decoder_hidden.T + decoder_bias)
    residual = x[:, None] - (features @ out.T + out_bias)
    log_w = -0.5 * (residual * residual).sum(-1) - x.shape[1] * HALF_LOG_2_PI
    log_w = log_w + 0.5 * (noise * noise - z * z).sum(-1) + half_log_var.sum(-1)[:, None]
    return (torch.logsumexp(log_w, 1) - math.log(noise.shape[1])).sum()


def step(problem):
    """The bound and its gradient in every parameter."""
    x, noise = torch.from_numpy(problem.x), torch.from_numpy(problem.noise)

    def call():
        parameters = [torch.from_numpy(a).clone().requires_grad_() for a in problem[2:]]
        value = bound(x, noise, parameters)
        value.backward()
        return (value.detach().numpy(), *(p.grad.numpy() for p in parameters))

    return call
