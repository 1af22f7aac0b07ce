"""The problems that contenders are asked to solve: arrays made from a seed, the same in every process."""

import math
from typing import NamedTuple

import numpy as np

UNIT = 2.0**-53


class Network(NamedTuple):
    """A sigmoid belief network with data.

    x (B, D)   visible bits
    W (D, K)   weights
    b (D,)     visible biases
    c (K,)     hidden biases
    """

    x: np.ndarray
    W: np.ndarray
    b: np.ndarray
    c: np.ndarray


class Estimation(NamedTuple):
    """A network, a factorised q in logits, and how many samples an estimate takes.

    network   a `Network` with one datum
    logits    (K,) logits of q
    samples   number of samples
    group     samples that share a leave-one-out baseline
    seed      seed of the random numbers
    """

    network: Network
    logits: np.ndarray
    samples: int
    group: int
    seed: int


class Autoencoder(NamedTuple):
    """A Gaussian autoencoder with one tanh layer each way and unit variance of x, with data and noise.

    x (N, X), noise (N, K, Z); the others as in `refvi.models.gaussian_vae.parameters`, encoder first
    """

    x: np.ndarray
    noise: np.ndarray
    encoder_hidden: np.ndarray
    encoder_bias: np.ndarray
    mean: np.ndarray
    mean_bias: np.ndarray
    log_var: np.ndarray
    log_var_bias: np.ndarray
    decoder_hidden: np.ndarray
    decoder_bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray


def network(K, D, B=1, scale=1.0, seed=0):
    """Weights of size scale / sqrt(K), so that logits stay of the same size for every K."""
    rng = np.random.default_rng([seed, K, D])
    W = scale / math.sqrt(K) * rng.normal(size=(D, K))
    b, c = 0.5 * rng.normal(size=D), 0.5 * rng.normal(size=K)
    return Network((rng.random((B, D)) < 0.5).astype(np.float64), W, b, c)


def estimation(K, D, samples, group=128, seed=0):
    """Estimate the gradient of an ELBO from samples of a factorised q."""
    logits = np.random.default_rng([seed, K]).normal(size=K)
    return Estimation(network(K, D, seed=seed), logits, samples, group, seed)


def autoencoder(X, Z, H, B, k, seed=0):
    """One gradient step of an importance-weighted bound."""
    rng = np.random.default_rng([seed, X, Z, H])

    def layer(rows, columns):
        return rng.normal(size=(rows, columns)) / math.sqrt(columns)

    encoder = (
        layer(H, X),
        0.1 * rng.normal(size=H),
        layer(Z, H),
        np.zeros(Z),
        0.2 * layer(Z, H),
        -np.ones(Z),
    )
    decoder = (layer(H, Z), 0.1 * rng.normal(size=H), layer(X, H), 0.1 * rng.normal(size=X))
    return Autoencoder(rng.normal(size=(B, X)), rng.normal(size=(B, k, Z)), *encoder, *decoder)


MAKERS = {
    "evidence": network,
    "gradient": network,
    "accuracy": network,
    "reinforce": estimation,
    "leave-one-out": estimation,
    "iwae": autoencoder,
}


def make(kind, sizes):
    """The problem of a task; kinds that are not in `MAKERS` get their sizes as they are."""
    return MAKERS[kind](**sizes) if kind in MAKERS else sizes


def tolerance(kind, sizes, scale):
    """How far two right answers may lie apart.

    Formula     evidence and gradient: 8 u S, S the largest sum of absolute terms of a log joint, per datum; a
                posterior weight has the relative error of its log joint
                iwae: 8 u n max |value|, n the number of terms of the longest sums
    """
    if kind == "iwae":
        terms = sizes["B"] * sizes["k"] + sizes["X"] + sizes["H"]
        return 8.0 * UNIT * terms * scale
    given = make(kind, sizes)
    logits = np.abs(given.b) + np.abs(given.W).sum(axis=1)
    terms = (logits + math.log(2.0)).sum() + (np.abs(given.c) + math.log(2.0)).sum()
    return 8.0 * UNIT * float(terms) * (len(given.x) if kind == "gradient" else 1)
