"""Mixtures from tables of log densities: evidence, responsibilities, Q, Fisher's score and the bound of EM."""

import numpy as np
from scipy.special import logsumexp, softmax, xlogy

import refvi

# ---- evidence


@refvi.implements("mixture.log_evidence")
def weighted_sum_of_exponentials(weights, log_density):
    """Right, with its gradients: the largest term is taken out before the exponential."""
    top = log_density.max(axis=1, keepdims=True)
    scaled = np.exp(log_density - top)
    total = scaled @ weights
    return np.log(total) + top[:, 0], {
        "weights": (scaled / total[:, None]).sum(0),
        "log_density": scaled * weights / total[:, None],
    }


@refvi.implements("mixture.log_evidence", sign="negative", batch="mean")
def score_samples(weights, log_density):
    """Right: the mean negative log likelihood."""
    return -logsumexp(log_density, axis=1, b=weights).mean()


# Seen in astroML/astroML#58: the components count alike, each with weight one.
@refvi.implements("mixture.log_evidence", expect="mixing-weights-omitted")
def without_weights(weights, log_density):
    return logsumexp(log_density, axis=1)


# Seen in breze-no-salt/breze#85, there over samples and data: the axis is the wrong one.
@refvi.implements("mixture.log_evidence", batch="sum", expect="lse-over-batch")
def over_data(weights, log_density):
    return logsumexp(log_density + np.log(weights), axis=0).sum()


# Seen in JavierAntoran/Bayesian-Neural-Networks#15: a plus sign between weight and density.
@refvi.implements("mixture.log_evidence", expect="mixing-weights-added")
def plus_for_times(weights, log_density):
    return np.log((weights + np.exp(log_density)).sum(axis=1))


# Seen in rust-ml/linfa#443 and microsoft/knossos-ksc#523: the densities of unlikely data vanish together.
@refvi.implements("mixture.log_evidence", expect="lse-without-max")
def exponentials_as_they_are(weights, log_density):
    return np.log(np.exp(log_density) @ weights)


# ---- responsibilities


@refvi.implements("mixture.responsibilities")
def e_step(weights, log_density):
    """Right: a softmax over the components."""
    return softmax(np.log(weights) + log_density, axis=1)


# Not public, derived: keepdims and the axis of the sum do not fit each other.
@refvi.implements("mixture.responsibilities", expect="responsibilities-over-data")
def sum_over_rows(weights, log_density):
    log_joint = np.log(weights) + log_density
    return np.exp(log_joint - logsumexp(log_joint, axis=0))


# Not public, derived: the counts of k-means in place of probabilities.
@refvi.implements("mixture.responsibilities", expect="responsibilities-hard")
def labels(weights, log_density):
    found = np.zeros_like(log_density)
    found[np.arange(len(found)), np.argmax(log_density + np.log(weights), axis=1)] = 1
    return found


# Not public, derived: joint densities go into the M step without their sum.
@refvi.implements("mixture.responsibilities", expect="responsibilities-unnormalised")
def not_divided(weights, log_density):
    return weights * np.exp(log_density)


# ---- what EM climbs


@refvi.implements("em.q_function")
def expected_complete_data(log_joint, responsibilities):
    """Right, with its gradients."""
    value = np.einsum("bc,bc->b", responsibilities, log_joint)
    return value, {"log_joint": responsibilities, "responsibilities": log_joint}


# Not public, derived: called Q, but it is the bound; its maximum is the same, its value is not.
@refvi.implements("em.q_function", expect="q-with-entropy")
def bound_for_q(log_joint, responsibilities):
    return (responsibilities * log_joint - xlogy(responsibilities, responsibilities)).sum(1)


# Not public, derived: the responsibilities are computed anew inside Q, so that theta' moves with theta.
@refvi.implements("em.q_function", expect="q-under-new-posterior")
def posterior_inside(log_joint, responsibilities):
    return (softmax(log_joint, axis=1) * log_joint).sum(1)


@refvi.implements("em.evidence_score")
def fisher(log_joint, score):
    """Right."""
    return np.einsum("bc,bcp->p", softmax(log_joint, axis=1), score)


# Not public, derived: hard EM's gradient, that of the best component.
@refvi.implements("em.evidence_score", expect="score-of-best-component")
def best_component(log_joint, score):
    return score[np.arange(len(score)), log_joint.argmax(1)].sum(0)


# Not public, derived: exponentials without their sum are no posterior.
@refvi.implements("em.evidence_score", expect="score-unnormalised")
def joint_for_posterior(log_joint, score):
    return np.einsum("bc,bcp->p", np.exp(log_joint), score)


@refvi.implements("em.elbo")
def free_energy(log_joint, q):
    """Right: with 0 log 0 = 0."""
    return (q * log_joint).sum(1) - xlogy(q, q).sum(1)


# Not public, derived: the entropy has the sign that it has in a free energy to be minimised.
@refvi.implements("em.elbo", expect="entropy-sign")
def entropy_subtracted(log_joint, q):
    return (q * log_joint).sum(1) + xlogy(q, q).sum(1)


# Not public, derived: the expected log joint is called the bound.
@refvi.implements("em.elbo", sign="negative", batch="sum", expect="entropy-missing")
def without_entropy(log_joint, q):
    return -(q * log_joint).sum()
