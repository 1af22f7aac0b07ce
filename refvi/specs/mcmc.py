"""Metropolis-Hastings: the logarithm of the probability with which a proposal is accepted."""

import numpy as np

from refvi.specs.sized import sized, where
from refvi.specs.spec import Input, Spec


def log_probability(ratio):
    """The logarithm of min(1, exp(ratio))."""
    return where(sized(ratio).value > 0.0, 0.0, ratio)


def _where_it_is_nan(ratio, found):
    return where(np.isnan(sized(ratio).value), -np.inf, found)


def _ratio(log_density, log_density_new, log_forward, log_backward):
    return (sized(log_density_new) - log_density) + (sized(log_backward) - log_forward)


def _accept(**inputs):
    ratio = _ratio(**inputs)
    return {"log_acceptance": _where_it_is_nan(ratio, log_probability(ratio))}


metropolis_hastings = Spec(
    id="mh.log_acceptance",
    says="log A of Metropolis-Hastings, A = min(1, pi(x') g(x | x') / (pi(x) g(x' | x))), from the four log densities",
    inputs=(
        Input("log_density", "B", "real", "log pi(x) at the state, up to a constant"),
        Input("log_density_new", "B", "real", "log pi(x') at the proposed state"),
        Input("log_forward", "B", "real", "log g(x' | x): from the state to the proposed one"),
        Input("log_backward", "B", "real", "log g(x | x'): back from it"),
    ),
    output="B",
    reference=_accept,
    source="Hastings 1970, Biometrika 57, section 2.2",
    edges=lambda: {
        "densities near -1000": _four([-1000.5, -998.25], [-999.75, -1002.5], [-1.5, -2.25], [-0.75, -3.5]),
        "a proposal that is impossible": _four([-1.5, 0.75], [-np.inf, -np.inf], [-1.5, 2.25], [-0.75, 1.5]),
        "a symmetric proposal": _four([-1.5, 0.75], [-2.5, 1.25], [-0.5, 1.5], [-0.5, 1.5]),
    },
)


def _four(*arrays):
    return dict(zip(("log_density", "log_density_new", "log_forward", "log_backward"), arrays, strict=True))


@metropolis_hastings.mistake(
    "mh-hastings-missing",
    says="leaves out the proposal's densities, which is right for symmetric proposals only",
    seen=(
        "openturns/openturns#1260",
        "dealii/code-gallery#64",
        "dm13450/dirichletprocess#15",
        "CliMA/CalibrateEmulateSample.jl#447",
    ),
)
def _(log_density, log_density_new, log_forward, log_backward):  # noqa: ARG001
    return log_probability(sized(log_density_new) - log_density)


@metropolis_hastings.mistake(
    "mh-hastings-reversed",
    says="divides the proposal's densities the wrong way round: g(x' | x) / g(x | x')",
    seen=("blei-lab/edward#788", "bsvars/bsvars#147"),
)
def _(log_density, log_density_new, log_forward, log_backward):
    return log_probability(_ratio(log_density, log_density_new, log_backward, log_forward))


@metropolis_hastings.mistake(
    "mh-ratio-reversed",
    says="takes the whole ratio upside down, so that it walks downhill",
)
def _(log_density, log_density_new, log_forward, log_backward):
    return log_probability(_ratio(log_density_new, log_density, log_backward, log_forward))


@metropolis_hastings.mistake(
    "accept-always",
    says="subtracts the new log density from itself, so that every proposal is accepted",
    seen=("bob-carpenter/walnuts#27",),
)
def _(log_density, log_density_new, log_forward, log_backward):  # noqa: ARG001
    return 0.0 * sized(log_density)


@metropolis_hastings.mistake(
    "mh-forward-only",
    says="divides by the proposal's density on the way there, and forgets the way back",
)
def _(log_density, log_density_new, log_forward, log_backward):
    return log_probability(_ratio(log_density, log_density_new, log_forward, 0.0 * log_backward))


@metropolis_hastings.mistake(
    "mh-ratio-of-logs",
    says="divides the log densities where their difference is wanted",
    seen=("thouska/spotpy#156",),
)
def _(log_density, log_density_new, log_forward, log_backward):
    new, old = sized(log_density_new) + log_backward, sized(log_density) + log_forward
    return log_probability(new / old)


@metropolis_hastings.mistake(
    "mh-threshold-sign",
    says="gives log A the opposite sign, as a threshold for -log u that is compared with log u",
    seen=("lollcat/fab-jax#14",),
)
def _(**inputs):
    return -log_probability(_ratio(**inputs))


@metropolis_hastings.relative(
    "mh-ratio-uncapped",
    says="leaves the ratio above one; compared with log u it accepts alike",
    of="value",
)
def _(**inputs):
    return _ratio(**inputs)
