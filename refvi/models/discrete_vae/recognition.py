"""The recognition net of the discrete VAE and the auxiliary cost that keeps it near the refined means, in both orders.

    q_theta,k = sigmoid(bias_k + weights_k x),   mu*_k = sigmoid(refined logits), held fixed

    order "log_target"  sum_k q_theta,k log mu*_k + (1 - q_theta,k) log(1 - mu*_k)     as printed in eq 5
    order "log_q"       sum_k mu*_k log q_theta,k + (1 - mu*_k) log(1 - q_theta,k)     the arguments exchanged

Both are negative cross-entropies. Ascending "log_q" is maximum likelihood on soft labels: its optimum is q_theta = mu*, where
it is -H(mu*). "log_target" is linear in q_theta: its maximum is the corner [mu* > ½] and its minimum, to which the text
would descend, the opposite corner [mu* < ½]. So eq 5 needs the other order, and ascent.

Source      notes "Gradient-based Inference for Refining the Approximate Inference in Variational Autoencoder with
            Discrete Latent Variables", 22 September 2015, eq 5 and the question below it
Checked by  tests/models/test_discrete_vae.py
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid
from refvi.models.discrete_vae.parameters import Q, check_data, check_logits, check_recognition
from refvi.models.parameters import like, size
from refvi.models.sigmoid_belief import Recognition, hidden_logit
from refvi.targets import get_target

ORDERS = ("log_q", "log_target")


class Auxiliary(NamedTuple):
    """The auxiliary objective, to be maximised.

    value        (N,) in nats
    grad_logits  (N, K) by the logits of q_theta
    grad_theta   gradient of the sum over data
    """

    value: np.ndarray
    grad_logits: np.ndarray
    grad_theta: Recognition


@portable
def log_q_order(logit, refined, grad, k):
    """One latent of the objective with q_theta inside the logarithm; writes grad[k].

    Formula     mu* log s(a) + (1 - mu*) log s(-a),  mu* = s(refined), s = sigmoid
    Gradient    d/da = mu* - s(a)
    Shapes      logit (), refined (), grad (K,), k () -> ()
    """
    mean = sigmoid(refined)
    grad[k] = bernoulli_log_mass_grad(mean, logit)
    return bernoulli_log_mass(mean, logit)


@portable
def log_target_order(logit, refined, grad, k):
    """One latent of the objective with mu* inside the logarithm; writes grad[k].

    Formula     s(a) log mu* + s(-a) log(1 - mu*),  mu* = s(refined), s = sigmoid
    Gradient    d/da = s(a) s(-a) refined, refined = log( mu* / (1 - mu*) )
    Shapes      logit (), refined (), grad (K,), k () -> ()
    """
    mean = sigmoid(logit)
    grad[k] = mean * sigmoid(-logit) * refined
    return bernoulli_log_mass(mean, refined)


@portable
def fill(x, slope, out):
    """Carry the gradient by the logits back to the parameters of the recognition net.

    Gradient    d/dV_kd = g_k x_d;  d/da_k = g_k
    Shapes      x (D,), slope (K,), out (K * D + K,)
    """
    latents, observed = slope.shape[0], x.shape[0]
    for k in range(latents):
        out[latents * observed + k] = slope[k]
        for d in range(observed):
            out[k * observed + d] = slope[k] * x[d]


@functools.cache
def auxiliary_row(one):
    """The kernel of one datum for an order, `log_q_order` or `log_target_order`."""

    @portable
    def evaluate(item, inputs, out, scratch):  # noqa: ARG001
        """Value, gradient in the logits, gradient in theta.

        Formula     sum_k one(logit_k, refined_k)
        Shapes      inputs (theta, Data, Q refined), out (1 + K + K * D + K,)
        """
        theta, data, refined = inputs
        latents, x = theta.bias.shape[0], data.x[item]
        slope = out[1 : 1 + latents]
        for k in range(latents):
            out[0] += one(hidden_logit(x, theta, k), refined.logits[item, k], slope, k)
        fill(x, slope, out[1 + latents :])

    return evaluate


@portable
def recognise_row(item, inputs, out, scratch):  # noqa: ARG001
    """Logits of q_theta of one datum.

    Formula     bias_k + sum_d weights_kd x_d
    Shapes      inputs (theta, Data), out (K,)
    """
    theta, data = inputs
    for k in range(theta.bias.shape[0]):
        out[k] = hidden_logit(data.x[item], theta, k)


KERNELS = {"log_q": log_q_order, "log_target": log_target_order}


def recognise(x, theta, target="python"):
    """Logits of q_theta of every datum, (N, K): where the E step starts."""
    sizes = {}
    theta, data = check_recognition(theta, sizes), check_data(x, sizes)
    return get_target(target).rows(recognise_row, (theta, data), sizes["N"], sizes["K"])


def auxiliary(x, theta, refined, order="log_q", target="python"):
    """The auxiliary objective at refined logits (N, K) held fixed, with its gradients.

    order  what stands inside the logarithm: "log_q", whose optimum is mu*, or "log_target", as eq 5 is printed
    """
    sizes = {}
    validate.one_of("order", order, ORDERS)
    theta, data = check_recognition(theta, sizes), check_data(x, sizes)
    refined = Q(check_logits(refined, sizes, "refined").logits)
    latents = sizes["K"]
    width = 1 + latents + size(theta)
    rows = get_target(target).rows(auxiliary_row(KERNELS[order]), (theta, data, refined), sizes["N"], width)
    grad = np.array([math.fsum(column) for column in rows[:, 1 + latents :].T])
    return Auxiliary(rows[:, 0].copy(), rows[:, 1 : 1 + latents].copy(), like(theta, grad))
