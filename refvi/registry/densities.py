"""Evidence for what all systems share: log densities, divergences and layers, each by an independent route.

Values against closed forms that are written otherwise, gradients against differences, masses and scores by quadrature
or enumeration, and one row that runs every kernel on every target.
"""

from typing import NamedTuple

import numpy as np

from refvi.kernels import bernoulli, categorical, dense, normal, normal_full
from refvi.laws import family, gradient
from refvi.laws.compare import compare, of_answer
from refvi.laws.outcome import combine
from refvi.oracles import closed_form, enumeration, quadrature
from refvi.oracles.answer import Answer
from refvi.registry.density_targets import check_targets
from refvi.registry.entry import Entry, Evidence


class Subject(NamedTuple):
    """One kernel under test.

    value      inputs (a dict of arrays) -> the kernel's value
    gradient   inputs -> its gradient, a dict with the inputs that it covers
    oracle     inputs -> the same value, an `Answer` by another route
    shapes     name of each input -> its shape
    positive   inputs that are above zero, units: below one too
    """

    value: object
    gradient: object
    oracle: object
    shapes: dict
    positive: tuple = ()
    units: tuple = ()


def draw(subject, seed):
    """Inputs in generic position, on a grid of 2^-12."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name, shape in subject.shapes.items():
        values = rng.integers(-6000, 6000, shape) / 4096.0
        if name in subject.positive:
            values = np.abs(values) + 0.25
        if name in subject.units:
            values = (np.abs(values) + 0.25) / 2.0
        if name.startswith("cholesky"):
            values = np.tril(values, -1) + np.diag(np.abs(np.diag(values)) + 0.5)
        inputs[name] = values if shape else float(values)
    return inputs


def _vector_gradient(kernel, inputs, scratch=0):
    """Gradients of a kernel whose last arguments are one gradient for each input."""
    grads = [np.zeros(np.size(v)) for v in inputs.values()]
    workspace = (np.zeros(scratch),) if scratch else ()
    kernel(*inputs.values(), *grads, *workspace)
    return {name: g.reshape(np.shape(v)) for (name, v), g in zip(inputs.items(), grads, strict=True)}


def _scalar_gradient(kernel, inputs):
    """Gradients of a kernel of scalars that writes one vector."""
    grad = np.zeros(len(inputs))
    kernel(*inputs.values(), grad)
    return dict(zip(inputs, grad.tolist(), strict=True))


def _logistic(logit):
    return 1.0 / (1.0 + np.exp(-logit))


def _softmax(logits):
    weights = np.exp(logits)
    return weights / weights.sum()


def _log(value):
    return Answer(float(np.log(value)), abs(float(np.log(value))) + 1.0)


def _lower(v):
    return np.tril(v) @ np.tril(v).T


def _layer(kernel, v):
    """A layer seen as the scalar <cotangent, output>."""
    out = np.zeros(3)
    kernel(v["weights"], v["bias"], v["x"], out)
    return float(v["cotangent"] @ out)


def _layer_gradient(curved, v):
    hidden, grad_out = np.zeros(3), v["cotangent"].copy()
    if curved:
        dense.tanh_layer(v["weights"], v["bias"], v["x"], hidden)
        dense.tanh_back(hidden, grad_out)
    else:
        dense.dense(v["weights"], v["bias"], v["x"], hidden)
    grads = {"weights": np.zeros(6), "bias": np.zeros(3), "x": np.zeros(2), "cotangent": hidden}
    dense.dense_back_parameters(v["x"], grad_out, grads["weights"], grads["bias"])
    dense.dense_back_input(v["weights"], grad_out, grads["x"])
    return grads | {"weights": grads["weights"].reshape(3, 2)}


def _layer_oracle(curve, v):
    terms = v["cotangent"] * curve(v["weights"] @ v["x"] + v["bias"])
    size = np.abs(v["cotangent"]) * (np.abs(v["weights"]) @ np.abs(v["x"]) + np.abs(v["bias"]))
    return Answer(float(terms.sum()), float(size.sum()))


SUBJECTS = {
    "normal_log_density": Subject(
        lambda v: normal.normal_log_density(*v.values()),
        lambda v: _scalar_gradient(normal.normal_log_density_grad, v),
        lambda v: closed_form.log_normal(v["x"], v["mean"], v["std"] ** 2),
        {"x": (), "mean": (), "std": ()},
        positive=("std",),
    ),
    "diagonal_normal_log_density": Subject(
        lambda v: normal.diagonal_normal_log_density(*v.values()),
        lambda v: _vector_gradient(normal.diagonal_normal_log_density_grad, v),
        lambda v: closed_form.log_normal(v["x"], v["mean"], np.exp(v["log_var"])),
        {"x": (3,), "mean": (3,), "log_var": (3,)},
    ),
    "standard_normal_log_density": Subject(
        lambda v: normal.standard_normal_log_density(v["z"]),
        lambda v: {"z": -v["z"]},
        lambda v: closed_form.log_normal(v["z"], np.zeros(3), np.ones(3)),
        {"z": (3,)},
    ),
    "diagonal_normal_entropy": Subject(
        lambda v: normal.diagonal_normal_entropy(v["log_var"]),
        lambda v: {"log_var": np.full_like(v["log_var"], 0.5)},
        lambda v: closed_form.entropy_normal(np.exp(v["log_var"])),
        {"log_var": (3,)},
    ),
    "kl_normal_standard": Subject(
        lambda v: normal.kl_normal_standard(*v.values()),
        lambda v: _vector_gradient(normal.kl_normal_standard_grad, v),
        lambda v: closed_form.kl_normal(v["mean"], np.exp(v["log_var"]), np.zeros(3), np.ones(3)),
        {"mean": (3,), "log_var": (3,)},
    ),
    "kl_diagonal_normals": Subject(
        lambda v: normal.kl_diagonal_normals(*v.values()),
        lambda v: _vector_gradient(normal.kl_diagonal_normals_grad, v),
        lambda v: closed_form.kl_normal(
            v["mean_q"], np.exp(v["log_var_q"]), v["mean_p"], np.exp(v["log_var_p"])
        ),
        {"mean_q": (3,), "log_var_q": (3,), "mean_p": (3,), "log_var_p": (3,)},
    ),
    "kl_full_normals": Subject(
        lambda v: normal_full.kl_full_normals(*v.values(), np.zeros(12)),
        lambda v: _vector_gradient(normal_full.kl_full_normals_grad, v, scratch=21),
        lambda v: closed_form.kl_normal(
            v["mean_q"], _lower(v["cholesky_q"]), v["mean_p"], _lower(v["cholesky_p"])
        ),
        {"mean_q": (3,), "cholesky_q": (3, 3), "mean_p": (3,), "cholesky_p": (3, 3)},
    ),
    "bernoulli_log_mass": Subject(
        lambda v: bernoulli.bernoulli_log_mass(1.0, v["logit"]),
        lambda v: {"logit": bernoulli.bernoulli_log_mass_grad(1.0, v["logit"])},
        lambda v: _log(_logistic(v["logit"])),
        {"logit": ()},
    ),
    "bernoulli_log_mass_probability": Subject(
        lambda v: bernoulli.bernoulli_log_mass_probability(0.25, v["probability"]),
        lambda v: {"probability": bernoulli.bernoulli_log_mass_probability_grad(0.25, v["probability"])},
        lambda v: _log(v["probability"] ** 0.25 * (1.0 - v["probability"]) ** 0.75),
        {"probability": ()},
        units=("probability",),
    ),
    "kl_bernoulli": Subject(
        lambda v: bernoulli.kl_bernoulli(*v.values()),
        lambda v: _scalar_gradient(bernoulli.kl_bernoulli_grad, v),
        lambda v: closed_form.kl_bernoulli(_logistic(v["logit_q"]), _logistic(v["logit_p"])),
        {"logit_q": (), "logit_p": ()},
    ),
    "kl_bernoulli_probability": Subject(
        lambda v: bernoulli.kl_bernoulli_probability(*v.values()),
        lambda v: _scalar_gradient(bernoulli.kl_bernoulli_probability_grad, v),
        lambda v: closed_form.kl_bernoulli(v["probability_q"], v["probability_p"]),
        {"probability_q": (), "probability_p": ()},
        units=("probability_q", "probability_p"),
    ),
    "categorical_log_mass": Subject(
        lambda v: categorical.categorical_log_mass(2, v["logits"]),
        lambda v: _vector_gradient(lambda a, g: categorical.categorical_log_mass_grad(2, a, g), v),
        lambda v: _log(_softmax(v["logits"])[2]),
        {"logits": (4,)},
    ),
    "kl_categorical": Subject(
        lambda v: categorical.kl_categorical(*v.values()),
        lambda v: _vector_gradient(categorical.kl_categorical_grad, v),
        lambda v: closed_form.kl_categorical(_softmax(v["logits_q"]), _softmax(v["logits_p"])),
        {"logits_q": (4,), "logits_p": (4,)},
    ),
    "dense": Subject(
        lambda v: _layer(dense.dense, v),
        lambda v: _layer_gradient(False, v),
        lambda v: _layer_oracle(lambda a: a, v),
        {"weights": (3, 2), "bias": (3,), "x": (2,), "cotangent": (3,)},
    ),
    "tanh_layer": Subject(
        lambda v: _layer(dense.tanh_layer, v),
        lambda v: _layer_gradient(True, v),
        lambda v: _layer_oracle(np.tanh, v),
        {"weights": (3, 2), "bias": (3,), "x": (2,), "cotangent": (3,)},
    ),
}
MODULES = (normal, normal_full, bernoulli, categorical, dense)


def _kernel(name):
    return next(getattr(m, name) for m in MODULES if hasattr(m, name))


def check_value(name, quick=True, _target="python"):
    """The value of a density against its oracle on generic inputs."""
    subject, outcomes = SUBJECTS[name], []
    for seed in range(5 if quick else 50):
        inputs = draw(subject, seed)
        answer = subject.oracle(inputs)
        law = "value is the closed form"
        outcomes.append(compare(law, answer.value, subject.value(inputs), of_answer(answer), name))
    return combine("value is the closed form", outcomes)


def check_gradient(name, quick=True, _target="python"):
    """The gradient of a density against differences of its value."""
    subject, outcomes = SUBJECTS[name], []
    for seed in range(1 if quick else 10):
        inputs = draw(subject, seed)
        domain = dict.fromkeys(subject.positive, (0.0, np.inf)) | dict.fromkeys(subject.units, (0.0, 1.0))
        outcomes.append(
            gradient.gradient_is_derivative(
                subject.value, subject.gradient, inputs, name=f"grad {name}", domain=domain
            )
        )
    return combine(gradient.DERIVATIVE, outcomes)


def check_families(quick=True, _target="python"):
    """Mass one, scores of mean zero, entropy and divergence as expectations, by quadrature or enumeration."""
    rng = np.random.default_rng(3)
    outcomes = []
    for _ in range(1 if quick else 10):
        mean, log_var, other, log_var_other = (rng.normal(size=1) for _ in range(4))

        def log_q(z, mean=mean, log_var=log_var):
            return normal.diagonal_normal_log_density(z, mean, log_var)

        def log_p(z, other=other, log_var_other=log_var_other):
            return normal.diagonal_normal_log_density(z, other, log_var_other)

        def score(z, mean=mean, log_var=log_var):
            return _vector_gradient(
                normal.diagonal_normal_log_density_grad, {"z": z, "mean": mean, "log_var": log_var}
            )

        total = quadrature.space(mean, np.exp(log_var))
        divergence = normal.kl_diagonal_normals(mean, log_var, other, log_var_other)
        entropy = normal.diagonal_normal_entropy(log_var)
        outcomes += [
            family.mass_is_one(log_q, total, name="diagonal_normal"),
            family.score_has_mean_zero(score, log_q, total, name="score of diagonal_normal"),
            family.entropy_is_expectation(entropy, log_q, total, name="diagonal_normal_entropy"),
            family.divergence_is_expectation(divergence, log_q, log_p, total, name="kl_diagonal_normals"),
        ]
    return combine("mass, score, entropy and divergence by quadrature", outcomes)


def check_masses(quick=True, _target="python"):
    """Bernoulli and categorical: mass one and scores of mean zero by enumeration."""
    rng = np.random.default_rng(4)
    outcomes = []
    for _ in range(3 if quick else 30):
        logit, logits = float(rng.normal()), rng.normal(size=4)
        subjects = {
            "bernoulli_log_mass": (
                2,
                lambda x, a=logit: bernoulli.bernoulli_log_mass(float(x), a),
                lambda x, a=logit: bernoulli.bernoulli_log_mass_grad(float(x), a),
            ),
            "categorical_log_mass": (
                4,
                lambda x, a=logits: categorical.categorical_log_mass(int(x), a),
                lambda x, a=logits: _vector_gradient(
                    lambda b, g: categorical.categorical_log_mass_grad(int(x), b, g), {"logits": a}
                ),
            ),
        }
        for name, (count, log_q, score) in subjects.items():
            total = enumeration.total(np.arange(count))
            outcomes.append(family.mass_is_one(log_q, total, name=name))
            outcomes.append(family.score_has_mean_zero(score, log_q, total, name=f"score of {name}"))
    return combine("mass and score by enumeration", outcomes)


ENTRIES = [Entry(f"kernels.{name}", "kernel", "core", _kernel(name)) for name in SUBJECTS]

EVIDENCE = [
    Evidence(
        "core",
        f"kernels.{name}",
        law,
        tolerance,
        lambda quick, target, check=check, name=name: check(name, quick, target),
    )
    for name in SUBJECTS
    for law, tolerance, check in (
        ("value is the closed form", "8·u·S", check_value),
        ("gradient is the derivative", "4 times the differences' own error estimate", check_gradient),
    )
]
EVIDENCE += [
    Evidence(
        "core",
        "kernels.diagonal_normal_log_density",
        "mass, score, entropy and divergence by quadrature",
        "8·u·S and the quadrature's own error",
        check_families,
    ),
    Evidence("core", "kernels.categorical_log_mass", "mass and score by enumeration", "8·u·S", check_masses),
    Evidence(
        "core",
        "kernels.diagonal_normal_log_density",
        "a target agrees with plain Python",
        "equal bits on python and cpu; 64·u·S on a device, whose library rounds otherwise",
        check_targets,
        ("python", "cpu", "cuda"),
    ),
]
