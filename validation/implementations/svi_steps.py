"""Minibatches of stochastic variational inference, and what variational Bayes takes for the logarithm of a probability."""

import numpy as np
from scipy.special import digamma

import refvi

# ---- minibatches


@refvi.implements("svi.minibatch_objective")
def scaled(local_elbo, global_kl, total):
    """Right: the data scaled to all of them, the global divergence once."""
    return total / len(local_elbo) * np.sum(local_elbo) - global_kl


@refvi.implements("svi.minibatch_objective", sign="negative")
def scaled_mean(local_elbo, global_kl, total):
    """Right, with its gradients."""
    value = global_kl - total * np.mean(local_elbo)
    return value, {
        "local_elbo": np.full(len(local_elbo), -total / len(local_elbo)),
        "global_kl": np.ones(()),
    }


# Seen in tachukao/mgplvm-pytorch#19 and pymc-devs/pymc#1287: the prior is fitted, the data hardly count.
@refvi.implements("svi.minibatch_objective", expect="minibatch-scale-missing")
def not_scaled(local_elbo, global_kl, total):
    return local_elbo.sum() - global_kl


# Seen in tensorflow/probability#1304: a weight on the divergence; with batches of different sizes it is biased.
@refvi.implements("svi.minibatch_objective", expect="minibatch-kl-by-fraction")
def divergence_shared_out(local_elbo, global_kl, total):
    return local_elbo.sum() - len(local_elbo) / total * global_kl


# Seen in pyro-ppl/pyro#531: both factors of the surrogate bring the scale along.
@refvi.implements("svi.minibatch_objective", expect="minibatch-scale-squared")
def scaled_twice(local_elbo, global_kl, total):
    scale = total / len(local_elbo)
    return scale * (scale * local_elbo).sum() - global_kl


# Seen in pyro-ppl/pyro#2611 (review): the last batch makes N / B no whole number.
@refvi.implements("svi.minibatch_objective", expect="minibatch-integer-division")
def whole_batches(local_elbo, global_kl, total):
    return total // len(local_elbo) * local_elbo.sum() - global_kl


# ---- held-out documents of a topic model


@refvi.implements("svi.held_out_bound_per_word")
def bound_per_word(local_elbo, words, global_kl, train_words):
    """Right."""
    return local_elbo.sum() / words.sum() - global_kl / train_words


# Seen in scikit-learn/scikit-learn#20032: the topics' part over the words of the test set.
@refvi.implements("svi.held_out_bound_per_word", sign="negative", expect="lda-test-normaliser")
def log_perplexity(local_elbo, words, global_kl, train_words):
    return -(local_elbo.sum() - global_kl) / words.sum()


# Not public, derived: document by document, then averaged.
@refvi.implements("svi.held_out_bound_per_word", expect="mean-of-documents")
def documents_count_alike(local_elbo, words, global_kl, train_words):
    return (local_elbo / words).mean() - global_kl / train_words


# ---- variational Bayes


@refvi.implements("vb.dirichlet_expected_log")
def expected_log(concentration):
    """Right."""
    return digamma(concentration) - digamma(concentration.sum(axis=1, keepdims=True))


# Seen in cangermueller/varinf#1: the logarithm of the parameter where its expected logarithm belongs.
@refvi.implements("vb.dirichlet_expected_log", expect="vb-dirichlet-e-log-pi")
def log_of_parameter(concentration):
    return np.log(concentration)


# Not public, derived: a point estimate's logarithm.
@refvi.implements("vb.dirichlet_expected_log", expect="vb-log-of-mean")
def log_of_mean(concentration):
    return np.log(concentration / concentration.sum(axis=1, keepdims=True))


# Not public, derived: the digamma function of the sum is missing, so nothing is normalised.
@refvi.implements("vb.dirichlet_expected_log", batch="sum", expect="vb-total-digamma-missing")
def own_part_only(concentration):
    return digamma(concentration).sum(axis=0)
