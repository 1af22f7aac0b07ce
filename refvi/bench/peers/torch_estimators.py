"""PyTorch: score-function estimates of an ELBO's gradient, from drawing the samples to the gradient of every parameter."""

from functools import partial

import torch
from torch.nn import functional


def estimate(problem, leave_one_out):
    """A call that draws samples and estimates the gradient in the logits of q, and in W, b and c.

    leave_one_out   the baseline is the mean of the other samples of a group; otherwise there is none
    """
    x, W, b, c = (torch.from_numpy(a) for a in problem.network)
    logits, samples, group = torch.from_numpy(problem.logits), problem.samples, problem.group
    torch.manual_seed(problem.seed)

    @torch.no_grad()
    def call():
        q = torch.sigmoid(logits)
        h = (torch.rand(samples, logits.numel()) < q).to(torch.float64)
        logit = torch.addmm(b, h, W.T)
        f = h @ (c - logits) + logit @ x[0] - functional.softplus(logit).sum(1)
        f += functional.softplus(logits).sum() - functional.softplus(c).sum()
        if leave_one_out:
            f = f.view(-1, group)
            f = ((f - f.mean(1, keepdim=True)) * (group / (group - 1.0))).flatten()
        phi = f @ (h - q) / samples
        residual = x[0] - torch.sigmoid(logit)
        grad_W, grad_b = residual.T @ h / samples, residual.mean(0)
        return phi.numpy(), grad_W.numpy(), grad_b.numpy(), (h.mean(0) - torch.sigmoid(c)).numpy()

    return call


ESTIMATES = {
    "reinforce": partial(estimate, leave_one_out=False),
    "leave-one-out": partial(estimate, leave_one_out=True),
}
