"""Evidence for the Gaussian variational autoencoder: another program, differences, Gauss-Hermite, the closed form."""

import math

import numpy as np

from refvi.estimators import pathwise
from refvi.laws import gradient
from refvi.laws.compare import Tolerance, at_most, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import LAW, check_target_agreement
from refvi.models import gaussian_vae as vae
from refvi.models.gaussian_vae import bounds, linear, networks
from refvi.models.gaussian_vae.sample import workspace_size
from refvi.models.parameters import flat, size
from refvi.oracles import closed_form, enumeration
from refvi.oracles.trees import leaves
from refvi.registry import gaussian_vae_reference as reference
from refvi.registry.entry import Entry, Evidence
from refvi.registry.sigmoid_belief import ALL, DIFFERENCES, SAME_BITS
from refvi.targets import get_target


def _cases(quick):
    """Data, parameters and noise of every configuration; quick: one datum."""
    for seed in range(1 if quick else 4):
        for options in reference.CONFIGURATIONS.values():
            x, theta, phi, noise = reference.network(seed, **options)
            count = 1 if quick else len(x)
            yield x[:count], theta, phi, noise[:count]


def _gradients(found):
    return {"theta": found.grad_theta, "phi": found.grad_phi}


def check_log_joint(quick=True, target="python"):
    """Plain and fused log joint against the other program; gradients in z and theta by differences."""
    outcomes = []
    for x, theta, _, noise in _cases(quick):
        z = noise[:, 0]
        found, plain = vae.log_joint_and_grad(z, x, theta, target), vae.log_joint(z, x, theta)
        for n in range(len(x)):
            terms = reference.log_joint_terms(z[n : n + 1], x[n], theta)
            size = rounding(1.0 + np.abs(terms).sum())
            for value, name in ((plain[n], "log_joint"), (found.log_joint[n], "fused log_joint")):
                outcomes.append(compare("value", math.fsum(terms[0]), value, size, name))

        def total(p, x=x):
            return math.fsum(reference.log_joint(a, b, p["theta"]) for a, b in zip(p["z"], x, strict=True))

        def claimed(_, found=found):
            return {"z": found.grad_z, "theta": found.grad_theta}

        outcomes.append(
            gradient.gradient_is_derivative(total, claimed, {"z": z, "theta": theta}, name="grad log_joint")
        )
    return combine("log joint and its gradients", outcomes)


def check_elbo(quick=True, target="python"):
    """All three forms with given noise: value against the other program, pathwise gradients by differences."""
    outcomes = []
    for case, (x, theta, phi, noise) in enumerate(_cases(quick)):
        for form in [tuple(vae.FORMS)[case]] if quick else vae.FORMS:
            found = vae.elbo(x, theta, phi, noise, form, target=target)
            for n in range(len(x)):
                value, size = reference.sampled(x[n], theta, phi, noise[n], form)
                outcomes.append(compare("value", value, found.bound[n], rounding(size), f"elbo, form {form}"))

            def total(p, x=x, noise=noise, form=form):
                return math.fsum(
                    reference.sampled(a, p["theta"], p["phi"], b, form)[0]
                    for a, b in zip(x, noise, strict=True)
                )

            outcomes.append(
                gradient.gradient_is_derivative(
                    total,
                    lambda _, found=found: _gradients(found),
                    {"theta": theta, "phi": phi},
                    name=f"grad elbo, form {form},",
                )
            )
    return combine("the three forms of the ELBO and their pathwise gradients", outcomes)


def check_iwae(quick=True, target="python"):
    """Importance-weighted bound with given noise, its pathwise gradient, and one sample is the ELBO."""
    outcomes = []
    for x, theta, phi, noise in _cases(quick):
        found = vae.iwae(x, theta, phi, noise, target)
        logs = vae.log_weights(x, theta, phi, noise, target)
        for n in range(len(x)):
            value, size = reference.importance_weighted(x[n], theta, phi, noise[n])
            outcomes.append(compare("value", value, found.bound[n], rounding(size), "iwae"))
            wanted, sizes = reference.log_weights(x[n], theta, phi, noise[n])
            outcomes.append(compare("value", wanted, logs[n], rounding(1.0 + sizes), "log_weights"))

        def total(p, x=x, noise=noise):
            return math.fsum(
                reference.importance_weighted(a, p["theta"], p["phi"], b)[0]
                for a, b in zip(x, noise, strict=True)
            )

        outcomes.append(
            gradient.gradient_is_derivative(
                total,
                lambda _, found=found: _gradients(found),
                {"theta": theta, "phi": phi},
                name="grad iwae",
            )
        )
        one, elbo = (
            vae.iwae(x, theta, phi, noise[:, :1], target),
            vae.elbo(x, theta, phi, noise[:, :1], "joint", target=target),
        )
        size = rounding(64.0 + np.abs(flat(elbo.grad_phi)).max() + np.abs(elbo.bound).max())
        outcomes.append(compare("one sample is the ELBO", elbo, one, size, "iwae with K=1"))
    return combine("importance-weighted bound and its pathwise gradient", outcomes)


def _matches_exact_gradient(seed, found, name):
    """A gradient against the differences of the exact ELBO."""
    answer = reference.exact_gradient(seed)
    size = {path: 4.0 * leaf for path, leaf in leaves(answer.error)}
    tolerance = Tolerance(size, "4 times the error estimate of the differences")
    return compare("mean", answer.value, _gradients(found), tolerance, name)


def check_quadrature(quick=True, target="python"):
    """All three forms have the same mean, the exact ELBO, and its gradient, by Gauss-Hermite."""
    outcomes = []
    nodes, weights = reference.rule(80)
    for seed in range(1 if quick else 3):
        (x, *_), theta, phi = reference.smooth_network(seed)
        (value, size), (coarse, _) = (reference.exact(x, theta, phi, order) for order in (120, 80))
        tolerance = rounding(size)
        tolerance = Tolerance(
            tolerance.size[""] + abs(value - coarse), "8·u·S + the distance between 80 and 120 nodes"
        )
        for form in vae.FORMS:
            found = vae.elbo(x[None], theta, phi, nodes, form, sample_weights=weights, target=target)
            outcomes.append(compare("mean", value, found.bound[0], tolerance, f"E elbo, form {form}"))
            outcomes.append(_matches_exact_gradient(seed, found, f"grad of E elbo, form {form},"))
    return combine("every form has the exact ELBO as its mean", outcomes)


def check_linear(quick=True, target="python"):
    """Closed form of the linear decoder: value by the evidence less a divergence, gradients, side, tightness."""
    outcomes = []
    for seed in range(1 if quick else 8):
        x, theta, phi, _ = reference.network(seed, latent=2, hidden=0)
        found = vae.linear_elbo(x, theta, phi, target)
        noise = np.exp(theta.log_std) ** 2
        model = (theta.weights_out, theta.bias_out, noise, np.zeros(2), np.ones(2))
        for row, value in zip(x, found.bound, strict=True):
            answer = closed_form.linear_gaussian_elbo(row, *model, *reference.encoded(row, phi))
            outcomes.append(compare("value", answer.value, value, of_answer(answer), "linear_elbo"))
            evidence = closed_form.linear_gaussian_evidence(row, *model)
            words = "linear_elbo below the log evidence"
            outcomes.append(
                at_most("side", value, evidence.value, evidence.error, "the oracle's error", words)
            )

        def total(p, x=x):
            return math.fsum(reference.exact(row, p["theta"], p["phi"], 4)[0] for row in x)

        outcomes.append(
            gradient.gradient_is_derivative(
                total,
                lambda _, found=found: _gradients(found),
                {"theta": theta, "phi": phi},
                name="grad linear_elbo",
            )
        )
    return combine("closed form of the linear decoder", outcomes)


def check_mean(name, quick=True, target="python"):
    """The exact mean of a single-sample gradient is the gradient of the exact ELBO; a baseline changes nothing."""
    outcomes = []
    for seed in range(1 if quick else 3):
        (x, *_), theta, phi = reference.smooth_network(seed)
        for baseline in (0.0, -4.0) if name == "score_function" else (0.0,):
            found = pathwise.moments(name, x, theta, phi, baseline, 80, target)
            outcomes.append(
                _matches_exact_gradient(seed, found, f"E grad of {name} with baseline {baseline:g},")
            )
    return combine("the exact mean is the gradient of the exact ELBO", outcomes)


def reference_sample(name, x, theta, phi):
    """One sample's gradient as a function of its noise, by the chain rule in matrices (encoder's outputs only)."""
    mean, variance = reference.encoded(x, phi)
    features = np.tanh(phi.weights_hidden @ x + phi.bias_hidden)

    def grad_z(z):
        hidden = np.tanh(theta.weights_hidden @ z + theta.bias_hidden)
        residual = (x - theta.weights_out @ hidden - theta.bias_out) / np.exp(theta.log_std) ** 2
        return theta.weights_hidden.T @ ((1.0 - hidden**2) * (theta.weights_out.T @ residual))

    def estimate(noise):
        std = np.sqrt(variance)
        z = mean + std * noise
        if name == "score_function":
            reward = reference.integrand_terms(x, theta, phi, noise[None], "joint").sum()
            by_mean, by_log_var = reward * noise / std, reward * 0.5 * (noise**2 - 1.0)
        elif name == "pathwise":
            path = grad_z(z) - z
            by_mean, by_log_var = path, 0.5 * path * std * noise + 0.5
        else:
            path = grad_z(z)
            by_mean, by_log_var = path - mean, 0.5 * path * std * noise - 0.5 * (variance - 1.0)
        return {
            "weights_mean": np.outer(by_mean, features),
            "bias_mean": by_mean,
            "weights_log_var": np.outer(by_log_var, features),
            "bias_log_var": by_log_var,
        }

    return estimate


def check_variance(name, quick=True, target="python"):
    """The exact variance of every entry of the encoder's heads, against the chain rule in matrices."""
    outcomes = []
    for seed in range(1 if quick else 3):
        (x, *_), theta, phi = reference.smooth_network(seed)
        found = pathwise.moments(name, x, theta, phi, target=target).variance_phi._asdict()
        points, weights = reference.rule(40)
        exact = enumeration.moments_over(reference_sample(name, x, theta, phi), points, weights)
        stated = {field: found[field] for field in exact.variance}
        tolerance = rounding(exact.second, 64.0)
        outcomes.append(
            compare("variance is the stated one", exact.variance, stated, tolerance, f"variance of {name}")
        )
    return combine("variance is the stated one", outcomes)


def check_targets(quick=True, target="python"):
    """Every row of the model on a target against plain Python."""
    plain, other, outcomes = get_target("python"), get_target(target), []
    for x, theta, phi, noise in _cases(quick):
        *_, batch = bounds.check(x, theta, phi, noise)
        count, width, space = len(x), 1 + size(theta) + size(phi), workspace_size(theta, phi)
        calls = [
            (bounds.elbo_row, count, width, 5 + space),
            (bounds.iwae_row, count, width, 5 + noise.shape[1] + space),
            (bounds.terms_row, noise.shape[1] * count, 5, space),
        ]
        if not theta.bias_hidden.size:
            calls.append((linear.linear_elbo_row, count, width, space))
        for kernel, *sizes in calls:
            arguments = (kernel, (theta, phi, batch), *sizes)
            magnitude = 32.0 * (1.0 + np.abs(plain.rows(*arguments)))
            outcomes.append(check_target_agreement(plain, other, "rows", *arguments, magnitude=magnitude))
    return combine(LAW, outcomes)


ENTRIES = [
    Entry("models.gaussian_vae", "model", "S1", vae),
    Entry("models.gaussian_vae.log_joint", "model", "S1", networks.log_joint),
    Entry("models.gaussian_vae.elbo", "objective", "S1", vae.elbo),
    Entry("models.gaussian_vae.iwae", "objective", "S3", vae.iwae),
    Entry("models.gaussian_vae.linear_elbo", "objective", "S1", linear.linear_elbo),
    Entry("estimators.pathwise", "estimator", "S1", pathwise.pathwise_row),
    Entry("estimators.score_function_normal", "estimator", "S1", pathwise.score_function_row),
    Entry("estimators.analytic_kl", "estimator", "S1", pathwise.samples),
]

VALUES = f"8·u·S; {DIFFERENCES}"
EVIDENCE = [
    Evidence("S1", "models.gaussian_vae", LAW, SAME_BITS, check_targets, ALL),
    Evidence(
        "S1", "models.gaussian_vae.log_joint", "log joint and its gradients", VALUES, check_log_joint, ALL
    ),
    Evidence(
        "S1",
        "models.gaussian_vae.elbo",
        "the three forms and their pathwise gradients, noise given",
        VALUES,
        check_elbo,
        ALL,
    ),
    Evidence(
        "S1",
        "models.gaussian_vae.elbo",
        "every form has the exact ELBO and its gradient as its mean",
        f"8·u·S and the quadrature's error; {DIFFERENCES}",
        check_quadrature,
        ALL,
    ),
    Evidence(
        "S3",
        "models.gaussian_vae.iwae",
        "bound, log weights and pathwise gradient, noise given; one sample is the ELBO",
        VALUES,
        check_iwae,
        ALL,
    ),
    Evidence(
        "S1",
        "models.gaussian_vae.linear_elbo",
        "closed form: value, side, gradients",
        VALUES,
        check_linear,
        ALL,
    ),
]
SUBJECTS = {
    "pathwise": "estimators.pathwise",
    "analytic_kl": "estimators.analytic_kl",
    "score_function": "estimators.score_function_normal",
}
EVIDENCE += [
    Evidence(
        "S1",
        subject,
        words,
        tolerance,
        lambda quick, target, check=check, name=name: check(name, quick, target),
        ALL,
    )
    for name, subject in SUBJECTS.items()
    for words, tolerance, check in (
        ("the exact mean is the gradient of the exact ELBO", DIFFERENCES, check_mean),
        ("the exact variance is that of the chain rule in matrices", "64·u·E g²", check_variance),
    )
]
