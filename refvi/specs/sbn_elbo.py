"""The evidence lower bound of a sigmoid belief network at given samples, and its score-function gradient.

q(z | x) is a factorised Bernoulli with logits per datum; samples are given, so that every estimator is deterministic.
The gradient with respect to q's logits needs the score; that of the model's parameters goes straight through log p.
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.sbn import MODEL
from refvi.specs.shared import SHARED
from refvi.specs.sized import Sized, einsum, expand, logsumexp, sigmoid, sized, softplus
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("x", "B X", "binary", "data"),
    Input("z", "K B D", "binary", "samples of q(z | x) = prod_d Bernoulli(z_d; sigmoid(logits_d))"),
    Input("logits", "B D", "real", "logits of q"),
    *MODEL,
)


class Point(NamedTuple):
    """Everything at the samples: logs with axes K B, residuals with axes K B and X or D."""

    z: np.ndarray
    activations: Sized
    residual: Sized  # x - sigmoid(weights z + bias)
    score: Sized  # z - sigmoid(logits)
    prior_score: Sized  # z - sigmoid(prior_logits)
    log_likelihood: Sized
    log_prior_each: Sized  # K B D
    log_q_each: Sized  # K B D

    @property
    def log_prior(self):
        """Log p(z)."""
        return self.log_prior_each.sum(-1)

    @property
    def log_q(self):
        """Log q(z | x)."""
        return self.log_q_each.sum(-1)

    @property
    def reward(self):
        """Log p(x, z) - log q(z | x)."""
        return self.log_likelihood + self.log_prior - self.log_q


def at(x, z, logits, weights, bias, prior_logits):
    """The model and q at the samples."""
    z, logits, prior_logits = np.asarray(z), sized(logits), sized(prior_logits)
    a = einsum("kbd,xd->kbx", z, weights) + bias
    return Point(
        z,
        a,
        x - sigmoid(a),
        z - sigmoid(logits),
        z - sigmoid(prior_logits),
        (x * a - softplus(a)).sum(-1),
        z * prior_logits - softplus(prior_logits),
        z * logits - softplus(logits),
    )


# ---- the value


def _elbo(**inputs):
    p = at(**inputs)
    return {"likelihood": p.log_likelihood, "prior": p.log_prior, "entropy": -p.log_q}


def _edges():
    generic = {
        "x": [[1.0, 0.0, 1.0]],
        "z": [[[1.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]],
        "logits": [[0.5, -1.25]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
        "prior_logits": [-0.75, 0.25],
    }
    return {
        "one sample": {**generic, "z": [[[1.0, 0.0]]]},
        "logits of q large": {**generic, "logits": [[40.5, -800.25]]},
        "decoder saturated": {**generic, "bias": [800.25, -300.75, -40.5]},
        "q is the prior": {**generic, "logits": [[-0.75, 0.25]]},
    }


elbo = Spec(
    id="sbn.elbo",
    says="ELBO of a sigmoid belief network at given samples of q: mean of log p(x, z) - log q(z | x)",
    inputs=INPUTS,
    output="K B",
    reference=_elbo,
    conventions={"sign": "positive", "batch": "none", "samples": "mean", "units": "nats"},
    source="Mnih and Gregor 2014, equation 2, arXiv:1402.0030v2",
    edges=_edges,
)


def _total(terms):
    return sum(terms.values(), start=sized(0.0))


def _closed_entropy(logits):
    """Entropy of q per latent."""
    logits = sized(logits)
    return softplus(logits) - logits * sigmoid(logits)


@elbo.relative(
    "closed-form-entropy", says="has the entropy of q in closed form, not at the samples", of="value"
)
def _(**inputs):
    p = at(**inputs)
    return p.log_likelihood + p.log_prior + _closed_entropy(inputs["logits"]).sum(-1)


@elbo.relative("closed-form-kl", says="has KL(q || p(z)) in closed form, not at the samples", of="value")
def _(**inputs):
    prior = sized(inputs["prior_logits"])
    expected = sigmoid(inputs["logits"]) * prior - softplus(prior)
    return at(**inputs).log_likelihood + (expected + _closed_entropy(inputs["logits"])).sum(-1)


@elbo.mistake("log-q-missing", says="leaves -log q out of the bound")
def _(**inputs):
    return {n: t for n, t in _elbo(**inputs).items() if n != "entropy"}


@elbo.mistake("log-q-added", says="adds log q instead of subtracting it")
def _(**inputs):
    terms = _elbo(**inputs)
    return {**terms, "entropy": -terms["entropy"]}


@elbo.mistake(**SHARED["kl-wrong-sign"])
def _(**inputs):
    p = at(**inputs)
    return p.log_likelihood - p.log_prior + p.log_q


@elbo.mistake("prior-missing", says="leaves log p(z) out of the bound")
def _(**inputs):
    return {n: t for n, t in _elbo(**inputs).items() if n != "prior"}


@elbo.mistake("prior-uniform", says="takes one half for every prior probability")
def _(**inputs):
    return _elbo(**{**inputs, "prior_logits": 0.0 * np.asarray(inputs["prior_logits"])})


@elbo.mistake(**SHARED["kl-mean-over-latents"])
def _(**inputs):
    p, count = at(**inputs), float(len(inputs["prior_logits"]))
    return p.log_likelihood + (p.log_prior - p.log_q) / count


@elbo.mistake(**SHARED["bce-mean-reduction"])
def _(**inputs):
    terms = _elbo(**inputs)
    return {**terms, "likelihood": terms["likelihood"] / float(len(inputs["bias"]))}


@elbo.mistake(
    slug="bce-args-swapped",
    says="exchanges the prediction and the target of the cross-entropy (whose logarithms are cut at -100)",
    seen=SHARED["bce-args-swapped"]["seen"],
)
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    predicted = sigmoid(p.activations)
    swapped = -100.0 * (x * (1.0 - predicted) + (1.0 - x) * predicted)
    return swapped.sum(-1) + p.log_prior - p.log_q


@elbo.mistake(**SHARED["double-sigmoid"])
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    again = sigmoid(p.activations)
    return (x * again - softplus(again)).sum(-1) + p.log_prior - p.log_q


@elbo.mistake("zeros-not-counted", says="counts x log p only: observed units that are 0 contribute nothing")
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    return -(x * softplus(-p.activations)).sum(-1) + p.log_prior - p.log_q


@elbo.mistake("mean-for-sample", says="uses the probabilities of q in place of the samples")
def _(**inputs):
    means = np.broadcast_to(sigmoid(inputs["logits"]).value, np.shape(inputs["z"]))
    return _elbo(**{**inputs, "z": means})


BROADCAST = {
    "slug": "plate-broadcast-before-sum",
    "says": "broadcasts the log-likelihood over the latents before the sum, so that it counts D times",
    "seen": ("pyro-ppl/pyro#2893",),
}


@elbo.mistake(**BROADCAST)
def _(**inputs):
    terms = _elbo(**inputs)
    return {**terms, "likelihood": terms["likelihood"] * float(len(inputs["prior_logits"]))}


@elbo.mistake(
    "log-of-mean-weight", says="takes the log of the mean weight: the importance-weighted bound, not the ELBO"
)
def _(**inputs):
    reward = at(**inputs).reward
    return logsumexp(reward, 0) - float(np.log(len(inputs["z"])))


# ---- the score-function gradient


def pull(p, reward, factor=1.0):
    """reward is what the score of q is weighted with; factor (a number, or K B) weights the gradient of log p."""
    count = float(len(p.z))
    c = (factor + 0.0 * p.log_likelihood) / count
    return {
        "logits": {name: einsum("kb,kbd->bd", r, p.score) / count for name, r in reward.items()},
        "weights": {"likelihood": einsum("kbx,kbd->xd", expand(c, -1) * p.residual, p.z)},
        "bias": {"likelihood": einsum("kb,kbx->x", c, p.residual)},
        "prior_logits": {"prior": einsum("kb,kbd->d", c, p.prior_score)},
    }


def rewards(p):
    """The reward by its terms."""
    return {"likelihood": p.log_likelihood, "prior": p.log_prior, "entropy": -p.log_q}


def _gradient(**inputs):
    p = at(**inputs)
    return pull(p, rewards(p))


gradient = Spec(
    id="sbn.elbo_gradient",
    says="score-function gradient of the ELBO of a sigmoid belief network at given samples of q, no baseline",
    inputs=INPUTS,
    output="B",
    reference=lambda **inputs: {name: t.mean(0) for name, t in _elbo(**inputs).items()},
    gradient=_gradient,
    conventions={"sign": "positive", "batch": "sum", "units": "nats"},
    only="gradient",
    source="Mnih and Gregor 2014, section 2.2, arXiv:1402.0030v2",
    edges=_edges,
)


@gradient.relative(
    "score-offset-one",
    says="differentiates -log q inside the reward as well: the reward less one (pyro-ppl/pyro#2894, pyro-ppl/numpyro#1512)",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"reward": p.reward - 1.0})


@gradient.relative("leave-one-out", says="subtracts the mean reward of the other samples as a baseline")
def _(**inputs):
    p = at(**inputs)
    reward, count = p.reward, len(p.z)
    others = (expand(reward.sum(0), 0) - reward) / float(max(count - 1, 1))
    return pull(p, {"reward": reward - others})


@gradient.relative(
    "local-rewards", says="credits each latent with its own log p(z_d) - log q(z_d), not with the others'"
)
def _(**inputs):
    p = at(**inputs)
    local = expand(p.log_likelihood, -1) + p.log_prior_each - p.log_q_each
    return {**_gradient(**inputs), "logits": (local * p.score).mean(0)}


@gradient.relative("closed-form-entropy", says="has the entropy of q in closed form, not at the samples")
def _(**inputs):
    p, s = at(**inputs), sigmoid(inputs["logits"])
    found = pull(p, {"likelihood": p.log_likelihood, "prior": p.log_prior})
    return {**found, "logits": {**found["logits"], "entropy": -(sized(inputs["logits"]) * s * (1.0 - s))}}


@gradient.mistake(
    "model-term-missing",
    says="differentiates the score surrogate only, so that the model's parameters get no gradient",
    seen=("pyro-ppl/pyro#205",),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, rewards(p), 0.0)


@gradient.mistake(
    "reward-not-detached",
    says="does not stop the gradient of the reward in reward × log q + reward: log q multiplies a second path",
    seen=("batra-mlp-lab/visdial-rl#13", "TuringLang/AdvancedVI.jl#99"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"reward": p.reward - p.log_q - 1.0}, 1.0 + p.log_q)


@gradient.mistake(
    "reward-not-detached-alone",
    says="does not stop the gradient of the reward in reward × log q and adds no reward of its own",
    seen=("batra-mlp-lab/visdial-rl#13",),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"reward": p.reward - p.log_q}, p.log_q)


@gradient.mistake(
    "kl-in-loss-no-score-term",
    says="differentiates the bound at the samples directly: q's logits get the score alone, whose mean is zero",
    seen=("NVIDIA-NeMo/RL#2506", "huggingface/trl#4967"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"reward": 0.0 * p.reward - 1.0})


@gradient.mistake("log-q-missing", says="leaves -log q out of the reward", of="gradient")
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"likelihood": p.log_likelihood, "prior": p.log_prior})


@gradient.mistake("log-q-added", says="adds log q to the reward instead of subtracting it", of="gradient")
def _(**inputs):
    p = at(**inputs)
    return pull(p, {**rewards(p), "entropy": p.log_q})


@gradient.mistake("prior-missing", says="leaves log p(z) out of the bound", of="gradient")
def _(**inputs):
    p = at(**inputs)
    p = p._replace(log_prior_each=0.0 * p.log_prior_each, prior_score=0.0 * p.prior_score)
    return pull(p, rewards(p))


@gradient.mistake(**SHARED["bce-mean-reduction"], of="gradient")
def _(**inputs):
    p, count = at(**inputs), float(len(inputs["bias"]))
    p = p._replace(log_likelihood=p.log_likelihood / count, residual=p.residual / count)
    return pull(p, rewards(p))


@gradient.mistake(**BROADCAST, of="gradient")
def _(**inputs):
    p, count = at(**inputs), float(len(inputs["prior_logits"]))
    p = p._replace(log_likelihood=p.log_likelihood * count, residual=p.residual * count)
    return pull(p, rewards(p))


@gradient.mistake(
    "baseline-uses-own-sample",
    says="subtracts the mean reward over all samples, the sample's own included: the mean shrinks by (K - 1) / K",
    seen=("jsboige/CoursIA#15256", "areal-project/AReaL#354"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(p, {"reward": p.reward - expand(p.reward.mean(0), 0)})


@gradient.mistake(
    "particles-sum",
    says="sums over the samples instead of averaging",
    seen=("pyro-ppl/numpyro#1724",),
    of="gradient",
)
def _(**inputs):
    count = float(len(inputs["z"]))
    return {name: {t: a * count for t, a in terms.items()} for name, terms in _gradient(**inputs).items()}
