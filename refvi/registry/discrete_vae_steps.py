"""Evidence for the steps of gradient-based inference: M step, prior step, auxiliary objective, score function, samples."""

import math

import numpy as np

from refvi.estimators import finite, score_function
from refvi.laws import em as em_law
from refvi.laws.compare import at_most, compare, rounding
from refvi.laws.outcome import combine
from refvi.models import discrete_vae as dv
from refvi.models.discrete_vae.parameters import Q
from refvi.oracles import enumeration
from refvi.registry import discrete_vae_cases as cases
from refvi.registry.entry import Entry, Evidence

ALL = ("python", "cpu", "cuda")
SIZE = cases.SIZE


def uniforms(h, logits):
    """Uniforms that make the state h out of q, just on its side of every threshold: (K,)."""
    return cases.sigmoid(logits)[0] + np.where(h == 1.0, -(2.0**-40), 2.0**-40)


def check_m_step(quick=True, target="python"):
    """The sampled objective summed over all samples is the exact one, value and gradient; that is the derivative."""
    outcomes, law = [], "the sampled objective of the M step has the exact one as its mean"
    for _, x, psi, logits in cases.models(quick, seeds=2):
        x, logits, corners = x[:1], logits[:1], cases.states(psi)
        q = enumeration.probabilities(lambda h, a=logits: cases.log_q(h, a[0]), corners)

        def at(h, x=x, psi=psi, logits=logits):
            return dv.sampled_objective(x, psi, logits, uniforms(h, logits[0])[None, None], target)

        mean, found = enumeration.expectation(at, corners, q), dv.expected_objective(x, psi, logits, target)
        outcomes.append(compare(law, mean.value, found, rounding(SIZE), "objective"))
        outcomes.append(
            compare(
                law,
                math.fsum(w * cases.log_joint(h, x[0], psi) for w, h in zip(q, corners, strict=True)),
                found.value,
                rounding(SIZE),
                "objective",
            )
        )
        pair = np.stack([uniforms(h, logits[0]) for h in corners[:2]])[None]
        halves = [np.array(at(h).value) for h in corners[:2]]
        both = dv.sampled_objective(x, psi, logits, pair, target).value
        outcomes.append(compare(law, 0.5 * sum(halves), both, rounding(SIZE), "objective of two samples"))
    return combine(law, outcomes)


def check_prior_step(quick=True, target="python"):
    """The closed-form prior step is the mean over data, the stationary point, and no neighbour is better."""
    outcomes, law = [], "the closed-form prior step maximises the expected log joint"
    for _, x, psi, logits in cases.models(quick):
        best = dv.prior_step(logits, target)
        on, off = cases.sigmoid(logits).sum(1)
        outcomes.append(compare(law, np.log(on) - np.log(off), best, rounding(SIZE), "prior_logits"))
        moved = psi._replace(prior_logits=best)
        here = dv.expected_objective(x, moved, logits, target)
        outcomes.append(em_law.is_stationary(here.grad_psi.prior_logits, SIZE, name="grad_prior_logits"))
        for step in (-0.25, 0.125):
            value = dv.expected_objective(x, psi._replace(prior_logits=best + step), logits, target).value
            outcomes.append(
                at_most(law, value, here.value, SIZE * 2.0**-50, "8·u·S", "a neighbour's objective")
            )
    return combine(law, outcomes)


def check_auxiliary(quick=True, target="python"):
    """Both orders: value, gradients; mu* is the optimum of the exchanged order and not of the printed one."""
    outcomes, law = [], "the auxiliary objective is the negative cross-entropy; log_q is largest at mu*"
    for _, x, psi, refined in cases.models(quick, seeds=2):
        theta = cases.recognition(psi, x)

        def total(theta, order, x=x, refined=refined):
            rows = zip(x @ theta.weights.T + theta.bias, refined, strict=True)
            terms = [
                t
                for a, r in rows
                for mine, other in [(a, r) if order == "log_target" else (r, a)]
                for factor in zip(cases.sigmoid(mine)[0], *cases.sigmoid(other), strict=True)
                for t in cases.cross(*factor)
            ]
            return math.fsum(terms)

        for order in dv.ORDERS:
            found = dv.auxiliary(x, theta, refined, order, target)
            value = math.fsum(found.value)
            outcomes.append(compare(law, total(theta, order), value, rounding(SIZE), f"auxiliary {order}"))
            outcomes.append(
                cases.differentiated(
                    lambda t, order=order, total=total: total(t, order),
                    found.grad_theta,
                    theta,
                    name=f"grad_theta of auxiliary {order}",
                    quick=quick,
                    magnitude=SIZE,
                )
            )
        # One datum whose net is its bias: at bias = refined logits the value is -H(mu*) and stationary, for log_q alone.
        exact = dv.Recognition(np.zeros_like(theta.weights), refined[0])
        at = dv.auxiliary(x[:1], exact, refined[:1], "log_q", target)
        entropy = math.fsum(cases.entropy_terms(refined[0]))
        outcomes.append(compare(law, -entropy, at.value[0], rounding(SIZE), "auxiliary log_q at mu*"))
        outcomes.append(em_law.is_stationary(at.grad_logits, SIZE, name="grad_logits at mu*"))
        for order in dv.ORDERS:
            further = dv.Recognition(exact.weights, exact.bias + 3.0 * np.sign(refined[0]))
            here, there = (
                dv.auxiliary(x[:1], t, refined[:1], order, target).value[0] for t in (exact, further)
            )
            low, high = (there, here) if order == "log_q" else (here, there)
            outcomes.append(at_most(law, low, high, 0.0, "exact", f"auxiliary {order}, mu* against beyond"))
    return combine(law, outcomes)


def check_score(quick=True, target="python"):
    """The score-function gradient of the E step, summed over all samples, is the exact gradient."""
    outcomes, law = [], "the score-function gradient of the ELBO has the exact gradient as its mean"
    for _, x, psi, logits in cases.models(quick, seeds=2):
        table = dv.tables(x[0], psi, logits[0], target)
        exact = dv.elbo(x[:1], psi, logits[:1], target)
        by_psi = dv.grad_elbo_psi(x[:1], psi, logits[:1], target)
        for estimator, samples in (
            (score_function.score_function, 1),
            (score_function.leave_one_out, 2),
        ):
            found = finite.moments(estimator, table, psi, Q(logits[0]), samples, target=target)
            wanted = (float(exact.elbo[0]), by_psi, Q(exact.grad_logits[0]))
            actual = (found.value, found.grad_theta, found.grad_phi)
            outcomes.append(compare(law, wanted, actual, rounding(SIZE), f"mean of {estimator.__name__}"))
    return combine(law, outcomes)


def check_generate(quick=True, target="python"):
    """A uniform 2^-40 below a probability gives a one, as much above it a zero, for every latent and visible."""
    outcomes, law = [], "ancestral sampling turns over at the model's probabilities"
    for _, x, psi, _ in cases.models(quick, seeds=2):
        on = cases.sigmoid(psi.prior_logits)[0]
        for h in cases.states(psi)[:: 3 if quick else 1]:
            seen = cases.means(h, psi)[0]
            for offset, wanted in ((-(2.0**-40), 1.0), (2.0**-40, 0.0)):
                below = np.where(h == 1.0, on - 2.0**-40, on + 2.0**-40)
                uniform = np.concatenate([below, seen + offset])[None]
                found = dv.generate(uniform, psi, target)
                expected = (h[None], np.full((1, x.shape[1]), wanted))
                outcomes.append(compare(law, expected, found, rounding(0.0), "sample"))
    return combine(law, outcomes)


def _entry(name, kind, thing):
    return Entry(f"models.discrete_vae{name}", kind, "S0", thing)


ENTRIES = [
    _entry(".generate", "model", dv.generate),
    _entry(".sampled_objective", "estimator", dv.sampled_objective),
    _entry(".expected_objective", "objective", dv.expected_objective),
    _entry(".prior_step", "objective", dv.prior_step),
    _entry(".auxiliary", "objective", dv.auxiliary),
    _entry(".tables", "estimator", dv.tables),
]

DIFFERENCES = "4 times the differences' own error estimate"
MIXED = f"8·u·S; {DIFFERENCES}"


def _row(name, words, tolerance, run, targets=ALL):
    return Evidence("S0", f"models.discrete_vae{name}", words, tolerance, run, targets)


EVIDENCE = [
    _row(".generate", "thresholds are the model's probabilities", "2^-40 on either side", check_generate),
    _row(
        ".sampled_objective",
        "two samples are the mean of each; its mean is the exact one",
        "8·u·S",
        check_m_step,
        ("python",),
    ),
    _row(".expected_objective", "value; it is the mean over all samples", "8·u·S", check_m_step),
    _row(".prior_step", "it maximises the expected log joint", "8·u·S", check_prior_step),
    _row(".auxiliary", "value, gradients, optimum at mu* in the order log_q alone", MIXED, check_auxiliary),
    _row(".tables", "the score function's mean is the exact gradient", "8·u·S", check_score),
]
