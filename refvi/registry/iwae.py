"""Evidence for bounds of log weights and for score-function estimators, on finite models.

The references are enumeration over all tuples of samples and, for any K, a one-dimensional integral that never sees a
tuple: three routes to L_K and to its gradients.
"""

import numpy as np

from refvi.estimators import finite, score_function
from refvi.laws import bound as law
from refvi.laws import estimator
from refvi.laws.compare import compare, of_answer, rounding
from refvi.laws.gradient import gradient_is_derivative
from refvi.laws.outcome import combine
from refvi.models import sigmoid_belief
from refvi.models.parameters import flat
from refvi.objectives import elbo, iwae
from refvi.oracles import enumeration, importance
from refvi.registry.entry import Entry, Evidence
from refvi.registry.sigmoid_belief import ALL, DIFFERENCES, network


def log_weights(seed, count=5):
    """Log weights in generic position."""
    return np.random.default_rng(seed).integers(-12000, 12000, count) / 4096.0


def finite_model(seed, states=4):
    """Log weights (S,) and q (S,) of a finite model."""
    rng = np.random.default_rng(seed)
    q = rng.uniform(0.5, 1.5, states)
    return rng.normal(size=states), q / q.sum()


def _value(kernel):
    return lambda values: kernel(np.asarray(values, dtype=np.float64), np.zeros(len(values)))


def _gradient(kernel):
    def gradient(values):
        grad = np.zeros(len(values))
        kernel(np.asarray(values, dtype=np.float64), grad)
        return grad

    return gradient


def _subject(name):
    """The kernel of a bound, looked up when the law runs."""
    return {"elbo": elbo.elbo, "iwae": iwae.iwae}[name]


def check_bound(name, quick=True, _target="python"):
    """Gradient, shift, permutation, sum of the gradient, tightness, side, one sample."""
    kernel, outcomes = _subject(name), []
    value, gradient = _value(kernel), _gradient(kernel)
    for seed in range(1 if quick else 8):
        values = log_weights(seed)
        log_w, q = finite_model(seed)
        outcomes += [
            gradient_is_derivative(value, gradient, values, name=f"grad_log_weights of {name}"),
            law.shift(value, values, name=name),
            law.permutation(value, values, gradient, name=name),
            law.gradient_sums_to_one(gradient, values, name=f"grad_log_weights of {name}"),
            law.tight_at_posterior(value, -1.25, 4, name=name),
            law.one_sample_is_elbo(value, log_w, q, name=name),
            law.below_evidence(value, log_w, q, 3, name=name),
        ]
    return combine("gradient, shift, permutation, side, tightness, one sample", outcomes)


def check_monotone(quick=True, _target="python"):
    """L_K by enumeration rises with K and equals its one-dimensional integral."""
    value, outcomes = _value(iwae.iwae), []
    for seed in range(1 if quick else 4):
        log_w, q = finite_model(seed)
        most = 4 if quick else 6
        outcomes.append(law.monotone_in_k(value, log_w, q, range(1, most + 1), name="iwae"))
        outcomes += [law.expectation_is_integral(value, log_w, q, k, name="iwae") for k in range(1, most + 1)]
    return combine("rises with K, equals the one-dimensional integral", outcomes)


def check_rows(name, quick=True, target="python"):
    """The public function on many data against the logarithm of a mean and exact quotients."""
    module = {"elbo": elbo, "iwae": iwae}[name]
    table = np.array([log_weights(seed, 4) for seed in range(3 if quick else 50)])
    found = module.bound(table, target)
    if name == "elbo":
        wanted, grad = table.mean(axis=1), np.full_like(table, 0.25)
    else:
        weights = np.exp(table)
        wanted, grad = np.log(weights.mean(axis=1)), weights / weights.sum(axis=1, keepdims=True)
    size = 2.0 + np.abs(table).max()
    return combine(
        "bound of every datum",
        [
            compare("value", wanted, found.bound, rounding(size), name),
            compare("gradient", grad, found.grad_log_weights, rounding(size), f"grad_log_weights of {name}"),
        ],
    )


# ---- estimators on a sigmoid belief network of four states

ESTIMATORS = {
    "score_function": ("elbo", 3),
    "leave_one_out": ("elbo", 3),
    "iwae_score_function": ("iwae", 3),
}


def _model(seed):
    data, theta, phi = network(seed)
    tables = sigmoid_belief.tables(data[0], theta, phi)
    return tables, theta, phi


def exact_target(bound, tables, samples):
    """Value and gradients (theta, phi) that an estimator of the bound must have in the mean, as flat Answers."""
    log_w, q = tables.log_p - tables.log_q, np.exp(tables.log_q)
    if bound == "elbo":
        value = enumeration.expectation(lambda s: log_w[s], range(len(q)), q)
        theta = enumeration.expectation(lambda s: tables.grad_log_p[s], range(len(q)), q)
        phi = enumeration.expectation(lambda s: log_w[s] * tables.grad_log_q[s], range(len(q)), q)
        return value, theta, phi
    value = importance.iwae_bound(log_w, q, samples)
    by_weight, by_q = (
        importance.grad_log_weights(log_w, q, samples),
        importance.score_weights(log_w, q, samples),
    )
    multiplier = q * by_q.value - by_weight.value
    sizes = [q * by_q.magnitude + by_weight.magnitude, q * by_q.error + by_weight.error]
    theta = value._replace(
        value=by_weight.value @ tables.grad_log_p,
        magnitude=by_weight.magnitude @ np.abs(tables.grad_log_p),
        error=by_weight.error @ np.abs(tables.grad_log_p),
    )
    phi = value._replace(
        value=multiplier @ tables.grad_log_q,
        magnitude=sizes[0] @ np.abs(tables.grad_log_q),
        error=sizes[1] @ np.abs(tables.grad_log_q),
    )
    return value, theta, phi


def check_mean(name, quick=True, target="python"):
    """The exact mean over all tuples is the bound and its gradients, with and without a baseline."""
    bound, samples = ESTIMATORS[name]
    outcomes = []
    for seed in range(1 if quick else 5):
        tables, theta, phi = _model(seed)
        largest = 2.0 + float(np.abs(tables.log_p).max() + np.abs(tables.log_q).max())
        wanted = exact_target(bound, tables, samples)
        for baseline in (0.0, -2.5):
            kernel = getattr(score_function, name)
            found = finite.moments(kernel, tables, theta, phi, samples, baseline, target)
            parts = (found.value, flat(found.grad_theta), flat(found.grad_phi))
            for answer, part, words in zip(wanted, parts, ("value", "grad_theta", "grad_phi"), strict=True):
                joined = answer._replace(magnitude=largest * (1.0 + np.asarray(answer.magnitude)))
                path = f"E {words} of {name} with baseline {baseline:g}"
                outcomes.append(compare("mean", answer.value, part, of_answer(joined), path))
    return combine("the exact mean is the bound and its gradients", outcomes)


def python_estimator(name, tables, samples):
    """The estimator written as a formula on a tuple of states, for the oracle."""
    log_w = tables.log_p - tables.log_q

    def estimate(draws):
        w, p, q = (table[list(draws)] for table in (log_w, tables.grad_log_p, tables.grad_log_q))
        if name == "score_function":
            return {"theta": p.mean(axis=0), "phi": w @ q / samples}
        if name == "leave_one_out":
            others = (w.sum() - w) / (samples - 1)
            return {"theta": p.mean(axis=0), "phi": (w - others) @ q / samples}
        share = np.exp(w) / np.exp(w).sum()
        return {"theta": share @ p, "phi": np.log(np.exp(w).mean()) * q.sum(axis=0) - share @ q}

    return estimate


def check_variance(name, quick=True, target="python"):
    """The exact variance of every entry against the oracle's enumeration of the formula."""
    samples, outcomes = ESTIMATORS[name][1], []
    for seed in range(1 if quick else 5):
        tables, theta, phi = _model(seed)
        found = finite.moments(getattr(score_function, name), tables, theta, phi, samples, 0.0, target)
        stated = {"theta": flat(found.variance_theta), "phi": flat(found.variance_phi)}
        outcomes.append(
            estimator.variance_is_stated(
                python_estimator(name, tables, samples),
                tables.log_q,
                samples,
                stated,
                name=f"variance of {name}",
            )
        )
    return combine("variance is the stated one", outcomes)


ENTRIES = [
    Entry("objectives.elbo", "objective", "S3", elbo.elbo),
    Entry("objectives.iwae", "objective", "S3", iwae.iwae),
    *(
        Entry(f"estimators.{name}", "estimator", "S3", getattr(score_function, name))
        for name in ("score_function", "leave_one_out", "iwae_score_function")
    ),
]

EVIDENCE = [
    row
    for name in ("elbo", "iwae")
    for row in (
        Evidence(
            "S3",
            f"objectives.{name}",
            "gradient, shift, permutation, side, tightness, one sample",
            f"8·u·S; {DIFFERENCES}",
            lambda quick, target, name=name: check_bound(name, quick, target),
        ),
        Evidence(
            "S3",
            f"objectives.{name}",
            "value and gradient of every datum by exponentials",
            "8·u·S",
            lambda quick, target, name=name: check_rows(name, quick, target),
            ALL,
        ),
    )
]
EVIDENCE += [
    Evidence(
        "S3",
        "objectives.iwae",
        "rises with K and equals the one-dimensional integral",
        "8·u·S and the integral's own error",
        check_monotone,
    )
]
EVIDENCE += [
    Evidence(
        "S3",
        f"estimators.{name}",
        words,
        tolerance,
        lambda quick, target, check=check, name=name: check(name, quick, target),
        ALL,
    )
    for name in ESTIMATORS
    for words, tolerance, check in (
        ("the exact mean is the bound and its gradients", "8·u·S, S times the log weights", check_mean),
        ("the exact variance is that of the enumerated formula", "16·u·E g²", check_variance),
    )
]
