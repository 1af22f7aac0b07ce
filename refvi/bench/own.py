"""The contender that is ours: `refvi.fast`."""

from itertools import count

import numpy as np

from refvi import fast

THREADS = 1


def start(threads):
    """How many threads a call may use."""
    globals()["THREADS"] = threads


def evidence(problem):
    """Log evidence of each datum."""
    return lambda: (fast.log_evidence(*problem, threads=THREADS),)


def gradient(problem):
    """Log evidence of each datum, and the gradient of their sum in W, b and c."""
    return lambda: tuple(fast.log_evidence_gradient(*problem, threads=THREADS))


def reinforce(problem):
    """Value and gradients of the ELBO by the score function."""
    return _samples(problem, "score_function")


def leave_one_out(problem):
    """The same with the other samples of a group as baseline."""
    return _samples(problem, "leave_one_out")


def _samples(problem, estimator):
    from refvi.fast.estimator_samples import elbo_gradient_samples

    (x, W, b, c), logits, samples = problem.network, problem.logits, problem.samples
    seeds = count(problem.seed)

    def call():
        found = elbo_gradient_samples(
            x[0], W, b, c, logits, samples, estimator, group=problem.group, seed=next(seeds), threads=THREADS
        )
        return found.grad_logits, found.grad_W, found.grad_b, found.grad_c

    return call


def iwae(problem):
    """Sum over data of the importance-weighted bound, and its gradient in every parameter."""
    from refvi.fast.batched_vae import iwae_step
    from refvi.models.gaussian_vae import Decoder, Encoder

    phi = Encoder(*problem[2:8])
    theta = Decoder(*problem[8:], np.zeros(problem.out_bias.size))

    def call():
        found = iwae_step(problem.x, theta, phi, problem.noise, threads=THREADS)
        return (found.bound.sum(), *found.grad_phi, *found.grad_theta[:4])

    return call


PREPARE = {
    "evidence": evidence,
    "gradient": gradient,
    "reinforce": reinforce,
    "leave-one-out": leave_one_out,
    "iwae": iwae,
}
