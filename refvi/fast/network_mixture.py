"""Exact evidence of mixtures of sigmoid belief networks, of any sizes.

m ~ Categorical(softmax(mix)),   x | m ~ network m,  whose hidden units are summed out exactly
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast.evidence import log_evidence
from refvi.fast.gradient import EvidenceGradient, log_evidence_gradient
from refvi.fast.nested import NEGLIGIBLE, log_sum


class MixtureGradient(NamedTuple):
    """Log evidence and its gradient, summed over the data.

    log_evidence () or (B,)     log p(x) of each datum, in nats
    grad_mix (M,)               in the unnormalised log weights
    networks                    for each network (grad_W, grad_b, grad_c)
    responsibilities (B, M)     p(m | x_b)
    """

    log_evidence: np.ndarray
    grad_mix: np.ndarray
    networks: list
    responsibilities: np.ndarray


def mixture_log_evidence(x, mix, networks, threads=None):
    """Exact log evidence of a mixture of networks.

    Formula     log p(x) = log sum_m softmax(mix)_m p_m(x)
    Shapes      x (D,), mix (M,), networks [(W (D, K_m), b (D,), c (K_m,)), ..] -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_network_mixture.py
    """
    values = log_sum(_log_joint(np.atleast_2d(x), mix, networks, threads))
    return values if np.ndim(x) == 2 else float(values[0])


def mixture_log_evidence_gradient(x, mix, networks, threads=None):
    """Exact log evidence of a mixture and the gradient of its sum over the data.

    Gradient    r_bm = p(m | x_b):  dmix_m = sum_b (r_bm - softmax(mix)_m);  of network m: sum_b r_bm d log p_m(x_b)
                (Fisher's identity)
    Shapes      as `mixture_log_evidence` -> MixtureGradient
    Checked by  tests/fast/test_network_mixture.py
    """
    data = np.atleast_2d(x)
    log_joint = _log_joint(data, mix, networks, threads)
    values, gradients = log_sum(log_joint), []
    r = np.exp(log_joint - values[:, None])
    for m, (W, b, c) in enumerate(networks):
        total = [np.zeros(np.shape(part)) for part in (W, b, c)]
        for row, share in zip(data, r[:, m]):
            if share > NEGLIGIBLE:
                found: EvidenceGradient = log_evidence_gradient(row, W, b, c, threads)
                total = [t + share * g for t, g in zip(total, found[1:])]
        gradients.append(tuple(total))
    mix = np.asarray(mix, np.float64)
    grad_mix = r.sum(axis=0) - len(data) * np.exp(mix - log_sum(mix))
    return MixtureGradient(values if np.ndim(x) == 2 else float(values[0]), grad_mix, gradients, r)


def _log_joint(x, mix, networks, threads):
    """Log weight of each network and datum: (B, M)."""
    mix = validate.array("mix", mix, "M")
    if len(networks) != mix.size or not mix.size:
        raise UsageError(
            f"networks must be {mix.size} triples (W, b, c), one for each entry of mix, got {len(networks)}"
        )
    columns = [log_evidence(x, *network, threads) for network in networks]
    return np.stack(columns, axis=1) + (mix - log_sum(mix))
