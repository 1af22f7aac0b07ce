"""Pathwise (reparameterised) gradients of the evidence lower bound of a small model, at given noise.

The model has a Gaussian decoder with one tanh layer: z_k = mu + std noise_k, x ~ N(tanh(weights z_k + bias), I),
z ~ N(0, I), q = N(mu, diag std²). Three estimators with one mean differ in what they do with -log q: differentiate it
whole, drop its score (sticking the landing), or put the divergence in closed form. Each is its own spec.
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.elbo_vae import vae_inputs
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, Sized, einsum, log, sized, tanh
from refvi.specs.spec import Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "sum", "units": "nats"}


class Point(NamedTuple):
    """Everything at the samples, with axes K, B and D or X."""

    z: Sized
    mean: Sized  # tanh(weights z + bias)
    error: Sized  # x - mean
    standard: Sized  # (z - mu) / std
    std: Sized
    weights: Sized


def at(x, mu, std, noise, weights, bias):
    """The model at z = mu + std noise; `standard` has the value of the noise and the rounding of (z - mu) / std."""
    mu, std, weights = sized(mu), sized(std), sized(weights)
    z = mu + std * noise
    standard = Sized(np.broadcast_to(noise, z.shape), ((z - mu) / std).size)
    mean = tanh(einsum("kbd,xd->kbx", z, weights) + bias)
    return Point(z, mean, x - mean, standard, std, weights)


def pull(p, direction=None, slope=None):
    """Terms of the gradient of the mean over samples of log p(x, z) - log q(z); `direction` is dz / dstd.

    path and score are the two halves of -d log q: through z, and through mu and std at fixed z.
    """
    direction = p.standard if direction is None else direction
    slope = 1.0 - p.mean**2 if slope is None else slope
    by_logits = p.error * slope
    through = einsum("kbx,xd->kbd", by_logits, p.weights)
    path = p.standard / p.std
    return {
        "mu": {
            "likelihood": through.mean(0),
            "prior": -p.z.mean(0),
            "path": path.mean(0),
            "score": -path.mean(0),
        },
        "std": {
            "likelihood": (through * direction).mean(0),
            "prior": -(p.z * direction).mean(0),
            "path": (path * direction).mean(0),
            "score": ((1.0 - p.standard**2) / p.std).mean(0),
        },
        "weights": {"likelihood": einsum("kbx,kbd->xd", by_logits, p.z) / float(len(p.z))},
        "bias": {"likelihood": by_logits.mean(0).sum(0)},
    }


def keep(gradients, *terms):
    """The gradients of mu and std reduced to some of their terms; those of the decoder stay."""
    zero = {"likelihood": 0.0 * gradients["mu"]["likelihood"]}
    return {
        name: ({t: g[t] for t in terms} or zero) if name in ("mu", "std") else g
        for name, g in gradients.items()
    }


def times(gradients, factors):
    """Every term of every gradient times its factor, 1 where none is given."""
    return {name: {t: a * factors.get(t, 1.0) for t, a in terms.items()} for name, terms in gradients.items()}


def _gradient(**inputs):
    return pull(at(**inputs))


def _stl_gradient(**inputs):
    return keep(_gradient(**inputs), "likelihood", "prior", "path")


def _analytic(gradients, mu, std):
    """The likelihood of given gradients and the closed-form divergence."""
    found, mu, std = keep(gradients, "likelihood"), sized(mu), sized(std)
    return {
        **found,
        "mu": {**found["mu"], "prior": -mu},
        "std": {**found["std"], "prior": -std, "entropy": 1.0 / std},
    }


def _analytic_gradient(**inputs):
    return _analytic(_gradient(**inputs), inputs["mu"], inputs["std"])


def _elbo(**inputs):
    p = at(**inputs)
    return {
        "likelihood": (-0.5 * p.error**2 - 0.5 * LOG_2_PI).sum(-1).mean(0),
        "prior": (-0.5 * p.z**2 - 0.5 * LOG_2_PI).sum(-1).mean(0),
        "entropy": (0.5 * p.standard**2 + log(p.std) + 0.5 * LOG_2_PI).sum(-1).mean(0),
    }


def _edges():
    generic = {
        "x": [[1.5, -0.75, 0.25]],
        "mu": [[0.5, -1.25]],
        "std": [[0.75, 1.5]],
        "noise": [[[0.5, -0.25]], [[-1.5, 0.75]], [[0.25, 2.5]]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
    }
    return {
        "one sample": {**generic, "noise": [[[0.5, -0.25]]]},
        "noise is zero": {**generic, "noise": [[[0.0, 0.0]], [[0.0, 0.0]]]},
        "std near zero": {**generic, "std": [[2.0**-10, 2.0**-7]]},
        "decoder saturated": {**generic, "bias": [20.25, -300.75, 40.5]},
        "x far away": {**generic, "x": [[1.0e5, -0.75, 3.0e4]]},
    }


def _spec(name, says, gradient, source):
    return Spec(
        id=name,
        says=says,
        inputs=vae_inputs("given"),
        output="B",
        reference=_elbo,
        gradient=gradient,
        conventions=CONVENTIONS,
        only="gradient",
        source=source,
        edges=_edges,
    )


plain = _spec(
    "pathwise.gradient",
    "reparameterised gradient of the ELBO of a small tanh model at given noise: log p(x, z) - log q(z) at z(mu, std)",
    _gradient,
    "Kingma and Welling 2014, equation 6, arXiv:1312.6114v11",
)
stl = _spec(
    "pathwise.gradient_stl",
    "the same gradient without the score of q (sticking the landing): mu and std are stopped inside log q",
    _stl_gradient,
    "Roeder, Wu and Duvenaud 2017, the path derivative estimator, arXiv:1703.09194v3",
)
analytic = _spec(
    "pathwise.gradient_analytic_kl",
    "the same gradient with KL(q || N(0, I)) in closed form: only the likelihood goes through the samples",
    _analytic_gradient,
    "Kingma and Welling 2014, equation 7 and appendix B, arXiv:1312.6114v11",
)
ALL = {"plain": plain, "stl": stl, "analytic": analytic}
RIGHT = {
    "plain": (_gradient, "differentiates -log q whole, score included"),
    "stl": (_stl_gradient, "drops the score of q (sticking the landing)"),
    "analytic": (_analytic_gradient, "has the divergence in closed form"),
}


def _relate():
    for name, spec in ALL.items():
        for other, (right, says) in RIGHT.items():
            if other != name:
                spec.relative(other, says=says, declare=ALL[other].id)(right)


_relate()


def _everywhere(wrong, **row):
    """The same mistake in all three specs; wrong(pulled) makes it in the terms of the whole estimator."""
    for name, spec in ALL.items():
        finish = {
            "plain": lambda g, _: g,
            "stl": lambda g, _: keep(g, "likelihood", "prior", "path"),
            "analytic": lambda g, i: _analytic(g, i["mu"], i["std"]),
        }[name]

        def gradients(finish=finish, **inputs):
            return finish(wrong(**inputs), inputs)

        spec.mistake(**row, of="gradient")(gradients)


# ---- wrong path or likelihood


def _variance_for_std(**inputs):
    std, noise = sized(inputs["std"]), np.asarray(inputs["noise"])
    return pull(at(**{**inputs, "noise": std.value * noise}), 2.0 * std * noise)


def _shared_noise(**inputs):
    return _gradient(**{**inputs, "noise": np.repeat(inputs["noise"][:1], len(inputs["noise"]), 0)})


def _no_slope(**inputs):
    p = at(**inputs)
    return pull(p, slope=0.0 * p.mean + 1.0)


_everywhere(_variance_for_std, **SHARED["sample-with-variance"])
_everywhere(
    _shared_noise,
    slug="noise-shared",
    says="uses the noise of the first sample for every sample: the mean is right, the variance is that of one sample",
)
_everywhere(
    _no_slope,
    slug="activation-slope-missing",
    says="misses the derivative 1 - tanh² of the decoder's activation",
)
_everywhere(
    lambda **inputs: times(_gradient(**inputs), {"likelihood": 2.0}), **SHARED["mse-as-nll-without-2var"]
)
_everywhere(
    lambda **inputs: times(_gradient(**inputs), {"likelihood": 1.0 / len(inputs["bias"])}),
    **SHARED["mse-mean-reduction"],
)


def _no_noise_factor(**inputs):
    p = at(**inputs)
    return pull(p, direction=0.0 * p.standard + 1.0)


_everywhere(
    _no_noise_factor,
    slug="noise-factor-missing",
    says="misses dz / dstd = noise: std gets the derivative that belongs to mu",
)


@plain.mistake(
    "sample-not-rsample",
    says="cuts the gradient at the sample: mu and std get the score of q only, nothing through the decoder",
    seen=SHARED["sample-not-rsample"]["seen"],
    of="gradient",
)
def _(**inputs):
    return keep(_gradient(**inputs), "score")


@stl.mistake(
    "sample-not-rsample",
    says="cuts the gradient at the sample, so that mu and std get no gradient at all",
    seen=SHARED["sample-not-rsample"]["seen"],
    of="gradient",
)
def _(**inputs):
    return keep(_gradient(**inputs))


@analytic.mistake(**SHARED["sample-not-rsample"], of="gradient")
def _(**inputs):
    return times(_analytic_gradient(**inputs), {"likelihood": 0.0}) | {
        name: g for name, g in _gradient(**inputs).items() if name in ("weights", "bias")
    }


# ---- wrong divergence


def _divergence(factor):
    return {"prior": factor, "path": factor, "score": factor, "entropy": factor}


@plain.mistake(**SHARED["kl-mean-over-latents"], of="gradient")
def _(**inputs):
    return times(_gradient(**inputs), _divergence(1.0 / np.shape(inputs["mu"])[-1]))


@stl.mistake(**SHARED["kl-mean-over-latents"], of="gradient")
def _(**inputs):
    return times(_stl_gradient(**inputs), _divergence(1.0 / np.shape(inputs["mu"])[-1]))


@analytic.mistake(**SHARED["kl-mean-over-latents"], of="gradient")
def _(**inputs):
    return times(_analytic_gradient(**inputs), _divergence(1.0 / np.shape(inputs["mu"])[-1]))


@plain.mistake(**SHARED["kl-wrong-sign"], of="gradient")
def _(**inputs):
    return times(_gradient(**inputs), _divergence(-1.0))


@analytic.mistake(**SHARED["kl-wrong-sign"], of="gradient")
def _(**inputs):
    return times(_analytic_gradient(**inputs), _divergence(-1.0))


@plain.mistake("entropy-missing", says="leaves -log q out of the bound", of="gradient")
def _(**inputs):
    return keep(_gradient(**inputs), "likelihood", "prior")


@analytic.mistake("entropy-missing", says="leaves log std out of the divergence", of="gradient")
def _(**inputs):
    return times(_analytic_gradient(**inputs), {"entropy": 0.0})


@plain.mistake("prior-missing", says="leaves log p(z) out of the bound", of="gradient")
def _(**inputs):
    return times(_gradient(**inputs), {"prior": 0.0})


@plain.mistake(
    "particles-sum",
    says="sums over the samples instead of averaging",
    seen=("pyro-ppl/numpyro#1724",),
    of="gradient",
)
def _(**inputs):
    return times(
        _gradient(**inputs),
        {"likelihood": float(len(inputs["noise"])), **_divergence(float(len(inputs["noise"])))},
    )


@analytic.mistake(
    "particles-sum",
    says="sums the likelihood over the samples while the divergence is counted once",
    seen=("pyro-ppl/numpyro#1724",),
    of="gradient",
)
def _(**inputs):
    return times(_analytic_gradient(**inputs), {"likelihood": float(len(inputs["noise"]))})


@stl.relative("stl-stops-mean-only", says="stops mu inside log q but not std, so that std keeps its score")
def _(**inputs):
    return {**_stl_gradient(**inputs), "std": _gradient(**inputs)["std"]}


@stl.mistake(
    "stl-stops-everything",
    says="stops log q altogether, its path through z included: mu and std lose the entropy",
    of="gradient",
)
def _(**inputs):
    return keep(_gradient(**inputs), "likelihood", "prior")
