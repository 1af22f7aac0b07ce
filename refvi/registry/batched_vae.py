"""Evidence for the batched autoencoder: the plain kernels, sample by sample, on the networks of the plain model's rows."""

import numpy as np

from refvi.fast import batched_vae
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import gaussian_vae as plain
from refvi.models.parameters import flat
from refvi.registry import gaussian_vae_reference as reference
from refvi.registry.entry import Entry, Evidence


def check_step(quick=True, target="python"):
    """Importance-weighted bound and gradients against the plain kernels."""
    return _check(plain.iwae, batched_vae.iwae_step, quick, target)


def check_elbo_step(quick=True, target="python"):
    """ELBO and gradients against the plain kernels, with the divergence in closed form."""
    return _check(plain.elbo, batched_vae.elbo_step, quick, target)


def _check(plain_bound, step, quick, target):
    """Bound and gradients against the plain kernels; the Gram route too where the likelihood is Gaussian.

    Tolerance   of a gradient entry: 8 u times the data's magnitudes of that entry, each multiplied by the magnitude of
                the log weights, since a weight is off by as many units as its logarithm has
    """
    outcomes = []
    for seed in range(1 if quick else 4):
        for options in reference.CONFIGURATIONS.values():
            x, theta, phi, noise = reference.network(seed, **options)
            parts = [
                plain_bound(x[n : n + 1], theta, phi, noise[n : n + 1], target=target) for n in range(len(x))
            ]
            sizes = [reference.importance_weighted(x[n], theta, phi, noise[n])[1] for n in range(len(x))]
            grads = [np.concatenate([flat(part.grad_theta), flat(part.grad_phi)]) for part in parts]
            reach = sum(size * (np.abs(g) + np.abs(g).max()) for size, g in zip(sizes, grads, strict=True))
            for method in ("direct", "gram") if theta.log_std.size else ("direct",):
                found = step(x, theta, phi, noise, method=method)
                for n, part in enumerate(parts):
                    case = compare("bound", part.bound[0], found.bound[n], rounding(sizes[n]), method)
                    outcomes.append(case)
                got = np.concatenate([flat(found.grad_theta), flat(found.grad_phi)])
                outcomes += [
                    compare("gradient", a, b, rounding(s), f"{method}, entry {i}")
                    for i, (a, b, s) in enumerate(zip(sum(grads), got, reach, strict=True))
                ]
    return combine("batched step is the plain one", outcomes)


STEP = "batched step is the plain one"
COMPILER = ("cpu",)  # always compiled: left out of the quick verification
ENTRIES = [
    Entry("fast.iwae_step", "objective", "fast", batched_vae.iwae_step),
    Entry("fast.elbo_step", "objective", "fast", batched_vae.elbo_step),
]
EVIDENCE = [
    Evidence(
        "fast",
        "fast.iwae_step",
        STEP,
        "8·u·S of values, times the magnitude of a log weight",
        check_step,
        COMPILER,
    ),
    Evidence("fast", "fast.elbo_step", STEP, "8·u·S of values and gradients", check_elbo_step, COMPILER),
]
