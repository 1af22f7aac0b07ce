"""What gradient-based inference is compared with: coordinate ascent on the exact mean-field ELBO, and EM with the posterior.

    mean field   logit_k <- E_q[log p(x, h_k = 1, rest) - log p(x, h_k = 0, rest)], one latent after the other; no sweep
                 lowers the ELBO
    exact EM     the posterior by enumeration, the prior in closed form, line-searched gradient steps for the decoder; no
                 iteration lowers the log evidence

Everything is enumerated: 2^K states per datum. Not here: anything approximate (`refvi.algorithms.gradient_refinement`).

Source      Saul, Jaakkola and Jordan 1996, "Mean field theory for sigmoid belief networks", section 2;
            Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm", GEM in section 3
Checked by  tests/algorithms/test_gradient_refinement.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms.gradient_refinement import Refined, expected_steps, m_step, total_evidence
from refvi.kernels.portable import portable
from refvi.models import discrete_vae
from refvi.models.discrete_vae.bounds import fold
from refvi.models.discrete_vae.parameters import Q, Table
from refvi.targets import get_target


class ExactRun(NamedTuple):
    """What a run returns.

    psi           the parameters at its end
    log_evidence  (iterations + 1,) total log evidence
    elbo          (iterations,) total ELBO of the E step's q; the log evidence itself where q is the posterior
    """

    psi: NamedTuple
    log_evidence: np.ndarray
    elbo: np.ndarray


@portable
def coordinate_row(item, inputs, out, scratch):
    """One sweep of coordinate ascent over the latents of one datum.

    Formula     logit_k <- E_q[log p(x, h_k = 1, rest) - log p(x, h_k = 0, rest)],  k = 0 ... K - 1 in turn
    Shapes      inputs (Table, Q), out (K,) the new logits, scratch (2^K,)
    """
    table, q = inputs
    latents = q.logits.shape[1]
    for k in range(latents):
        out[k] = q.logits[item, k]
    for k in range(latents):
        out[k] = fold(table.values[item], out, k, scratch)


def mean_field(x, psi, logits, *, sweeps=20, target="python"):
    """Coordinate ascent on the exact ELBO of every datum, from logits (N, K)."""
    table = discrete_vae.joint_table(x, psi, target)
    logits = np.array(np.atleast_2d(logits), dtype=np.float64)
    values = [discrete_vae.elbo_of_table(table, logits, target).elbo]
    count, states = table.shape
    rows = get_target(target).rows
    for _ in range(validate.at_least("sweeps", sweeps, 0)):
        logits = rows(coordinate_row, (Table(table), Q(logits)), count, logits.shape[1], states)
        values.append(discrete_vae.elbo_of_table(table, logits, target).elbo)
    return Refined(logits, np.array(values))


def prior_of_weights(log_weights):
    """Prior logits of the mean over data of weights over states, (N, 2^K) -> (K,)."""
    peak = log_weights.max(1, keepdims=True)
    weights = np.exp(log_weights - peak)
    mass = (weights / weights.sum(1, keepdims=True)).sum(0)
    latents = mass.size.bit_length() - 1
    cube = mass.reshape((2,) * latents)
    sides = [np.moveaxis(cube, k, 0).reshape(2, -1).sum(1) for k in range(latents)]
    return np.array([math.log(on) - math.log(off) for off, on in sides])


def exact_em_step(x, psi, *, decoder=1, target="python"):
    """One iteration of EM with the exact posterior; returns (log evidence of psi, next psi)."""
    table = discrete_vae.joint_table(x, psi, target)
    value = math.fsum(np.logaddexp.reduce(table, axis=1))
    moved = psi._replace(prior_logits=prior_of_weights(table))
    return value, expected_steps(x, moved, table, decoder, target)


def exact_em(x, psi, *, iterations=20, decoder=1, target="python"):
    """EM with the exact posterior: what every bound is limited by."""
    values = []
    for _ in range(validate.at_least("iterations", iterations, 0)):
        value, psi = exact_em_step(x, psi, decoder=decoder, target=target)
        values.append(value)
    values.append(total_evidence(x, psi, target))
    return ExactRun(psi, np.array(values), np.array(values[:-1]))


def mean_field_em(x, psi, *, iterations=20, sweeps=5, decoder=1, target="python"):
    """EM with the mean-field E step, each datum's q going on from where it was: no step lowers the aggregate ELBO."""
    logits = np.tile(psi.prior_logits, (len(np.atleast_2d(x)), 1))
    evidence, elbo = [], []
    for _ in range(validate.at_least("iterations", iterations, 0)):
        evidence.append(total_evidence(x, psi, target))
        found = mean_field(x, psi, logits, sweeps=sweeps, target=target)
        logits = found.logits
        elbo.append(math.fsum(found.values[-1]))
        psi = m_step(x, psi, logits, steps=decoder, target=target)
    evidence.append(total_evidence(x, psi, target))
    return ExactRun(psi, np.array(evidence), np.array(elbo))
