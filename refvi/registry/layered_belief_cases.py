"""Cases of belief networks of any depth, and their oracle: tables of all states by probabilities, sums by `math.fsum`.

Not here: laws (`layered_belief`, `wake_sleep`).
"""

import itertools
import math

import numpy as np

from refvi.models import layered_belief as lb
from refvi.oracles import enumeration
from refvi.oracles.answer import Answer

SIZES = (3, 2, 2)
EDGE = 2.0**-20


def nets(seed, sizes=SIZES, data=2):
    """Data that are not constant, and both nets in generic position on a grid of 2^-12."""
    rng = np.random.default_rng(seed)

    def values(*shape):
        return rng.integers(-6000, 6000, shape) / 4096.0

    pairs = list(itertools.pairwise(sizes))
    theta = lb.Generative(
        tuple(lb.Layer(values(low, high), values(low)) for low, high in pairs), values(sizes[-1])
    )
    phi = lb.Recognition(tuple(lb.Layer(values(high, low), values(high)) for low, high in pairs))
    x = rng.permuted(np.resize([1.0, 0.0, 1.0, 1.0, 0.0], (data, sizes[0])), axis=1)
    return x, theta, phi


# ---- the oracle: a table of all states of all units, every unit's probability by 1 / (1 + exp(-a))


def _split(units, sizes):
    return np.split(units, np.cumsum(sizes)[:-1], axis=1)


def _logs(outcome, layer, given):
    """Log probability of every unit of a layer, (S, O)."""
    logits = given @ np.asarray(layer.weights).T + layer.bias
    return np.log(1.0 / (1.0 + np.exp(np.where(outcome == 1.0, -logits, logits))))


def log_p_table(units, sizes, theta):
    """log p(x, h) of all rows of units, and S."""
    parts = _split(units, sizes)
    logs = [_logs(parts[n], layer, parts[n + 1]) for n, layer in enumerate(theta.layers)]
    prior = lb.Layer(np.zeros((sizes[-1], 0)), theta.prior_logits)
    logs.append(_logs(parts[-1], prior, np.zeros((len(units), 0))))
    return _fsum(np.concatenate(logs, axis=1))


def log_q_table(units, sizes, phi):
    """log q(h | x) of all rows of units, and S."""
    parts = _split(units, sizes)
    return _fsum(
        np.concatenate([_logs(parts[n + 1], layer, parts[n]) for n, layer in enumerate(phi.layers)], axis=1)
    )


def _fsum(logs):
    return np.array([math.fsum(row) for row in logs])


def above(x, sizes):
    """All states of the units above one datum, (S, U)."""
    hidden = enumeration.binary_states(sum(sizes[1:])).astype(float)
    return np.concatenate([np.tile(x, (len(hidden), 1)), hidden], axis=1)


def everything(sizes):
    """All states of all units, (2^U, U)."""
    return enumeration.binary_states(sum(sizes)).astype(float)


def mean(weights, values):
    """sum_s weights_s values_s with its S, as an Answer."""
    return Answer(math.fsum(weights * values), 1.0 + math.fsum(np.abs(weights * values)))


def objective(name, x, theta, phi, sizes=SIZES):
    """Total wake objective, ELBO, sleep objective or log evidence, independent of the kernels, as an Answer."""
    if name == "sleep":
        units = everything(sizes)
        return mean(np.exp(log_p_table(units, sizes, theta)), log_q_table(units, sizes, phi))
    answers = []
    for row in x:
        units = above(row, sizes)
        log_p = log_p_table(units, sizes, theta)
        if name == "log_evidence":
            answers.append(enumeration.log_evidence(lambda s, log_p=log_p: log_p[s], range(len(units))))
        else:
            log_q = log_q_table(units, sizes, phi)
            answers.append(mean(np.exp(log_q), log_p if name == "wake" else log_p - log_q))
    return Answer(math.fsum(a.value for a in answers), math.fsum(a.magnitude for a in answers))


def posterior_information(theta):
    """E_p(x, h) log p(h | x)."""
    units = everything(SIZES)
    log_p = log_p_table(units, SIZES, theta)
    by_x = log_p.reshape(2 ** SIZES[0], -1)
    evidence = np.array([enumeration.log_sum_exp(list(row)) for row in by_x])
    return math.fsum(np.exp(log_p) * (log_p - np.repeat(evidence, by_x.shape[1])))


def posterior_net(theta):
    """The recognition net that is the posterior of a network with one hidden unit: its log odds are linear in x."""
    (layer,), c = theta.layers, theta.prior_logits
    off, on = layer.bias, layer.bias + layer.weights[:, 0]
    bias = c[0] - math.fsum(np.logaddexp(0.0, on)) + math.fsum(np.logaddexp(0.0, off))
    return lb.Recognition((lb.Layer(layer.weights.T, np.array([bias])),))


def cells(layers):
    """All outcomes of a layered draw as (uniforms, probability, outcome).

    The uniforms lie just inside the outcome's cell: a threshold that is off by more than EDGE shows.
    """
    found = [((), 1.0, ())]
    for logits in layers:
        grown = []
        for drawn, mass, noise in found:
            on = 1.0 / (1.0 + np.exp(-logits(np.array(drawn))))
            for outcome in enumeration.binary_states(len(on)):
                share = np.where(outcome == 1, on, 1.0 - on)
                place = np.where(outcome == 1, (1.0 - EDGE) * on, on + EDGE * (1.0 - on))
                grown.append(((*drawn, *outcome), mass * math.prod(share), (*noise, *place)))
        found = grown
    return [(np.array(noise), mass, np.array(drawn, dtype=float)) for drawn, mass, noise in found]


def _of(layer, size):
    """Log odds of a layer given the `size` units that were drawn last (all of them where nothing was)."""
    return lambda drawn: np.asarray(layer.weights) @ drawn[len(drawn) - size :] + layer.bias


def recognition_cells(x, phi, sizes=SIZES):
    """All outcomes of a recognition pass from one datum."""
    logits = [lambda _: np.asarray(phi.layers[0].weights) @ x + phi.layers[0].bias]
    logits += [_of(layer, size) for layer, size in zip(phi.layers[1:], sizes[1:], strict=False)]
    return cells(logits)


def dream_cells(theta, sizes=SIZES):
    """All outcomes of a dream, uniforms in the order of the units."""
    logits = [lambda _: np.asarray(theta.prior_logits)]
    logits += [_of(layer, size) for layer, size in zip(theta.layers[::-1], sizes[:0:-1], strict=True)]
    found = []
    for noise, mass, drawn in cells(logits):
        parts = [np.split(v, np.cumsum(sizes[::-1])[:-1])[::-1] for v in (noise, drawn)]
        found.append((np.concatenate(parts[0]), mass, np.concatenate(parts[1])))
    return found
