"""PyTorch's gradient of the plain sum with the whole graph in memory: the fastest eager gradient, as long as it fits."""

import torch

from refvi.bench.peers import torch_plain
from refvi.bench.peers.torch_plain import log_joint

start = torch_plain.start


def gradient(problem):
    """Log evidence of each datum and the gradient of their sum."""
    K = problem.W.shape[1]
    x = torch.from_numpy(problem.x)

    def call():
        W, b, c = (torch.from_numpy(a).clone().requires_grad_() for a in problem[1:])
        h = (torch.arange(1 << K)[:, None] >> torch.arange(K) & 1).to(W.dtype)
        value = torch.logsumexp(log_joint(h, x, W, b, c), 0)
        value.sum().backward()
        return value.detach().numpy(), W.grad.numpy(), b.grad.numpy(), c.grad.numpy()

    return call


PREPARE = {"gradient": gradient}
