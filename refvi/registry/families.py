"""Evidence for the two basic families: quadrature for normals, enumeration for Bernoulli variables, differences."""

import math

import numpy as np

from refvi.families import diagonal_normal, factorised_bernoulli
from refvi.laws import family
from refvi.laws.compare import compare, rounding
from refvi.laws.gradient import gradient_is_derivative
from refvi.laws.outcome import combine
from refvi.oracles import enumeration, quadrature
from refvi.registry.entry import Entry, Evidence
from refvi.registry.sigmoid_belief import ALL, DIFFERENCES


def _values(rng, *shape):
    return rng.integers(-6000, 6000, shape) / 4096.0


def normal_log_density(phi, z):
    """Independent log density, by standard deviations."""
    std = np.sqrt(np.exp(phi.log_var))
    return math.fsum(-np.log(std * math.sqrt(2.0 * math.pi)) - ((z - phi.mean) / std) ** 2 / 2.0)


def bernoulli_log_mass(phi, h):
    """Independent log mass, by odds."""
    odds = np.exp(phi.logits)
    return math.fsum(np.log(np.where(np.asarray(h) == 1.0, odds, 1.0) / (1.0 + odds)))


def check_normal(quick=True, target="python"):
    """Density, score, mass, entropy, divergence and path of independent normals."""
    outcomes = []
    for seed in range(1 if quick else 6):
        rng = np.random.default_rng(seed)
        phi = diagonal_normal.DiagonalNormal(_values(rng, 2), _values(rng, 2))
        other = diagonal_normal.DiagonalNormal(_values(rng, 2), _values(rng, 2))
        z, noise, grad_z = _values(rng, 3, 2), _values(rng, 3, 2), _values(rng, 3, 2)
        found = diagonal_normal.log_q(phi, z, target)
        for k in range(3):
            wanted = normal_log_density(phi, z[k])
            size = 8.0 + abs(wanted) + float(((z[k] - phi.mean) ** 2 / np.exp(phi.log_var)).sum())
            outcomes.append(
                compare("value", wanted, found.log_q[k], rounding(size), "log_q of diagonal_normal")
            )
            score = {
                "z": found.grad_z[k],
                "phi": diagonal_normal.DiagonalNormal(*(f[k] for f in found.score)),
            }
            outcomes.append(
                gradient_is_derivative(
                    lambda p: normal_log_density(p["phi"], p["z"]),
                    lambda _, score=score: score,
                    {"z": z[k], "phi": phi},
                    name="grad log_q of diagonal_normal",
                )
            )
        outcomes += _normal_path(phi, noise, grad_z, target)
        outcomes += _normal_expectations(phi, other)
    return combine("density, score, path, entropy and divergence", outcomes)


def _normal_path(phi, noise, grad_z, target):
    """Samples and their path derivatives."""

    def drawn(p, e):
        return p.mean + np.sqrt(np.exp(p.log_var)) * e

    samples = diagonal_normal.sample(phi, noise, target)
    size = rounding(np.abs(phi.mean) + np.abs(samples) + 1.0)
    yield compare("sample", drawn(phi, noise), samples, size, "sample of diagonal_normal")
    found = diagonal_normal.path_gradient(phi, noise, grad_z, target)
    for k in range(len(noise)):
        back = diagonal_normal.DiagonalNormal(*(field[k] for field in found))
        yield gradient_is_derivative(
            lambda p, k=k: float(grad_z[k] @ drawn(p, noise[k])),
            lambda _, back=back: back,
            phi,
            name="path gradient of diagonal_normal",
        )


def _normal_expectations(phi, other):
    """Entropy and divergence as expectations, and their gradients by differences."""
    total = quadrature.space(phi.mean, np.exp(phi.log_var), 8, 5)

    def log_q(z):
        return normal_log_density(phi, z)

    value, grad = diagonal_normal.entropy(phi)
    yield family.entropy_is_expectation(value, log_q, total, name="entropy of diagonal_normal")
    yield gradient_is_derivative(
        lambda p: 0.5 * float(np.log(2.0 * math.pi * math.e * np.exp(p.log_var)).sum()),
        lambda _: grad,
        phi,
        name="grad entropy of diagonal_normal",
    )
    value, grad_q, grad_p = diagonal_normal.kl(phi, other)
    yield family.divergence_is_expectation(
        value, log_q, lambda z: normal_log_density(other, z), total, name="kl of diagonal_normal"
    )

    def divergence(p):
        q, r = p["q"], p["p"]
        ratio = np.exp(q.log_var - r.log_var)
        return 0.5 * float((ratio - np.log(ratio) - 1.0 + (q.mean - r.mean) ** 2 / np.exp(r.log_var)).sum())

    yield gradient_is_derivative(
        divergence,
        lambda _: {"q": grad_q, "p": grad_p},
        {"q": phi, "p": other},
        name="grad kl of diagonal_normal",
    )


def check_bernoulli(quick=True, target="python"):
    """Mass, score, samples, entropy and divergence of independent Bernoulli variables."""
    states = enumeration.binary_states(3).astype(float)
    total, outcomes = enumeration.total(states), []
    for seed in range(1 if quick else 6):
        rng = np.random.default_rng(seed)
        phi, other = (factorised_bernoulli.FactorisedBernoulli(_values(rng, 3)) for _ in range(2))
        found = factorised_bernoulli.log_q(phi, states, target)
        table = {
            tuple(h): (log, s) for h, log, s in zip(states, found.log_q, found.score.logits, strict=True)
        }

        def log_q(h, table=table):
            return table[tuple(h)][0]

        def score(h, table=table):
            return factorised_bernoulli.FactorisedBernoulli(table[tuple(h)][1])

        for h in states:
            wanted = bernoulli_log_mass(phi, h)
            outcomes.append(
                compare(
                    "value", wanted, log_q(h), rounding(4.0 + abs(wanted)), "log_q of factorised_bernoulli"
                )
            )
            outcomes.append(
                gradient_is_derivative(
                    lambda p, h=h: bernoulli_log_mass(p, h),
                    lambda _, h=h, score=score: score(h),
                    phi,
                    name="score of factorised_bernoulli",
                )
            )
        outcomes += [
            family.mass_is_one(log_q, total, name="factorised_bernoulli"),
            family.score_has_mean_zero(score, log_q, total, name="score of factorised_bernoulli"),
            *_bernoulli_expectations(phi, other, total),
            _bernoulli_samples(phi, target),
        ]
    return combine("mass, score, samples, entropy and divergence", outcomes)


def _bernoulli_samples(phi, target):
    """The share of a grid of uniforms that gives one is the probability, to half the width of the grid."""
    count = 512
    grid = np.tile(((np.arange(count) + 0.5) / count)[:, None], (1, len(phi.logits)))
    share = factorised_bernoulli.sample(phi, grid, target).mean(axis=0)
    wanted = np.round(count / (1.0 + np.exp(-phi.logits))) / count
    return compare("sample", wanted, share, rounding(np.ones(3)), "samples of factorised_bernoulli")


def _bernoulli_expectations(phi, other, total):
    """Entropy and divergence as expectations, and their gradients by differences."""
    states = enumeration.binary_states(len(phi.logits)).astype(float)
    value, grad = factorised_bernoulli.entropy(phi)
    log_q = _of(phi)
    yield family.entropy_is_expectation(value, log_q, total, name="entropy of factorised_bernoulli")
    yield gradient_is_derivative(
        lambda p: -math.fsum(math.exp(_of(p)(h)) * _of(p)(h) for h in states),
        lambda _: grad,
        phi,
        name="grad entropy of factorised_bernoulli",
    )
    value, grad_q, grad_p = factorised_bernoulli.kl(phi, other)
    yield family.divergence_is_expectation(value, log_q, _of(other), total, name="kl of factorised_bernoulli")
    yield gradient_is_derivative(
        lambda p: math.fsum(math.exp(_of(p["q"])(h)) * (_of(p["q"])(h) - _of(p["p"])(h)) for h in states),
        lambda _: {"q": grad_q, "p": grad_p},
        {"q": phi, "p": other},
        name="grad kl of factorised_bernoulli",
    )


def _of(phi):
    return lambda h: bernoulli_log_mass(phi, h)


ENTRIES = [
    Entry("families.diagonal_normal", "family", "core", diagonal_normal),
    Entry("families.factorised_bernoulli", "family", "core", factorised_bernoulli),
]

EVIDENCE = [
    Evidence(
        "core",
        "families.diagonal_normal",
        "density, score, path derivative, entropy and divergence",
        f"8·u·S and the quadrature's own error; {DIFFERENCES}",
        check_normal,
        ALL,
    ),
    Evidence(
        "core",
        "families.factorised_bernoulli",
        "mass one, score, samples, entropy and divergence",
        f"8·u·S; {DIFFERENCES}",
        check_bernoulli,
        ALL,
    ),
]
