"""Pyro's exact enumeration: `TraceEnum_ELBO` with an empty guide, every hidden unit enumerated in parallel."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import TraceEnum_ELBO, config_enumerate


def start(threads):
    """Double precision and a number of threads; distributions do not check their arguments."""
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    pyro.enable_validation(False)


def _negative_evidence(problem):
    x, (W, b, c) = torch.from_numpy(problem.x[0]), (torch.from_numpy(a) for a in problem[1:])
    K = c.numel()

    @config_enumerate
    def model(W, b, c):
        logit = b
        for k in range(K):
            h = pyro.sample(f"h{k}", dist.Bernoulli(logits=c[k]))
            logit = logit + h[..., None] * W[:, k] if h.dim() else logit + h * W[:, k]
        pyro.sample("x", dist.Bernoulli(logits=logit).to_event(1), obs=x)

    elbo = TraceEnum_ELBO(max_plate_nesting=0)
    return elbo, model, (W, b, c)


def evidence(problem):
    """Log evidence of one datum."""
    elbo, model, given = _negative_evidence(problem)

    def guide(*_):
        pass

    @torch.no_grad()
    def call():
        return (-elbo.loss(model, guide, *given),)

    return call


def gradient(problem):
    """Log evidence of one datum and its gradient."""
    elbo, model, given = _negative_evidence(problem)

    def guide(*_):
        pass

    def call():
        W, b, c = (a.clone().requires_grad_() for a in given)
        value = -elbo.differentiable_loss(model, guide, W, b, c)
        value.backward()
        return value.detach().numpy(), W.grad.numpy(), b.grad.numpy(), c.grad.numpy()

    return call


PREPARE = {"evidence": evidence, "gradient": gradient}
