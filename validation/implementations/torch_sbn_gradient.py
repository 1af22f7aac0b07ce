"""PyTorch: score-function surrogates of a sigmoid belief network's ELBO."""

import torch
from torch.distributions import Bernoulli

import refvi


def parts(x, z, logits, weights, bias, prior_logits):
    """Log p(x, z) and log q(z | x), both (K, B)."""
    log_p = Bernoulli(logits=z @ weights.T + bias).log_prob(x).sum(-1)
    log_p = log_p + Bernoulli(logits=prior_logits).log_prob(z).sum(-1)
    return log_p, Bernoulli(logits=logits).log_prob(z).sum(-1)


@refvi.implements("sbn.elbo_gradient")
def reward_detached(x, z, logits, weights, bias, prior_logits):
    """Right: detached reward times log q, plus log p for the model."""
    log_p, log_q = parts(x, z, logits, weights, bias, prior_logits)
    return ((log_p - log_q).detach() * log_q + log_p).mean(0)


# Seen in batra-mlp-lab/visdial-rl#13: the reward is not detached.
@refvi.implements("sbn.elbo_gradient", expect="reward-not-detached-alone")
def reward_in_the_graph(x, z, logits, weights, bias, prior_logits):
    log_p, log_q = parts(x, z, logits, weights, bias, prior_logits)
    return ((log_p - log_q) * log_q).mean(0)


# Seen in NVIDIA-NeMo/RL#2506 and huggingface/trl#4967: the sampled bound is differentiated as if samples did not move.
@refvi.implements("sbn.elbo_gradient", sign="negative", batch="mean", expect="kl-in-loss-no-score-term")
def no_score(x, z, logits, weights, bias, prior_logits):
    log_p, log_q = parts(x, z, logits, weights, bias, prior_logits)
    return (log_q - log_p).mean()


@refvi.implements("score.gradient_leave_one_out")
def rloo(z, f, logits):
    """Right: surrogate with the others' mean."""
    log_q = Bernoulli(logits=logits).log_prob(z).sum(-1)
    baseline = (f.sum(0, keepdim=True) - f) / (len(f) - 1)
    return torch.mean((f - baseline) * log_q, dim=0)


# Not public, derived: probabilities instead of logits, so that 1 - p has lost its digits where p is near one.
@refvi.implements("sbn.elbo_gradient", expect="log-of-sigmoid")
def from_probabilities(x, z, logits, weights, bias, prior_logits):
    log_p = Bernoulli(probs=torch.sigmoid(z @ weights.T + bias)).log_prob(x).sum(-1)
    log_p = log_p + Bernoulli(probs=torch.sigmoid(prior_logits)).log_prob(z).sum(-1)
    log_q = Bernoulli(probs=torch.sigmoid(logits)).log_prob(z).sum(-1)
    return ((log_p - log_q).detach() * log_q + log_p).mean(0)
