"""What others are judged against is judged too: the reference of every spec, against the derivative and the kernels.

Specs write their references in NumPy, kernels are loops over scalars with gradients by hand: two programs. Where a spec
has a value and a gradient, the gradient must be the derivative of the value; where a kernel computes the same quantity,
values must agree. Not here: definitions in 60 digits, which hold every spec in tests/specs.

Checked by  tests/registry/test_references.py
"""

import numpy as np

from refvi.kernels import bernoulli, categorical, normal, normal_full
from refvi.laws.compare import compare, rounding
from refvi.laws.gradient import gradient_is_derivative
from refvi.laws.outcome import combine
from refvi.models import discrete_vae, layered_belief, sigmoid_belief
from refvi.objectives import iwae
from refvi.specs.sized import value_of

DERIVATIVE = "the reference's gradient is the derivative of its value"
KERNEL = "the reference is what the kernel computes"
BOUNDED = {"scale": (0.0, np.inf), "positive": (0.0, np.inf), "probability": (0.0, 1.0)}


def _per_datum(kernel, *names):
    """A kernel of views, called for every datum."""
    return lambda **inputs: [kernel(*row) for row in zip(*(inputs[n] for n in names), strict=True)]


def _per_entry(kernel, *names):
    """A kernel of scalars, summed over the entries of every datum."""
    return lambda **inputs: [
        sum(kernel(*map(float, entry)) for entry in zip(*map(np.atleast_1d, row), strict=True))
        for row in zip(*(inputs[n] for n in names), strict=True)
    ]


def _full(q_mu, q_cholesky, p_mu, p_cholesky):
    size = q_mu.shape[1]
    return [
        normal_full.kl_full_normals(*row, np.zeros(size * size + size))
        for row in zip(q_mu, q_cholesky, p_mu, p_cholesky, strict=True)
    ]


def _sigmoid_belief(x, weights, bias, prior_logits):
    return sigmoid_belief.log_evidence(x, sigmoid_belief.Generative(prior_logits, weights, bias)).log_evidence


def _discrete_vae(bound):
    """A bound of the discrete VAE with a logistic layer: its first field, as a function of the spec's arrays."""
    return lambda x, logits, weights, bias, prior_logits: bound(
        x, discrete_vae.linear(weights, bias, prior_logits), logits
    )[0]


def _auxiliary(order):
    """The auxiliary objective of a recognition net that is its bias, datum by datum."""

    def route(q_logits, target_logits):
        pairs = zip(q_logits, target_logits, strict=True)
        nets = [(discrete_vae.Recognition(np.zeros((len(q), 1)), q), target) for q, target in pairs]
        return [discrete_vae.auxiliary(np.zeros((1, 1)), *net, order).value[0] for net in nets]

    return route


def _prior_step(means):
    return 1.0 / (1.0 + np.exp(-discrete_vae.prior_step(np.log(means) - np.log1p(-means))))


def _deep_log_joint(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    layers = layered_belief.Layer(weights, bias), layered_belief.Layer(hidden_weights, hidden_bias)
    theta = layered_belief.Generative(layers, prior_logits)
    return layered_belief.wake_rule(np.concatenate([x, h, top], axis=1), theta).log_joint


def _with_log_var(route, *scales):
    """A route whose kernel takes log variances where the spec has standard deviations."""
    return lambda **inputs: route(**{k: 2 * np.log(v) if k in scales else v for k, v in inputs.items()})


ROUTES = {
    "kl.normal_standard": _with_log_var(_per_datum(normal.kl_normal_standard, "mu", "std"), "std"),
    "kl.normal_diagonal": _with_log_var(
        _per_datum(normal.kl_diagonal_normals, "q_mu", "q_std", "p_mu", "p_std"), "q_std", "p_std"
    ),
    "kl.normal_full": _full,
    "kl.bernoulli": _per_entry(bernoulli.kl_bernoulli_probability, "q_probs", "p_probs"),
    "kl.bernoulli_logits": _per_entry(bernoulli.kl_bernoulli, "q_logits", "p_logits"),
    "kl.categorical_logits": _per_datum(categorical.kl_categorical, "q_logits", "p_logits"),
    "log_density.normal": _per_entry(normal.normal_log_density, "x", "mu", "std"),
    "log_density.normal_diagonal": _with_log_var(
        _per_datum(normal.diagonal_normal_log_density, "x", "mu", "std"), "std"
    ),
    "log_density.bernoulli": _per_entry(bernoulli.bernoulli_log_mass_probability, "x", "probs"),
    "log_density.bernoulli_logits": _per_entry(bernoulli.bernoulli_log_mass, "x", "logits"),
    "iwae.bound": lambda log_weights: iwae.bound(log_weights.T).bound,
    "sbn.log_evidence": _sigmoid_belief,
    "sbn.deep_log_joint": _deep_log_joint,
    "discrete_vae.elbo": _discrete_vae(discrete_vae.elbo),
    "discrete_vae.surrogate": _discrete_vae(discrete_vae.surrogate),
    "discrete_vae.auxiliary": _auxiliary("log_q"),
    "discrete_vae.auxiliary_as_printed": _auxiliary("log_target"),
    "discrete_vae.prior_step": _prior_step,
}


def check_kernel(spec, cases=3):
    """Values of the reference against the kernel's, in 16 u S: both sides round."""
    declared, outcomes, route = dict(spec.conventions), [], ROUTES[spec.id]
    for seed in range(cases):
        case = spec.draw_case(np.random.default_rng([seed, 77]), declared)
        inputs = {k: value_of(v) for k, v in spec.canonical(case, declared).items()}
        expected = spec.answer(case, declared)["value"]
        tolerance = rounding(expected.size + np.abs(expected.value), factor=16.0)
        outcomes.append(compare(KERNEL, expected.value, np.array(route(**inputs)), tolerance, spec.id))
    return combine(KERNEL, outcomes)


def has_derivative(spec):
    """Whether the spec's value and gradient can be held against each other by free moves of its inputs."""
    free = all(i.domain not in ("simplex", "cholesky", "one_hot") for i in spec.inputs)
    return spec.only == "value" and spec.gradient is not None and free


def check_derivative(spec, cases=1):
    """The gradient against differences of the value, in generic position."""
    declared, outcomes = dict(spec.conventions), []
    domain = {i.name: BOUNDED[i.domain] for i in spec.inputs if i.domain in BOUNDED}
    for seed in range(cases):
        case = spec.draw_case(np.random.default_rng([seed, 78]), declared)
        inputs = {k: value_of(v) for k, v in spec.canonical(case, declared).items()}
        moving = {name: inputs[name] for name in spec.total_gradient(**inputs)}
        fixed = {name: array for name, array in inputs.items() if name not in moving}

        def value(at, fixed=fixed):
            return float(np.sum(sum(value_of(t) for t in spec.reference(**fixed, **at).values())))

        def gradient(at, fixed=fixed):
            return {name: value_of(g) for name, g in spec.total_gradient(**fixed, **at).items()}

        outcomes.append(
            gradient_is_derivative(value, gradient, moving, name=spec.id, domain=domain or None, limit=6)
        )
    return combine(DERIVATIVE, outcomes)
