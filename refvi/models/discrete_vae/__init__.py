"""The discrete VAE with gradient-based inference: exact by enumeration, manual gradients of all parameters.

    h_k ~ Bernoulli(mu^h_k),   x_d | h ~ Bernoulli(f_d(h)),   q(h | x) = prod_k Bernoulli(mu_k),   mu per datum

f is a logistic layer, with or without a tanh layer below it, or a noisy OR. `elbo` is exact, `surrogate` moves the
expectation inside f, `gap` is their difference. `sampled_objective`, `expected_objective` and `prior_step` belong to the
M step, `recognise` and `auxiliary` to the recognition net. The algorithm is `refvi.algorithms.gradient_refinement`.
"""

from refvi.models.discrete_vae.bounds import (
    Elbo,
    Evidence,
    Surrogate,
    elbo,
    elbo_of_table,
    expected_log_joint,
    gap,
    grad_elbo_psi,
    joint_table,
    log_evidence,
    log_q_table,
    surrogate,
    tables,
)
from refvi.models.discrete_vae.density import log_joint, log_joint_back
from refvi.models.discrete_vae.parameters import LOGISTIC, NOISY_OR, Generative, linear
from refvi.models.discrete_vae.recognition import ORDERS, Auxiliary, auxiliary, recognise
from refvi.models.discrete_vae.steps import (
    Objective,
    decoder_jacobian,
    expected_objective,
    generate,
    prior_step,
    sampled_objective,
)
from refvi.models.sigmoid_belief import Recognition

__all__ = [
    "LOGISTIC",
    "NOISY_OR",
    "ORDERS",
    "Auxiliary",
    "Elbo",
    "Evidence",
    "Generative",
    "Objective",
    "Recognition",
    "Surrogate",
    "auxiliary",
    "decoder_jacobian",
    "elbo",
    "elbo_of_table",
    "expected_log_joint",
    "expected_objective",
    "gap",
    "generate",
    "grad_elbo_psi",
    "joint_table",
    "linear",
    "log_evidence",
    "log_joint",
    "log_joint_back",
    "log_q_table",
    "prior_step",
    "recognise",
    "sampled_objective",
    "surrogate",
    "tables",
]
