"""Every quantity by its definition in 60-digit arithmetic, one datum at a time, sharing no code with the specs.

A divergence is an expectation of a difference of log densities: a sum over outcomes where they are discrete, the
sigma-point rule where they are normal (exact, since that difference is a quadratic function). A gradient is a central
difference with a step of 1e-20, right to 40 digits.
"""

import itertools

import mpmath
import numpy as np
from mpmath import mp, mpf

DIGITS = 60
STEP = mpf(10) ** -20
ALL = "all"


def log_normal(x, mean, std):
    return mp.log(mp.npdf(x, mean, std))


def log_normal_full(x, mean, factor):
    size = len(mean)
    matrix = mpmath.matrix(size)
    for i, j in itertools.product(range(size), repeat=2):
        matrix[i, j] = mp.fsum(factor[i][k] * factor[j][k] for k in range(size))
    centred = mpmath.matrix([a - b for a, b in zip(x, mean, strict=True)])
    squared = (centred.T * mpmath.inverse(matrix) * centred)[0]
    return -squared / 2 - mp.log(mp.sqrt(mpmath.det(2 * mp.pi * matrix)))


def log_bernoulli(x, p):
    return mp.log(p if x == 1 else 1 - p)


def sigmoid(a):
    return 1 / (1 + mp.exp(-a))


def softmax(a):
    weights = [mp.exp(v - max(a)) for v in a]
    return [w / mp.fsum(weights) for w in weights]


def expectation(probabilities, values):
    return mp.fsum(p * v() for p, v in zip(probabilities, values, strict=True) if p != 0)


def kl_normal_1d(m, s, prior_m, prior_s):
    points = [m - mp.sqrt(3) * s, m, m + mp.sqrt(3) * s]
    weights = [mpf(1) / 6, mpf(2) / 3, mpf(1) / 6]
    return mp.fsum(
        w * (log_normal(z, m, s) - log_normal(z, prior_m, prior_s))
        for w, z in zip(weights, points, strict=True)
    )


def kl_outcomes(q, p):
    return mp.fsum(a * mp.log(a / b) for a, b in zip(q, p, strict=True) if a != 0)


# ---- one datum each; letters as in the specs


def kl_normal_standard(mu, std):
    return mp.fsum(kl_normal_1d(m, s, 0, 1) for m, s in zip(mu, std, strict=True))


def kl_normal_diagonal(q_mu, q_std, p_mu, p_std):
    return mp.fsum(itertools.starmap(kl_normal_1d, zip(q_mu, q_std, p_mu, p_std, strict=True)))


def kl_normal_full(q_mu, q_cholesky, p_mu, p_cholesky):
    size = len(q_mu)
    total = mpf(0)
    for column, sign in itertools.product(range(size), (-1, 1)):
        shift = [sign * mp.sqrt(size) * q_cholesky[i][column] for i in range(size)]
        z = [m + s for m, s in zip(q_mu, shift, strict=True)]
        total += log_normal_full(z, q_mu, q_cholesky) - log_normal_full(z, p_mu, p_cholesky)
    return total / (2 * size)


def kl_bernoulli(q_probs, p_probs):
    return mp.fsum(kl_outcomes([q, 1 - q], [p, 1 - p]) for q, p in zip(q_probs, p_probs, strict=True))


def kl_bernoulli_logits(q_logits, p_logits):
    pairs = zip(q_logits, p_logits, strict=True)
    return mp.fsum(kl_outcomes([sigmoid(a), sigmoid(-a)], [sigmoid(b), sigmoid(-b)]) for a, b in pairs)


def kl_categorical(q_probs, p_probs):
    return kl_outcomes(q_probs, p_probs)


def kl_categorical_logits(q_logits, p_logits):
    return kl_outcomes(softmax(q_logits), softmax(p_logits))


def density_normal(x, mu, std):
    return log_normal(x, mu, std)


def density_normal_diagonal(x, mu, std):
    return mp.fsum(itertools.starmap(log_normal, zip(x, mu, std, strict=True)))


def density_bernoulli(x, probs):
    return mp.fsum(itertools.starmap(log_bernoulli, zip(x, probs, strict=True)))


def density_bernoulli_logits(x, logits):
    return mp.fsum(mp.log(sigmoid(a if v == 1 else -a)) for v, a in zip(x, logits, strict=True))


def density_categorical(x, probs):
    return mp.log(probs[list(x).index(1)])


def density_categorical_logits(x, logits):
    return mp.log(softmax(logits)[list(x).index(1)])


def density_continuous_bernoulli(x, probs):
    """p^x (1-p)^(1-x) over its integral, (2p - 1) / log(p / (1-p)), or one half."""

    def one(v, p):
        mass = mpf(1) / 2 if p == mpf(1) / 2 else (2 * p - 1) / mp.log(p / (1 - p))
        return v * mp.log(p) + (1 - v) * mp.log(1 - p) - mp.log(mass)

    return mp.fsum(itertools.starmap(one, zip(x, probs, strict=True)))


def bits_per_dimension(log_density, dimensions):
    """-log2 of the mean mass of a cell of side 1/256, per dimension."""
    return -mp.log(mp.exp(log_density) / mpf(256) ** dimensions, 2) / dimensions


def elbo_gaussian_reconstruction(x, recon, mu, std):
    return mp.fsum(log_normal(v, m, 1) for v, m in zip(x, recon, strict=True)) - kl_normal_standard(mu, std)


def elbo_bernoulli_reconstruction(x, logits, mu, std):
    return density_bernoulli_logits(x, logits) - kl_normal_standard(mu, std)


def elbo_beta_vae(x, logits, mu, std, beta):
    return density_bernoulli_logits(x, logits) - beta * kl_normal_standard(mu, std)


def _decoded(mu, std, noise, weights, bias):
    """The decoder's output for each sample of one datum; noise (K, D)."""
    for eps in noise:
        z = [m + s * e for m, s, e in zip(mu, std, eps, strict=True)]
        yield (
            z,
            [
                b + mp.fsum(w * v for w, v in zip(row, z, strict=True))
                for row, b in zip(weights, bias, strict=True)
            ],
        )


def elbo_gaussian_vae(x, mu, std, noise, weights, bias, decoder_std):
    found = [
        density_normal_diagonal(x, mean, decoder_std) - kl_normal_standard(mu, std)
        for _, mean in _decoded(mu, std, noise, weights, bias)
    ]
    return mp.fsum(found) / len(found)


def elbo_bernoulli_vae(x, mu, std, noise, weights, bias):
    found = [
        density_bernoulli_logits(x, logits) - kl_normal_standard(mu, std)
        for _, logits in _decoded(mu, std, noise, weights, bias)
    ]
    return mp.fsum(found) / len(found)


def elbo_bernoulli_vae_sampled(x, mu, std, noise, weights, bias):
    found = [
        density_bernoulli_logits(x, logits)
        + mp.fsum(log_normal(v, 0, 1) - log_normal(v, m, s) for v, m, s in zip(z, mu, std, strict=True))
        for z, logits in _decoded(mu, std, noise, weights, bias)
    ]
    return mp.fsum(found) / len(found)


def elbo_minibatch(log_likelihood, kl, data_count):
    return data_count * mp.fsum(log_likelihood) / len(log_likelihood) - kl


def elbo_epoch_mean(elbo, present):
    pairs = [pair for row in zip(elbo, present, strict=True) for pair in zip(*row, strict=True)]
    data = [value for value, there in pairs if there == 1]
    return mp.fsum(data) / len(data)


DEFINITIONS = {
    "kl.normal_standard": kl_normal_standard,
    "kl.normal_diagonal": kl_normal_diagonal,
    "kl.normal_full": kl_normal_full,
    "kl.bernoulli": kl_bernoulli,
    "kl.bernoulli_logits": kl_bernoulli_logits,
    "kl.categorical": kl_categorical,
    "kl.categorical_logits": kl_categorical_logits,
    "log_density.normal": density_normal,
    "log_density.normal_diagonal": density_normal_diagonal,
    "log_density.normal_full": log_normal_full,
    "log_density.bernoulli": density_bernoulli,
    "log_density.bernoulli_logits": density_bernoulli_logits,
    "log_density.categorical": density_categorical,
    "log_density.categorical_logits": density_categorical_logits,
    "log_density.continuous_bernoulli": density_continuous_bernoulli,
    "log_density.bits_per_dimension": bits_per_dimension,
    "elbo.gaussian_reconstruction": elbo_gaussian_reconstruction,
    "elbo.bernoulli_reconstruction": elbo_bernoulli_reconstruction,
    "elbo.beta_vae": elbo_beta_vae,
    "elbo.gaussian_vae": elbo_gaussian_vae,
    "elbo.bernoulli_vae": elbo_bernoulli_vae,
    "elbo.bernoulli_vae_sampled": elbo_bernoulli_vae_sampled,
    "elbo.minibatch": elbo_minibatch,
    "elbo.epoch_mean": elbo_epoch_mean,
}


def exact(a):
    """An array as nested lists of mpf, exactly."""
    return [exact(row) for row in a] if np.ndim(a) else mpf(float(a))


def _datum(spec, inputs, b):
    """The arguments of one datum, by position: the batch axis is taken away."""
    found = []
    for i in spec.inputs:
        axes = i.axes.split()
        found.append(
            np.take(inputs[i.name], b, axes.index("B")) if "B" in axes and b is not ALL else inputs[i.name]
        )
    return found


def _data(spec, inputs):
    """The data that have a value of their own: the batch axis of the output, or all at once."""
    if "B" not in spec.output.split():
        return [ALL]
    return range(
        next(
            np.shape(inputs[i.name])[i.axes.split().index("B")] for i in spec.inputs if "B" in i.axes.split()
        )
    )


def values(spec, inputs):
    """The value of every datum, to 60 digits."""
    with mp.workdps(DIGITS):
        return [DEFINITIONS[spec.id](*map(exact, _datum(spec, inputs, b))) for b in _data(spec, inputs)]


def gradients(spec, inputs):
    """The gradient of the sum over data by every differentiable input, as nested lists in the input's shape."""
    with mp.workdps(DIGITS):
        return {name: _differences(spec, inputs, name) for name in spec.wrt}


def _differences(spec, inputs, name):
    (i,) = (i for i in spec.inputs if i.name == name)
    axes, found, everyone = i.axes.split(), np.zeros(np.shape(inputs[name])), _data(spec, inputs)
    own_datum = "B" in axes and everyone != [ALL]
    for index in np.ndindex(found.shape):
        if i.domain == "cholesky" and index[-1] > index[-2]:
            continue
        data = [index[axes.index("B")]] if own_datum else everyone
        own = tuple(n for n, letter in zip(index, axes, strict=True) if letter != "B" or not own_datum)
        found[index] = float(mp.fsum(_slope(spec, inputs, b, name, own) for b in data))
    return found


def _slope(spec, inputs, b, name, index):
    at = [j.name for j in spec.inputs].index(name)

    def moved(by):
        arguments = [exact(a) for a in _datum(spec, inputs, b)]
        if not index:
            arguments[at] += by
        else:
            inner = arguments[at]
            for n in index[:-1]:
                inner = inner[n]
            inner[index[-1]] += by
        return DEFINITIONS[spec.id](*arguments)

    try:
        slope = (moved(STEP) - moved(-STEP)) / (2 * STEP)
    except ZeroDivisionError:
        return mp.nan
    return slope if isinstance(slope, mpf) else mp.nan  # complex: a step beyond the border of the domain
