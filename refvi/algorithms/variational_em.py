"""Variational EM: coordinate ascent on the aggregate ELBO, in the variational parameters and in theta by turns.

A family is a module (`refvi.algorithms.categorical_per_datum` with `refvi.models.mixture`,
`refvi.algorithms.mean_field_chain` with `refvi.models.hidden_markov`):

    start(theta, data, target)           variational parameters to begin with
    elbo(theta, logits, data, target)    one value per datum or sequence
    grad_elbo(...)                       by the variational parameters
    improve(...)                         an E step that lowers no ELBO
    expect(...)                          expected statistics under q
    take(data, chosen)                   a minibatch of the data; take_logits(logits, data, chosen) of the logits

Where the family holds the posterior this is EM. Not here: minibatches (`svi`), encoders (`amortised`).

Source      Neal and Hinton 1998, "A view of the EM algorithm that justifies incremental, sparse, and other variants",
            theorem 2; Wainwright and Jordan 2008, "Graphical models, exponential families, and variational inference",
            eq 6.9
Checked by  tests/algorithms/test_variational_em.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError


class VariationalRun(NamedTuple):
    """What a run returns.

    theta   the parameters at its end
    logits  the variational parameters at its end
    elbo    (steps + 1,) aggregate ELBO at the start and after every step
    """

    theta: NamedTuple
    logits: np.ndarray
    elbo: np.ndarray


def variational_em_step(model, family, theta, logits, data, target="python", *, sweeps=1):
    """`sweeps` E steps of the family, then the exact M step; returns (next theta, next logits)."""
    for _ in range(sweeps):
        logits = family.improve(theta, logits, data, target)
    return model.maximise(theta, family.expect(theta, logits, data, target), target), logits


def variational_em(model, family, theta, data, *, logits=None, steps=100, sweeps=1, target="python"):
    """Coordinate ascent on the aggregate ELBO sum_n ELBO(theta, lambda_n; x_n); no step lowers it."""
    for name, number, least in (("steps", steps, 0), ("sweeps", sweeps, 1)):
        if not isinstance(number, int) or number < least:
            raise UsageError(f"{name} must be a whole number of at least {least}, got {number!r}")
    logits = family.start(theta, data, target) if logits is None else logits
    values = [math.fsum(family.elbo(theta, logits, data, target))]
    for _ in range(steps):
        theta, logits = variational_em_step(model, family, theta, logits, data, target, sweeps=sweeps)
        values.append(math.fsum(family.elbo(theta, logits, data, target)))
    return VariationalRun(theta, logits, np.array(values))
