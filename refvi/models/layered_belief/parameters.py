"""Parameters of a sigmoid belief network of any depth and of its recognition net, as trees and as flat vectors.

A flat vector holds layer after layer, of each the weights row by row and then the biases. The prior of the top layer is
a layer with nothing above it: no weights, biases only. Not here: what is computed with them.
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError


class Layer(NamedTuple):
    """Bernoulli units given other units: log odds bias + weights · given.

    weights  (O, I) from given units to outcomes
    bias     (O,) log odds where all given units are 0
    """

    weights: np.ndarray
    bias: np.ndarray


class Generative(NamedTuple):
    """Parameters theta of the network h^L -> ... -> h^1 -> x.

    layers        L layers, the first from h^1 to x, the last from h^L to h^(L-1)
    prior_logits  (H_L,) log odds of the units at the top
    """

    layers: tuple
    prior_logits: np.ndarray


class Recognition(NamedTuple):
    """Parameters phi of the recognition net x -> h^1 -> ... -> h^L.

    layers  L layers, the first from x to h^1
    """

    layers: tuple


class Network(NamedTuple):
    """Both nets as kernels take them.

    sizes  (L + 2,) units of x, h^1, ..., h^L, and 0 for what is above the top
    theta  (P,) flat; (0,) where it is not needed
    phi    (Q,) flat; (0,) where it is not needed
    """

    sizes: np.ndarray
    theta: np.ndarray
    phi: np.ndarray


def vector(parameters):
    """All entries of a tree as one vector."""
    if isinstance(parameters, tuple):
        return np.concatenate([np.zeros(0), *map(vector, parameters)])
    return np.ravel(np.asarray(parameters, dtype=np.float64))


def tree(like, flat):
    """A vector as a tree of the same types and shapes."""
    entries = iter(np.asarray(flat, dtype=np.float64))

    def take(part):
        if isinstance(part, tuple):
            parts = [take(p) for p in part]
            return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)
        return np.array([next(entries) for _ in range(np.size(part))]).reshape(np.shape(part))

    return take(like)


def check(theta=None, phi=None):
    """One net or both as float64 arrays whose shapes chain, and the units (n_0, ..., n_L) of x, h^1, ..., h^L.

    Returns (theta, phi, sizes); one sentence where something does not fit.
    """
    sizes = {}
    if theta is not None:
        layers = _layers("theta", theta, Generative, sizes, below=0, above=1)
        top = validate.array("theta.prior_logits", theta.prior_logits, f"n{len(layers)}", sizes)
        theta = Generative(layers, top)
    if phi is not None:
        layers = _layers("phi", phi, Recognition, sizes, below=1, above=0)
        if theta is not None and len(layers) != len(theta.layers):
            raise UsageError(f"phi must have as many layers as theta, {len(theta.layers)}, got {len(layers)}")
        phi = Recognition(layers)
    return theta, phi, tuple(sizes[f"n{number}"] for number in range(len(layers) + 1))


def network(sizes, theta=None, phi=None):
    """Checked trees as a `Network`."""
    flat = [np.zeros(0) if part is None else vector(part) for part in (theta, phi)]
    return Network(np.array([*sizes, 0], dtype=np.int64), *flat)


def _layers(name, parameters, kind, sizes, *, below, above):
    """Layers whose outcomes are the units n(l + below) and whose given units are n(l + above)."""
    if not isinstance(parameters, kind):
        raise UsageError(f"{name} must be a {kind.__name__}, got {type(parameters).__name__}")
    layers = parameters.layers
    if not isinstance(layers, tuple | list) or not layers:
        raise UsageError(f"{name}.layers must be a tuple of at least one Layer, got {layers!r:.40}")
    found = []
    for number, layer in enumerate(layers):
        axes = {"weights": f"n{number + below} n{number + above}", "bias": f"n{number + below}"}
        found.append(validate.parameters(f"{name}.layers[{number}]", layer, Layer, axes, sizes))
    return tuple(found)
