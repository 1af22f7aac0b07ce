"""Evidence for the sigmoid belief network: enumeration with `math.fsum`, differences, and probabilities for logits."""

import math

import numpy as np

from refvi.laws import bound, family, gradient, model
from refvi.laws.compare import compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import LAW, check_target_agreement
from refvi.models import sigmoid_belief as sbn
from refvi.models.parameters import size
from refvi.oracles import enumeration
from refvi.registry.entry import Entry, Evidence
from refvi.targets import get_target

ALL = ("python", "cpu", "cuda")


def network(seed, hidden=2, observed=3, data=2):
    """Parameters in generic position on a grid of 2^-12, and data that are not constant."""
    rng = np.random.default_rng(seed)

    def values(*shape):
        return rng.integers(-6000, 6000, shape) / 4096.0

    theta = sbn.Generative(values(hidden), values(observed, hidden), values(observed))
    phi = sbn.Recognition(values(hidden, observed), values(hidden))
    x = rng.permuted(np.resize([1.0, 0.0, 1.0, 1.0, 0.0], (data, observed)), axis=1)
    return x, theta, phi


def factors(x, theta):
    """The logarithms of the probabilities whose product is p(x, h), each as a function of h, by odds."""

    def bernoulli(outcome, logit):
        odds = math.exp(logit)
        return math.log((odds if outcome == 1.0 else 1.0) / (1.0 + odds))

    def prior(j):
        return lambda h: bernoulli(h[j], theta.prior_logits[j])

    def likelihood(i):
        return lambda h: bernoulli(x[i], float(theta.weights[i] @ h) + theta.bias[i])

    return [prior(j) for j in range(len(theta.prior_logits))] + [likelihood(i) for i in range(len(x))]


def log_joint(h, x, theta):
    """Independent log joint: the sum of the logarithms of the factors."""
    return math.fsum(factor(h) for factor in factors(x, theta))


def log_q(h, x, phi):
    """Independent log q: 1 / (1 + exp(-a)) for h = 1 and its complement."""
    on = 1.0 / (1.0 + np.exp(-(phi.weights @ x + phi.bias)))
    return math.fsum(np.log(np.where(np.asarray(h) == 1.0, on, 1.0 - on)))


def elbo(x, theta, phi):
    """Independent exact ELBO of one datum, as an Answer."""
    states = enumeration.binary_states(len(phi.bias)).astype(float)
    q = enumeration.probabilities(lambda h: log_q(h, x, phi), states)
    return enumeration.expectation(lambda h: log_joint(h, x, theta) - log_q(h, x, phi), states, q)


def _seeds(quick):
    return range(1 if quick else 8)


def _flat(parameters):
    return np.zeros(size(parameters))


def check_log_joint(quick=True, _target="python"):
    """The log joint is the product of Bernoulli probabilities, and all of it has mass one."""
    outcomes = []
    for seed in _seeds(quick):
        data, theta, _ = network(seed)
        states, xs = (enumeration.binary_states(n).astype(float) for n in (2, 3))
        for x in data:
            outcomes.append(
                model.joint_is_product(
                    lambda h, x=x, theta=theta: sbn.log_joint(h, x, theta), factors(x, theta), states
                )
            )
        outcomes.append(
            model.total_mass_is_one(
                lambda x, h, theta=theta: sbn.log_joint(h, x, theta), xs, states, name="log_joint"
            )
        )
    return combine("log joint is the product of its factors", outcomes)


def _gradient(kernel, h, x, parameters):
    flat = _flat(parameters)
    kernel(h, x, parameters, 1.0, flat)
    return sbn.like(parameters, flat)


def check_log_joint_gradient(quick=True, _target="python"):
    """The gradient of the log joint in theta, for every state."""
    outcomes = []
    for seed in _seeds(quick):
        data, theta, _ = network(seed)
        for h in enumeration.binary_states(2).astype(float):
            outcomes.append(
                gradient.gradient_is_derivative(
                    lambda p, h=h, x=data[0]: log_joint(h, x, p),
                    lambda p, h=h, x=data[0]: _gradient(sbn.log_joint_grad, h, x, p),
                    theta,
                    name="grad_theta of log_joint",
                )
            )
    return combine(gradient.DERIVATIVE, outcomes)


def check_recognition(quick=True, _target="python"):
    """The recognition net: mass one, score of mean zero, score is the gradient."""
    outcomes = []
    for seed in _seeds(quick):
        (x, *_), _, phi = network(seed)
        states = enumeration.binary_states(2).astype(float)
        total = enumeration.total(states)

        def found(h, x=x, phi=phi):
            return sbn.log_q(h, x, phi)

        def score(h, x=x, phi=phi):
            return _gradient(sbn.log_q_grad, h, x, phi)

        outcomes += [
            family.mass_is_one(found, total, name="log_q"),
            family.score_has_mean_zero(score, found, total, name="score of log_q"),
        ]
        for h in states:
            wanted = log_q(h, x, phi)
            outcomes.append(compare("value", wanted, found(h), rounding(4.0 + 2.0 * abs(wanted)), "log_q"))
            outcomes.append(
                family.score_is_gradient(
                    lambda p, h, x=x: _gradient(sbn.log_q_grad, h, x, p),
                    lambda p, h, x=x: log_q(h, x, p),
                    phi,
                    h,
                    name="score of log_q",
                )
            )
    return combine("mass one, score is the gradient and has mean zero", outcomes)


def check_evidence(quick=True, target="python"):
    """Log evidence by enumeration, and its gradient by Fisher's identity and by differences."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, _ = network(seed)
        states = enumeration.binary_states(2).astype(float)
        found = sbn.log_evidence(x, theta, target)
        for row, value in zip(x, found.log_evidence, strict=True):
            outcomes.append(
                model.log_evidence_is_sum(value, lambda h, row=row, t=theta: log_joint(h, row, t), states)
            )

        def total(p, x=x, states=states):
            return math.fsum(
                enumeration.log_evidence(lambda h, row=row: log_joint(h, row, p), states).value for row in x
            )

        outcomes.append(
            gradient.gradient_is_derivative(
                total, lambda _, found=found: found.grad_theta, theta, name="grad_theta of log_evidence"
            )
        )
        one = sbn.log_evidence(x[0], theta, target)
        outcomes.append(
            model.gradient_of_log_evidence(
                one.grad_theta,
                lambda h, x=x, t=theta: log_joint(h, x[0], t),
                lambda h, x=x, t=theta: _gradient(sbn.log_joint_grad, h, x[0], t),
                states,
                name="grad_theta of log_evidence",
            )
        )
    return combine("log evidence is the sum, its gradient Fisher's identity", outcomes)


def check_elbo(quick=True, target="python"):
    """Exact ELBO by enumeration: value, gap to the log evidence, gradients in theta and phi by differences."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = network(seed)
        states = enumeration.binary_states(2).astype(float)
        found = sbn.elbo(x, theta, phi, target)
        for row, value in zip(x, found.elbo, strict=True):
            answer = elbo(row, theta, phi)
            answer = answer._replace(magnitude=answer.magnitude + 1.0)
            outcomes.append(compare("value", answer.value, value, of_answer(answer), "elbo"))
            outcomes.append(
                bound.gap_is_divergence(
                    value,
                    lambda h, row=row, t=theta: log_joint(h, row, t),
                    lambda h, row=row, p=phi: log_q(h, row, p),
                    states,
                )
            )
        for name, wrt, at in (("grad_theta", theta, 0), ("grad_phi", phi, 1)):

            def total(p, at=at, x=x, theta=theta, phi=phi):
                return math.fsum(elbo(row, *((p, phi) if at == 0 else (theta, p))).value for row in x)

            outcomes.append(
                gradient.gradient_is_derivative(
                    total, lambda _, found=found, name=name: getattr(found, name), wrt, name=f"{name} of elbo"
                )
            )
    return combine("ELBO by enumeration, its gap, and both gradients", outcomes)


def check_targets(quick=True, target="python"):
    """The states of the evidence, of the ELBO and of the tables on a target against plain Python."""
    plain, other, outcomes = get_target("python"), get_target(target), []
    for seed in _seeds(quick):
        x, theta, phi = network(seed, hidden=3 if quick else 6)
        hidden, parameters, width = theta.prior_logits.size, size(theta), 1 + size(theta) + size(phi)
        data = sbn.Data(x[:1])
        for schedule, kernel, inputs, columns in (
            ("states", sbn.evidence_state, (theta, data), parameters),
            ("states", sbn.elbo_state, (theta, phi, data), width),
            ("rows", sbn.table_row, (theta, phi, data), 1 + width),
        ):
            sizes = (2**hidden, columns, hidden)
            magnitude = 32.0 * (1.0 + np.abs(getattr(plain, schedule)(kernel, inputs, *sizes)))
            outcomes.append(
                check_target_agreement(plain, other, schedule, kernel, inputs, *sizes, magnitude=magnitude)
            )
    return combine(LAW, outcomes)


ENTRIES = [
    Entry("models.sigmoid_belief", "model", "S2", sbn),
    Entry("models.sigmoid_belief.log_joint", "model", "S2", sbn.log_joint),
    Entry("models.sigmoid_belief.log_q", "family", "S2", sbn.log_q),
    Entry("models.sigmoid_belief.log_evidence", "model", "S2", sbn.log_evidence),
    Entry("models.sigmoid_belief.elbo", "objective", "S2", sbn.elbo),
]

SAME_BITS = "equal bits on python, cpu and the simulator; 64·u·S on a device, whose library rounds otherwise"
DIFFERENCES = "4 times the differences' own error estimate"
EVIDENCE = [
    Evidence("S2", "models.sigmoid_belief", LAW, SAME_BITS, check_targets, ALL),
    Evidence(
        "S2",
        "models.sigmoid_belief.log_joint",
        "log joint is the product of its factors, mass one",
        "8·u·S",
        check_log_joint,
    ),
    Evidence(
        "S2",
        "models.sigmoid_belief.log_joint",
        "gradient is the derivative",
        DIFFERENCES,
        check_log_joint_gradient,
    ),
    Evidence(
        "S2",
        "models.sigmoid_belief.log_q",
        "mass one, score is the gradient and has mean zero",
        f"8·u·S; {DIFFERENCES}",
        check_recognition,
    ),
    Evidence(
        "S2",
        "models.sigmoid_belief.log_evidence",
        "log evidence is the sum, its gradient Fisher's identity",
        f"8·u·S; {DIFFERENCES}",
        check_evidence,
        ALL,
    ),
    Evidence(
        "S2",
        "models.sigmoid_belief.elbo",
        "ELBO by enumeration, its gap is KL(q || posterior), both gradients are derivatives",
        f"8·u·S; {DIFFERENCES}",
        check_elbo,
        ALL,
    ),
]
