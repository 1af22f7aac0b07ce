"""PyTorch: evidence of mixtures and of hidden Markov models; gradients by autograd."""

import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import refvi

# ---- right ones


@refvi.implements("gmm.log_evidence")
def same_family(x, weights, means, cholesky):
    components = MultivariateNormal(means, scale_tril=torch.tril(cholesky))
    return MixtureSameFamily(Categorical(weights), components).log_prob(x)


@refvi.implements("gmm.log_evidence", sign="negative", batch="mean")
def by_cholesky(x, weights, means, cholesky):
    centred = (x.unsqueeze(1) - means).unsqueeze(-1)
    z = torch.linalg.solve_triangular(cholesky, centred, upper=False).squeeze(-1)
    half_log_det = torch.diagonal(cholesky, dim1=-2, dim2=-1).log().sum(-1)
    log_2_pi = torch.log(torch.tensor(2 * torch.pi, dtype=x.dtype))
    scores = -0.5 * (z**2).sum(-1) - half_log_det - 0.5 * x.shape[1] * log_2_pi
    return -torch.logsumexp(weights.log() + scores, dim=1).mean()


@refvi.implements("mixture.log_evidence")
def log_sum_exp(weights, log_density):
    return torch.logsumexp(weights.log() + log_density, dim=-1)


@refvi.implements("hmm.log_evidence", sign="negative")
def forward_algorithm(initial, transition, log_density):
    """Autograd through the recursion is the backward recursion."""
    alpha = initial.log() + log_density[0]
    for b in log_density[1:]:
        alpha = torch.logsumexp(alpha.unsqueeze(1) + transition.log(), dim=0) + b
    return -torch.logsumexp(alpha, dim=0)


# ---- wrong ones


@refvi.implements("gmm.log_evidence", expect="mixing-weights-as-logits")
def probabilities_for_logits(x, weights, means, cholesky):
    """As in tensorflow/probability#1727: the first argument is the logits there, the probabilities here."""
    components = MultivariateNormal(means, scale_tril=torch.tril(cholesky))
    return MixtureSameFamily(Categorical(logits=weights), components).log_prob(x)


@refvi.implements("mixture.log_evidence", expect="mixture-mean-of-logs")
def expectation_of_logs(weights, log_density):
    """As in arahuja/generative-tf#1, there over samples."""
    return (weights * log_density).sum(-1)


@refvi.implements("hmm.log_evidence", expect="transition-transposed")
def sum_over_the_wrong_axis(initial, transition, log_density):
    alpha = initial.log() + log_density[0]
    for b in log_density[1:]:
        alpha = torch.logsumexp(alpha + transition.log(), dim=1) + b
    return torch.logsumexp(alpha, dim=0)


@refvi.implements("em.elbo", expect="elbo-gradient-without-entropy")
def entropy_detached(log_joint, q):
    """The value is right; q's gradient misses what came from the entropy."""
    return (q * log_joint).sum(-1) - torch.xlogy(q, q).sum(-1).detach()
