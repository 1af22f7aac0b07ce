"""The Gaussian variational autoencoder with manual gradients of all parameters.

    z ~ N(0, I),   x | z ~ N(f(z), exp(2 log_std)) or Bernoulli(sigmoid(f(z))),   q(z | x) = N(mean(x), diag exp(log_var(x)))

f, mean and log_var are linear or have one tanh layer. `elbo` has the three forms, `iwae` the importance-weighted bound,
`linear_elbo` the closed form, `log_joint` the plain model, `log_weights` what `refvi.objectives` takes.
"""

from refvi.models.gaussian_vae.bounds import (
    Bound,
    LogJoint,
    Terms,
    elbo,
    iwae,
    log_joint,
    log_joint_and_grad,
    log_weights,
    terms,
)
from refvi.models.gaussian_vae.linear import linear_elbo
from refvi.models.gaussian_vae.parameters import Decoder, Encoder
from refvi.models.gaussian_vae.sample import FORMS
from refvi.models.gaussian_vae.sampling import Posterior, generate, posterior

__all__ = [
    "FORMS",
    "Bound",
    "Decoder",
    "Encoder",
    "LogJoint",
    "Posterior",
    "Terms",
    "elbo",
    "generate",
    "iwae",
    "linear_elbo",
    "log_joint",
    "log_joint_and_grad",
    "log_weights",
    "posterior",
    "terms",
]
