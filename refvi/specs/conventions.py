"""Conventions: what one author writes as std another writes as log_var; declared, not failed.

A convention either renames an input and says how to get back to the canonical one (`scale`), or is a linear map on the
terms of the answer (`sign`, `units`, the reductions, `constants`, `log_k`).
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.sized import exp, sized, sqrt

LOG_2 = float(np.log(2.0))


class Scale(NamedTuple):
    """One way to write a standard deviation: how it is drawn, how to return to std, and d std / d written."""

    domain: str
    to_std: object
    slope: object  # (written, std) -> d std / d written
    from_std: object


SCALES = {
    "std": Scale("positive", sized, lambda _, std: 1.0 + 0.0 * std, lambda s: s),
    "var": Scale("positive", sqrt, lambda _, std: 0.5 / std, lambda s: s * s),
    "log_std": Scale("logarithm", exp, lambda _, std: std, np.log),
    "log_var": Scale(
        "logarithm", lambda w: exp(0.5 * sized(w)), lambda _, std: 0.5 * std, lambda s: 2 * np.log(s)
    ),
    "precision": Scale(
        "positive", lambda w: 1.0 / sqrt(w), lambda w, std: -0.5 * std / sized(w), lambda s: 1 / (s * s)
    ),
}

OPTIONS = {
    "scale": tuple(SCALES),
    "sign": ("positive", "negative"),
    "batch": ("none", "sum", "mean"),
    "latents": ("sum", "none", "mean"),
    "samples": ("mean", "sum", "none"),
    "units": ("nats", "bits"),
    "constants": ("kept", "dropped"),
    "log_k": ("subtracted", "kept"),
}

SAYS = {
    "scale": "how a standard deviation is handed over; the argument's name ends with the same word",
    "sign": "positive: on the log-evidence scale (or the divergence itself); negative: its negative, to be minimised",
    "batch": "one number per datum, or their sum or mean",
    "latents": "reduction over latent dimensions",
    "samples": "reduction over samples",
    "units": "nats or bits",
    "constants": "whether terms in log 2π are kept",
    "log_k": "whether log K is subtracted",
}

AXIS_OF = {"batch": "B", "latents": "D", "samples": "K"}
DROPS = {("constants", "dropped"): "constant", ("log_k", "kept"): "log_k"}


def written_name(name, scale):
    """The name of a scale input under a convention: std -> log_var, q_std -> q_log_var."""
    return name[: -len("std")] + scale


def reduce(a, axes, declared):
    """Apply the reductions to an array with named axes; returns the array and the axes that remain."""
    axes = list(axes)
    for convention, letter in AXIS_OF.items():
        if letter in axes and declared.get(convention, "none") != "none":
            axis = axes.index(letter)
            a = a.mean(axis) if declared[convention] == "mean" else a.sum(axis)
            axes.remove(letter)
    return a, axes


def factor(declared):
    """The scalar factor of sign and units."""
    return (-1.0 if declared.get("sign") == "negative" else 1.0) / (
        LOG_2 if declared.get("units") == "bits" else 1.0
    )


def drops(declared):
    """Names of the terms that the declared conventions leave out."""
    return [term for (convention, option), term in DROPS.items() if declared.get(convention) == option]


def rescale(a, by):
    """Multiply by a convention's factor without counting ±1 as a rounding."""
    if by == 1.0:
        return a
    return -sized(a) if by == -1.0 else sized(a) * by
