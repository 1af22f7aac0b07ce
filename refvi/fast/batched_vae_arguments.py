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

LARGEST_LOG = 700.0  # of a standard deviation or precision: its exponential is a normal float
LARGEST = 1e75  # of activations and scaled residuals: products of a few stay finite


def read_arguments(x, theta, phi, noise):
    """All arrays as contiguous float64 of matching shapes, or one sentence."""
    sizes = {}
    units = _units("theta", theta, DecoderArrays)
    reads = "H" if units else "Z"
    sizes["H"] = units
    level = "0" if np.shape(theta.log_std) == (0,) else "X"
    axes = ("H Z", "H", f"X {reads}", "X", level)
    decoder = DecoderArrays(*_fields("theta", theta, axes, sizes))
    sizes["H"] = units = _units("phi", phi, EncoderArrays)
    reads = "H" if units else "X"
    axes = ("H X", "H", f"Z {reads}", "Z", f"Z {reads}", "Z")
    encoder = EncoderArrays(*_fields("phi", phi, axes, sizes))
    x = _array("x", x, "N X", sizes)
    if np.ndim(noise) == 2:
        shared = _array("noise", noise, "K Z", sizes)
        noise = np.broadcast_to(shared, (len(x), *shared.shape))
    noise = _array("noise", noise, "N K Z", sizes)
    validate.at_least("number of data N", sizes["N"], 1)
    validate.at_least("number of samples K", sizes["K"], 1)
    totals = magnitudes(tuple(a.reshape(-1) for a in (*decoder, *encoder, x, noise)))
    if not math.isfinite(sum(totals)):
        _name_what_is_not_finite(decoder, encoder, x, noise)
    if not decoder.log_std.size and not is_binary(x.reshape(-1)):
        validate.array("x", x, "N X", binary=True)
    check_encoder_range(totals, decoder, encoder)
    return x, decoder, encoder, noise, totals


def _units(name, value, kind):
    """Number of hidden units of a network, which decides on the shapes of the rest."""
    if getattr(value, "_fields", None) != kind._fields:
        raise UsageError(
            f"{name} must be a NamedTuple with the fields {', '.join(kind._fields)}, "
            f"got {type(value).__name__}"
        )
    return np.size(value.bias_hidden)


def _fields(name, value, axes, sizes):
    return (
        _array(f"{name}.{field}", array, letters, sizes)
        for field, array, letters in zip(value._fields, value, axes, strict=True)
    )


def _array(name, value, axes, sizes):
    """`validate.array` for what is not yet a contiguous float64 array of the right shape."""
    letters = axes.split()
    if type(value) is np.ndarray and value.dtype == np.float64 and value.flags.c_contiguous:
        wanted = tuple(0 if a == "0" else sizes.get(a, s) for a, s in zip(letters, value.shape))
        if value.shape == wanted and value.ndim == len(letters):
            sizes.update(zip(letters, wanted))
            return value
    return validate.array(name, value, axes, sizes, finite=False)


def _name_what_is_not_finite(decoder, encoder, x, noise):
    """One sentence for the first array with such an entry, or for entries too large to be added."""
    for name, given in (("theta", decoder), ("phi", encoder)):
        for field, array in zip(given._fields, given, strict=True):
            validate.array(f"{name}.{field}", array, " ".join("ABC"[: array.ndim]))
    validate.array("x", x, "N X")
    validate.array("noise", noise, "N K Z")
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


@compiled
def largest(array):
    """Largest magnitude in a matrix."""
    top = 0.0
    for i in range(array.shape[0]):
        row = array[i]
        for j in range(row.size):
            top = max(top, abs(row[j]))
    return top


def check_encoder_range(totals, decoder, encoder):
    """The products of the encoder stay finite, and the noise level has a finite precision."""
    data, hidden = totals[11], totals[5] + totals[6]
    heads = totals[7] + totals[8] + totals[9] + totals[10]
    _within("entries of the encoder's products", hidden * (1.0 + data), LARGEST)
    _within("entries of q's parameters", heads * (1.0 if encoder.bias_hidden.size else 1.0 + data), LARGEST)
    if decoder.log_std.size:
        _within("theta.log_std", float(np.abs(decoder.log_std).max()), LARGEST_LOG)


def check_decoder_range(totals, latents, decoder):
    """After the encoder: standard deviations, latents, activations and residuals stay floats. Returns a bound of |z_d|."""
    spread = 0.5 * largest(latents.log_var)
    _within("½ log_var(x)", spread, LARGEST_LOG)
    z = largest(latents.mean) + math.exp(spread) * totals[12]
    _within("latents", z, LARGEST)
    _within("the decoder's hidden units before tanh", totals[0] * z + totals[1], LARGEST)
    out = totals[2] * (1.0 if decoder.bias_hidden.size else z) + totals[3] + totals[11]
    if decoder.log_std.size:
        _within("residuals in standard deviations", out * math.exp(-float(decoder.log_std.min())), LARGEST)
    return z


def _within(name, value, limit):
    if not value <= limit:
        raise UsageError(
            f"{name} must be within {limit:g} for the batched step, may reach {value:.3g}; "
            "refvi.models.gaussian_vae covers all floats"
        )
