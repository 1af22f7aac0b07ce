"""Arguments of the batched autoencoder: shapes, finiteness, and the range that its arithmetic covers.

A step of a small model takes some 50 microseconds, which a dozen array checks would double: arrays that already have
the right type and shape pass untouched, and one compiled pass over all entries notices what is not finite.

Checked by  tests/fast/test_batched_vae.py
"""

import math

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast.batched_vae_direct import DecoderArrays
from refvi.fast.batched_vae_encoder import EncoderArrays
from refvi.fast.compiled import compiled

DOUBLE = np.dtype(np.float64)
LARGEST_LOG = 700.0  # of a standard deviation or precision: its exponential is a normal float
LARGEST = 1e75  # of activations and scaled residuals: products of a few stay finite


def read_arguments(x, theta, phi, noise):
    """All arrays as contiguous float64 of matching shapes, with the sums of their magnitudes; or one sentence."""
    for name, value, kind in (("theta", theta, DecoderArrays), ("phi", phi, EncoderArrays)):
        if getattr(value, "_fields", None) != kind._fields:
            raise UsageError(
                f"{name} must be a NamedTuple with the fields {', '.join(kind._fields)}, "
                f"got {type(value).__name__}"
            )
    arrays = (*theta, *phi, x, noise)
    if not _fit(arrays):
        arrays = _validated(x, theta, phi, noise)
    totals = magnitudes(tuple([a.reshape(-1) for a in arrays])).tolist()
    if not math.isfinite(sum(totals)):
        _name_what_is_not_finite(arrays)
    decoder, encoder = DecoderArrays(*arrays[:5]), EncoderArrays(*arrays[5:11])
    x, noise = arrays[11:]
    if not decoder.log_std.size and not is_binary(x.reshape(-1)):
        validate.array("x", x, "N X", binary=True)
    check_encoder_range(totals, decoder, encoder)
    return x, decoder, encoder, noise, totals


def _fit(arrays):
    """Whether all arrays have their type and shapes already."""
    for array in arrays:
        if type(array) is not np.ndarray or array.dtype is not DOUBLE or not array.flags.c_contiguous:
            return False
    shapes = [array.shape for array in arrays]
    if len(shapes[12]) != 3 or len(shapes[11]) != 2 or not all(shapes[12]) or not shapes[11][1]:
        return False
    N, X, Z, H, G = len(arrays[12]), shapes[11][1], shapes[12][2], arrays[1].size, arrays[6].size
    wide, tall, level = (X, H or Z), (Z, G or X), shapes[4]
    decoder = [(H, Z), (H,), wide, (X,), (X,) if level != (0,) else level]
    return shapes[:12] == [*decoder, (G, X), (G,), tall, (Z,), tall, (Z,), (N, X)]


def _validated(x, theta, phi, noise):
    """The arrays one by one."""
    sizes = {}
    units, level = np.size(theta.bias_hidden), "0" if np.shape(theta.log_std) == (0,) else "X"
    reads, sizes["H"] = "H" if units else "Z", units
    decoder = _fields("theta", theta, ("H Z", "H", f"X {reads}", "X", level), sizes)
    units = np.size(phi.bias_hidden)
    reads, sizes["H"] = "H" if units else "X", units
    axes = ("H X", "H", f"Z {reads}", "Z", f"Z {reads}", "Z")
    encoder = _fields("phi", phi, axes, sizes)
    x = validate.array("x", x, "N X", sizes, finite=False)
    if np.ndim(noise) == 2:
        shared = validate.array("noise", noise, "K Z", sizes, finite=False)
        noise = np.broadcast_to(shared, (len(x), *shared.shape))
    noise = validate.array("noise", noise, "N K Z", sizes, finite=False)
    for letter, name in (("N", "data"), ("K", "samples"), ("X", "visibles"), ("Z", "latents")):
        validate.at_least(f"number of {name} {letter}", sizes[letter], 1)
    return (*decoder, *encoder, x, noise)


def _fields(name, value, axes, sizes):
    return [
        validate.array(f"{name}.{field}", array, letters, sizes, finite=False)
        for field, array, letters in zip(value._fields, value, axes, strict=True)
    ]


def _name_what_is_not_finite(arrays):
    """One sentence for the first array with such an entry, or for entries too large to be added."""
    names = [f"theta.{f}" for f in DecoderArrays._fields] + [f"phi.{f}" for f in EncoderArrays._fields]
    for name, array in zip((*names, "x", "noise"), arrays, strict=True):
        validate.array(name, array, " ".join("ABC"[: array.ndim]))
    raise UsageError("the magnitudes of all entries must have a finite sum, got inf")


@compiled
def magnitudes(arrays):
    """Sum of the magnitudes of each array: not finite where an entry is not."""
    totals = np.empty(len(arrays))
    for n, array in enumerate(arrays):
        total = 0.0
        for i in range(array.size):
            total += abs(array[i])
        totals[n] = total
    return totals


@compiled
def is_binary(array):
    """Whether all entries are 0 or 1."""
    wrong = 0
    for i in range(array.size):
        wrong += (array[i] != 0.0) & (array[i] != 1.0)
    return wrong == 0


def check_encoder_range(totals, decoder, encoder):
    """The products of the encoder stay finite, and the noise level has a finite precision."""
    data, hidden = totals[11], totals[5] + totals[6]
    heads = totals[7] + totals[8] + totals[9] + totals[10]
    _within("entries of the encoder's products", hidden * (1.0 + data), LARGEST)
    _within("entries of q's parameters", heads * (1.0 if encoder.bias_hidden.size else 1.0 + data), LARGEST)
    if decoder.log_std.size:
        _within(
            "theta.log_std", _most(totals[4], lambda: np.abs(decoder.log_std).max(), LARGEST_LOG), LARGEST_LOG
        )


def check_decoder_range(totals, mean, log_var, decoder):
    """Standard deviations, latents, activations and residuals stay floats. Returns a bound of |z_d|.

    mean, log_var   the largest magnitudes
    """
    spread = 0.5 * log_var
    _within("½ log_var(x)", spread, LARGEST_LOG)
    z = mean + math.exp(spread) * totals[12]
    _within("latents", z, LARGEST)
    _within("the decoder's hidden units before tanh", totals[0] * z + totals[1], LARGEST)
    out = totals[2] * (1.0 if decoder.bias_hidden.size else z) + totals[3] + totals[11]
    if decoder.log_std.size:
        least = _most(totals[4], lambda: -decoder.log_std.min(), 1.0)
        _within("residuals in standard deviations", out * math.exp(least), LARGEST)
    return z


def _most(total, largest, enough):
    """A bound of the entries of an array: their sum where that is small enough, otherwise the largest."""
    return total if total <= enough else float(largest())


def _within(name, value, limit):
    if not value <= limit:
        raise UsageError(
            f"{name} must be within {limit:g} for the batched step, may reach {value:.3g}; "
            "refvi.models.gaussian_vae covers all floats"
        )
