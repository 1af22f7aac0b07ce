"""Evidence for belief networks of any depth: all states by probabilities, differences, means over all draws."""

import functools
import math

import numpy as np

from refvi.laws import bound, estimator, family, gradient, model
from refvi.laws.compare import EXACT, UNIT_ROUNDOFF, at_most, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.laws.target import LAW, check_target_agreement
from refvi.models import layered_belief as lb
from refvi.models import sigmoid_belief
from refvi.models.layered_belief import states
from refvi.models.layered_belief.parameters import network
from refvi.oracles import enumeration
from refvi.oracles.trees import ravel
from refvi.registry.entry import Entry, Evidence
from refvi.registry.layered_belief_cases import (
    SIZES,
    above,
    dream_cells,
    everything,
    log_p_table,
    log_q_table,
    nets,
    objective,
    posterior_information,
    posterior_net,
    recognition_cells,
)
from refvi.targets import get_target

ALL = ("python", "cpu", "cuda")
# ---- laws


def _seeds(quick):
    return range(1 if quick else 5)


def _derivative(name, wrt, found, x, theta, phi, quick):
    """The gradient of a total objective by differences of the oracle."""

    def value(moved):
        return objective(name, x, *((moved, phi) if wrt == "theta" else (theta, moved))).value

    at = theta if wrt == "theta" else phi
    return gradient.gradient_is_derivative(
        value, lambda _: found, at, name=f"grad_{wrt} of {name}", limit=2 if quick else 64
    )


def check_rule(name, quick=True, target="python"):
    """A delta rule: value by probabilities, gradient by differences; mass one, or a score of mean zero."""
    rule, table = (lb.wake_rule, log_p_table) if name == "log_joint" else (lb.sleep_rule, log_q_table)
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        units, at = everything(SIZES), theta if name == "log_joint" else phi
        found, wanted = rule(units, at, target=target)[0], table(units, SIZES, at)
        outcomes.append(compare("value", wanted, found, rounding(4.0 + 2.0 * np.abs(wanted)), name))
        outcomes.append(
            gradient.gradient_is_derivative(
                lambda p, units=units: table(units[37:38], SIZES, p)[0],
                lambda p, units=units: rule(units[37:38], p, target=target)[1],
                at,
                name=f"gradient of {name}",
                limit=8 if quick else 64,
            )
        )
        states_of, count = (units, len(units)) if name == "log_joint" else (above(x[0], SIZES), 16)
        logs = rule(states_of, at, target=target)[0]
        outcomes.append(
            model.total_mass_is_one(lambda s, _, logs=logs: logs[s], range(count), [0], name=name)
        )
        if name == "log_q":
            outcomes.append(
                family.score_has_mean_zero(
                    lambda s, at=at, rows=states_of: rule(rows[s], at).grad_phi,
                    lambda s, logs=logs: logs[s],
                    enumeration.total(range(count)),
                    name="score of log_q",
                )
            )
    return combine("delta rule is the gradient of a log mass", outcomes)


def check_evidence(quick=True, target="python"):
    """Log evidence over all layers' states, its gradient by differences and by Fisher's identity."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        found = lb.log_evidence(x, theta, target=target)
        for row, value in zip(x, found.log_evidence, strict=True):
            units = above(row, SIZES)
            logs = log_p_table(units, SIZES, theta)
            outcomes.append(model.log_evidence_is_sum(value, lambda s, logs=logs: logs[s], range(len(units))))
        outcomes.append(_derivative("log_evidence", "theta", found.grad_theta, x, theta, phi, quick))
        units, one = above(x[0], SIZES), lb.log_evidence(x[0], theta, target=target)
        logs = log_p_table(units, SIZES, theta)
        outcomes.append(
            model.gradient_of_log_evidence(
                one.grad_theta,
                lambda s, logs=logs: logs[s],
                lambda s, units=units, theta=theta: lb.wake_rule(units[s], theta).grad_theta,
                range(len(units)),
                name="grad_theta of log_evidence",
            )
        )
    return combine("log evidence is the sum, its gradient Fisher's identity", outcomes)


def check_elbo(quick=True, target="python"):
    """ELBO, its gap, both gradients."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        found, answer = lb.elbo(x, theta, phi, target=target), objective("elbo", x, theta, phi)
        outcomes.append(compare("value", answer.value, math.fsum(found.elbo), of_answer(answer), "elbo"))
        units = above(x[0], SIZES)
        tables = log_p_table(units, SIZES, theta), log_q_table(units, SIZES, phi)
        outcomes.append(
            bound.gap_is_divergence(found.elbo[0], *(lambda s, t=t: t[s] for t in tables), range(len(units)))
        )
        outcomes.append(_derivative("elbo", "theta", found.grad_theta, x, theta, phi, quick))
        outcomes.append(_derivative("elbo", "phi", found.grad_phi, x, theta, phi, quick))
    return combine("ELBO by enumeration, its gap, and both gradients", outcomes)


def check_wake(quick=True, target="python"):
    """The wake objective, its gradient by differences, which is the gradient of the ELBO to the bit."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        found, answer = lb.wake(x, theta, phi, target=target), objective("wake", x, theta, phi)
        outcomes.append(compare("value", answer.value, math.fsum(found.objective), of_answer(answer), "wake"))
        outcomes.append(_derivative("wake", "theta", found.grad_theta, x, theta, phi, quick))
        ascent = lb.elbo(x, theta, phi, target=target).grad_theta
        outcomes.append(compare("equal", ascent, found.grad_theta, EXACT, "grad_theta of wake"))
    return combine("wake objective by enumeration, its gradient is the ELBO's", outcomes)


def check_sleep(quick=True, target="python"):
    """The sleep objective is E_p log p(h | x) - E_p(x) KL(p(h | x) || q(h | x)); its gradient by differences."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        found = lb.sleep(theta, phi, target=target)
        answer = objective("sleep", x, theta, phi)
        outcomes.append(compare("value", answer.value, found.objective, of_answer(answer), "sleep"))
        outcomes.append(_derivative("sleep", "phi", found.grad_phi, x, theta, phi, quick))
        best = posterior_information(theta)
        outcomes.append(
            at_most("at most", found.objective, best, 8.0 * UNIT_ROUNDOFF * abs(best), "8·u·S", "sleep")
        )
    return combine("sleep objective by enumeration, its gradient, its ceiling", outcomes)


def check_phases_differ(quick=True, target="python"):
    """Where q can be the posterior both gradients in phi vanish there; elsewhere they are not even parallel."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed, (3, 1))
        exact = posterior_net(theta)
        for name, grad in (
            ("sleep", lb.sleep(theta, exact, target=target).grad_phi),
            ("elbo", lb.elbo(x, theta, exact, target=target).grad_phi),
        ):
            size = 64.0 * UNIT_ROUNDOFF * (1.0 + max(abs(float(v)) for v in ravel(theta)[0])) * 8.0
            largest = float(np.abs(ravel(grad)[0]).max())
            outcomes.append(at_most("vanishes", largest, 0.0, size, "512·u·S", f"grad_phi of {name}"))
        x, theta, phi = nets(seed)
        asleep = ravel(lb.sleep(theta, phi, target=target).grad_phi)[0]
        ascent = ravel(lb.elbo(x, theta, phi, target=target).grad_phi)[0]
        cosine = float(asleep @ ascent / np.linalg.norm(asleep) / np.linalg.norm(ascent))
        outcomes.append(at_most("differ", cosine, 0.95, 1e-3, "far from parallel", "cosine of the gradients"))
    return combine("the sleep gradient is the ELBO's at the posterior only", outcomes)


def check_recognition(quick=True, target="python"):
    """Every outcome of a pass is drawn on its cell; the wake rule on passes has the exact gradient as mean."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed)
        passes = recognition_cells(x[0], phi)
        units = lb.recognise(np.tile(x[0], (len(passes), 1)), phi, [c[0] for c in passes], target=target)
        wanted = np.array([np.concatenate([x[0], c[2]]) for c in passes])
        outcomes.append(compare("draw", wanted, units, EXACT, "recognise"))
        outcomes.append(
            estimator.expectation_over_is_target(
                lambda u, theta=theta: lb.wake_rule(u, theta).grad_theta,
                units,
                [c[1] for c in passes],
                lb.wake(x[0], theta, phi).grad_theta,
                name="E of the sampled wake gradient",
            )
        )
    return combine("every outcome on its cell, wake rule unbiased", outcomes)


def check_dreams(quick=True, target="python"):
    """Every dream is drawn on its cell; the sleep rule on dreams has the exact gradient as mean."""
    outcomes = []
    for seed in _seeds(quick):
        _, theta, phi = nets(seed)
        dreams = dream_cells(theta)
        units = lb.dream(theta, [c[0] for c in dreams], target=target)
        outcomes.append(compare("draw", np.array([c[2] for c in dreams]), units, EXACT, "dream"))
        outcomes.append(
            estimator.expectation_over_is_target(
                lambda u, phi=phi: lb.sleep_rule(u, phi).grad_phi,
                units,
                [c[1] for c in dreams],
                lb.sleep(theta, phi).grad_phi,
                name="E of the sampled sleep gradient",
            )
        )
    return combine("every outcome on its cell, sleep rule unbiased", outcomes)


def check_depth_one(quick=True, target="python"):
    """A network of one hidden layer is `sigmoid_belief`."""
    outcomes = []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed, (3, 2))
        shallow = sigmoid_belief.Generative(theta.prior_logits, *theta.layers[0])
        net = sigmoid_belief.Recognition(*phi.layers[0])
        for name, deep, plain in (
            ("elbo", lb.elbo(x, theta, phi, target=target), sigmoid_belief.elbo(x, shallow, net, target)),
            (
                "log_evidence",
                lb.log_evidence(x, theta, target=target),
                sigmoid_belief.log_evidence(x, shallow, target),
            ),
        ):
            grad = deep.grad_theta
            flat = (deep[0], sigmoid_belief.Generative(grad.prior_logits, *grad.layers[0]))
            flat += (sigmoid_belief.Recognition(*deep.grad_phi.layers[0]),) if name == "elbo" else ()
            tolerance = rounding(tuple(plain))
            tolerance = tolerance._replace(
                size={path: size + 64.0 * UNIT_ROUNDOFF for path, size in tolerance.size.items()}
            )
            outcomes.append(compare("equal", tuple(plain), flat, tolerance, name))
    return combine("one hidden layer is the shallow network", outcomes)


def check_targets(quick=True, target="python"):
    """Every schedulable kernel on a target against plain Python."""
    plain, other, outcomes = get_target("python"), get_target(target), []
    for seed in _seeds(quick):
        x, theta, phi = nets(seed, (2, 2, 1) if quick else (4, 3, 3))
        sizes = tuple(len(layer.bias) for layer in theta.layers) + (len(theta.prior_logits),)
        net, one, units = network(sizes, theta, phi), sigmoid_belief.Data(x[:1]), sum(sizes)
        P, Q, hidden = len(net.theta), len(net.phi), units - sizes[0]
        noise = states.Noise(np.random.default_rng(seed).random((3, units)))
        every = states.Units(noise.uniform.round())
        for schedule, kernel, inputs, count, width in (
            ("states", states.evidence_state, (net, one), 2**hidden, P),
            ("states", states.bound_state, (net, one), 2**hidden, 2 + P + Q),
            ("states", states.dream_state, (net,), 2 ** min(units, 7), 1 + Q),
            ("rows", states.wake_row, (net, every), 3, 1 + P),
            ("rows", states.sleep_row, (net, every), 3, 1 + Q),
            ("rows", states.recognition_row, (net, sigmoid_belief.Data(x), noise), len(x), units),
            ("rows", states.dream_row, (net, noise), 3, units),
        ):
            arguments = (count, width, units)
            magnitude = 32.0 * (1.0 + np.abs(getattr(plain, schedule)(kernel, inputs, *arguments)))
            outcomes.append(
                check_target_agreement(
                    plain, other, schedule, kernel, inputs, *arguments, magnitude=magnitude
                )
            )
    return combine(LAW, outcomes)


ENTRIES = [
    Entry("models.layered_belief", "model", "S2", lb),
    Entry("models.layered_belief.log_evidence", "model", "S2", lb.log_evidence),
    Entry("models.layered_belief.elbo", "objective", "S2", lb.elbo),
    Entry("models.layered_belief.wake", "objective", "S2", lb.wake),
    Entry("models.layered_belief.sleep", "objective", "S2", lb.sleep),
    Entry("models.layered_belief.wake_rule", "estimator", "S2", lb.wake_rule),
    Entry("models.layered_belief.sleep_rule", "estimator", "S2", lb.sleep_rule),
    Entry("models.layered_belief.recognise", "family", "S2", lb.recognise),
    Entry("models.layered_belief.dream", "model", "S2", lb.dream),
]

SAME_BITS = "equal bits on python, cpu and the simulator; 64·u·S on a device, whose library rounds otherwise"
DIFFERENCES = "4 times the differences' own error estimate"


def _row(subject, law, tolerance, run, targets=("python",)):
    return Evidence("S2", f"models.layered_belief{subject}", law, tolerance, run, targets)


RULES = "value by probabilities, mass one, gradient is the derivative, score has mean zero"
OUTCOMES = (
    "every outcome is drawn on its cell of the noise; delta rules on draws have the exact gradient as mean"
)
BOTH = f"8·u·S; {DIFFERENCES}"
EVIDENCE = [
    _row("", LAW, SAME_BITS, check_targets, ALL),
    _row("", "one hidden layer is `sigmoid_belief`", "8·u·S + 64·u", check_depth_one, ALL),
    _row(".wake_rule", RULES, BOTH, functools.partial(check_rule, "log_joint")),
    _row(".sleep_rule", RULES, BOTH, functools.partial(check_rule, "log_q")),
    _row(
        ".log_evidence",
        "sum over all layers' states, gradient by Fisher's identity",
        BOTH,
        check_evidence,
        ALL,
    ),
    _row(".elbo", "by enumeration, its gap is KL(q || posterior), both gradients", BOTH, check_elbo, ALL),
    _row(".wake", "by enumeration; the ELBO's gradient in theta to the bit", BOTH, check_wake),
    _row(".sleep", "by enumeration, its gradient, at most E_p log p(h | x)", BOTH, check_sleep, ALL),
    _row(
        ".sleep",
        "its gradient vanishes with the ELBO's at the posterior, and is another elsewhere",
        "512·u·S",
        check_phases_differ,
    ),
    _row(".recognise", OUTCOMES, "exact; 16·u·S", check_recognition, ALL),
    _row(".dream", OUTCOMES, "exact; 16·u·S", check_dreams),
]
