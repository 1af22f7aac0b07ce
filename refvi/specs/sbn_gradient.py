"""The score-function gradient of a sigmoid belief network's evidence lower bound, at given samples.

The gradient with respect to q's logits needs the score; that of the model's parameters goes straight through log p.
"""

import numpy as np

from refvi.specs.sbn_elbo import BROADCAST, INPUTS, at, by_probability, edges, terms
from refvi.specs.shared import SHARED
from refvi.specs.sized import einsum, expand, sigmoid, sized
from refvi.specs.spec import Spec


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
    reference=lambda **inputs: {name: t.mean(0) for name, t in terms(**inputs).items()},
    gradient=_gradient,
    conventions={"sign": "positive", "batch": "sum", "units": "nats"},
    only="gradient",
    source="Mnih and Gregor 2014, section 2.2, arXiv:1402.0030v2",
    edges=edges,
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


def _score_by_probability(value, logits):
    """d log Bernoulli / d logits by way of the probability: (v / p - (1 - v) / (1 - p)) p (1 - p)."""
    p = sigmoid(logits)
    return (value / p - (1.0 - np.asarray(value)) / (1.0 - p)) * p * (1.0 - p)


@gradient.mistake(**SHARED["log-of-sigmoid"], of="gradient")
def _(**inputs):
    p, z, prior, logits = at(**inputs), inputs["z"], inputs["prior_logits"], inputs["logits"]
    reward = {
        "likelihood": by_probability(inputs["x"], p.activations),
        "prior": by_probability(z, prior),
        "entropy": -by_probability(z, logits),
    }
    p = p._replace(
        residual=_score_by_probability(inputs["x"], p.activations),
        score=_score_by_probability(z, logits),
        prior_score=_score_by_probability(z, prior),
    )
    return pull(p, reward)
