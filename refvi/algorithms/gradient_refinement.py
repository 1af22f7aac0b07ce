"""Gradient-based inference in the discrete VAE: a recognition net proposes, gradients refine, both nets learn from it.

One iteration, for data x, generative parameters Psi and recognition parameters theta:

    E step          mu_0 = q_theta(x), then ascent to mu*, on the exact ELBO, on score-function estimates of it, or on the
                    surrogate log p(x, mu) + H(q)
    M step          mu^h = mean over data of mu* (closed form); gradient steps on E_q[log p(x, h)] for the decoder, exact
                    or at samples of q
    auxiliary step  gradient steps on sum mu* log q_theta + (1 - mu*) log(1 - q_theta) in theta

The ascent moves the logits along the gradient in the means: the natural gradient, which never leaves the cube. Each step
that has a function to search on is a backtracking line search, so that it lowers nothing. A whole iteration may lower the
bound: the next E step starts from the net again, not from mu*.
Not here: exact references (`refvi.algorithms.discrete_vae_exact`).

Source      notes "Gradient-based Inference for Refining the Approximate Inference in Variational Autoencoder with
            Discrete Latent Variables", 22 September 2015, sections 1.1-1.2, eq 4-6
Checked by  tests/algorithms/test_gradient_refinement.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms import line_search
from refvi.estimators.bernoulli_refinement import estimate
from refvi.models import discrete_vae

OBJECTIVES = ("elbo", "surrogate")
HALVINGS = 50
FIRST = 4.0  # first step of a line search, times the mean gradient over data
ROUNDING = 2.0**-48


class Refined(NamedTuple):
    """What an E step returns.

    logits  (N, K) of mu*
    values  (steps + 1, N) of the objective, from the start on
    """

    logits: np.ndarray
    values: np.ndarray


class Iteration(NamedTuple):
    """One iteration: next parameters, and q at its start and after refinement, with their exact ELBO at the old Psi.

    psi, theta               the next parameters
    started, refined         (N, K) logits of q_theta and of mu*
    elbo_start, elbo_refined (N,)
    """

    psi: NamedTuple
    theta: NamedTuple
    started: np.ndarray
    refined: np.ndarray
    elbo_start: np.ndarray
    elbo_refined: np.ndarray


class RefinementRun(NamedTuple):
    """What a run returns.

    psi, theta      the parameters at its end
    log_evidence    (iterations + 1,) total log evidence
    elbo_start      (iterations,) total exact ELBO of the recognition net's q
    elbo_refined    (iterations,) total exact ELBO of the refined q
    """

    psi: NamedTuple
    theta: NamedTuple
    log_evidence: np.ndarray
    elbo_start: np.ndarray
    elbo_refined: np.ndarray


# ---- E step


def objective_at(x, psi, objective="elbo", target="python"):
    """The function (chosen data, their logits) -> (values, gradient in the logits, gradient in the means)."""
    validate.one_of("objective", objective, OBJECTIVES)
    if objective == "surrogate":
        return lambda chosen, logits: discrete_vae.surrogate(x[chosen], psi, logits, target)[:3]
    table = discrete_vae.joint_table(x, psi, target)  # the model's work, once for all steps
    return lambda chosen, logits: discrete_vae.elbo_of_table(table[chosen], logits, target)


def climb(evaluate, logits, steps):
    """`steps` backtracking line searches for every datum at once; data that have arrived are left alone.

    Formula     logits <- logits + 2^-i · grad_means, the first i with a rise of ¼ · 2^-i · <grad_logits, grad_means>
    Shapes      evaluate(indices, logits) -> values (n,), grad_logits (n, K), grad_means (n, K); logits (N, K)
    """
    logits = np.array(logits, dtype=np.float64)
    found = [np.array(a) for a in evaluate(np.arange(len(logits)), logits)]
    values = [found[0].copy()]
    for _ in range(validate.at_least("steps", steps, 0)):
        slope = (found[1] * found[2]).sum(1)
        waiting, step = np.flatnonzero(slope > ROUNDING * (1.0 + np.abs(found[0]))), 1.0
        for _ in range(HALVINGS):
            if not len(waiting):
                break
            candidate = logits[waiting] + step * found[2][waiting]
            new = evaluate(waiting, candidate)
            rises = new[0] >= found[0][waiting] + line_search.FRACTION * step * slope[waiting]
            moved = waiting[rises]
            logits[moved] = candidate[rises]
            for old, fresh in zip(found, new, strict=True):
                old[moved] = fresh[rises]
            waiting, step = waiting[~rises], 0.5 * step
        values.append(found[0].copy())
    return Refined(logits, np.array(values))


def refine(x, psi, logits, *, objective="elbo", steps=20, target="python"):
    """E step by line-searched ascent on the exact ELBO or on the surrogate, from logits (N, K)."""
    data, psi, q, _ = discrete_vae.bounds.check(x, psi, logits)
    return climb(objective_at(data.x, psi, objective, target), q.logits, steps)


def refine_by_score(x, psi, logits, uniform, rates, *, target="python"):
    """E step by score-function estimates from uniforms (T, N, S, K) and rates (T,): stochastic ascent on the ELBO.

    Formula     logits <- logits + rate_t · estimate_t;  values are the estimates before each step and the exact ELBO at last
    """
    logits = np.array(np.atleast_2d(logits), dtype=np.float64)
    rates = validate.array("rates", rates, "T")
    uniform = validate.array("uniform", uniform, "T N S K", {"T": len(rates)})
    values = []
    for noise, rate in zip(uniform, rates, strict=True):
        found = estimate(x, psi, logits, noise, target)
        values.append(found.elbo)
        logits = logits + rate * found.grad_logits
    values.append(discrete_vae.elbo(x, psi, logits, target).elbo)
    return Refined(logits, np.array(values))


# ---- M step


def decoder_steps(value, gradient, psi, steps, first):
    """Line-searched gradient steps that raise value(psi) in the decoder, the prior being held where it is."""
    for _ in range(steps):
        slope = gradient(psi)
        slope = slope._replace(prior_logits=0.0 * slope.prior_logits)
        psi = line_search.armijo(value, psi, value(psi), slope, first=first)
    return psi


def expected_steps(x, psi, log_weights, steps, target="python"):
    """`decoder_steps` on the log joint averaged with weights over states, (N, 2^K): those of q, or of the posterior.

    The search needs values only, and takes them from tables; the gradient is `expected_log_joint`'s.
    """
    weights = np.exp(log_weights - log_weights.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)

    def value(candidate):
        return float(np.sum(weights * discrete_vae.joint_table(x, candidate, target)))

    def gradient(candidate):
        return discrete_vae.expected_log_joint(x, candidate, log_weights, target)[2]

    return decoder_steps(value, gradient, psi, steps, FIRST / len(weights))


def m_step(x, psi, logits, *, uniform=None, steps=1, target="python"):
    """The prior in closed form, the decoder by gradient steps on the expected log joint.

    uniform  (N, S, K): the expectation is taken at these samples of q (the prior's part of it is still exact)
    """
    psi = psi._replace(prior_logits=discrete_vae.prior_step(logits, target))
    if uniform is None:
        return expected_steps(x, psi, discrete_vae.log_q_table(logits, target), steps, target)

    def objective(candidate):
        return discrete_vae.sampled_objective(x, candidate, logits, uniform, target)

    return decoder_steps(
        lambda p: objective(p).value, lambda p: objective(p).grad_psi, psi, steps, FIRST / len(uniform)
    )


# ---- auxiliary step


def auxiliary_step(x, theta, refined, *, order="log_q", steps=1, target="python"):
    """Line-searched gradient steps that raise the auxiliary objective, the refined logits being held fixed."""
    first = FIRST / len(np.atleast_2d(x))
    for _ in range(steps):
        found = discrete_vae.auxiliary(x, theta, refined, order, target)

        def value(candidate):
            return math.fsum(discrete_vae.auxiliary(x, candidate, refined, order, target).value)

        theta = line_search.armijo(value, theta, math.fsum(found.value), found.grad_theta, first=first)
    return theta


# ---- the whole


def iterate(
    x,
    psi,
    theta,
    *,
    objective="elbo",
    refinements=10,
    decoder=1,
    auxiliary=1,
    uniform=None,
    target="python",
):
    """One iteration: E step of `refinements` steps, M step of `decoder` steps, `auxiliary` auxiliary steps."""
    started = discrete_vae.recognise(x, theta, target)
    exact = objective_at(np.atleast_2d(x), psi, "elbo", target)
    everyone = np.arange(len(started))
    evaluate = exact if objective == "elbo" else objective_at(np.atleast_2d(x), psi, objective, target)
    refined = climb(evaluate, started, refinements).logits
    return Iteration(
        m_step(x, psi, refined, uniform=uniform, steps=decoder, target=target),
        auxiliary_step(x, theta, refined, steps=auxiliary, target=target),
        started,
        refined,
        exact(everyone, started)[0],
        exact(everyone, refined)[0],
    )


def total_evidence(x, psi, target="python"):
    """Log evidence of all data, without its gradient."""
    return math.fsum(np.logaddexp.reduce(discrete_vae.joint_table(x, psi, target), axis=1))


def run(x, psi, theta, *, iterations=20, samples=0, seed=0, target="python", **options):
    """Several iterations; samples > 0 makes the M step use that many samples of q per datum, fresh in every iteration.

    options  as `iterate`: objective, refinements, decoder, auxiliary
    """
    validate.at_least("iterations", iterations, 0)
    rng = np.random.default_rng(seed)
    evidence, start, refined = [], [], []
    for _ in range(iterations):
        shape = (len(np.atleast_2d(x)), samples, len(psi.prior_logits))
        uniform = rng.random(shape) if samples else None
        evidence.append(total_evidence(x, psi, target))
        found = iterate(x, psi, theta, uniform=uniform, target=target, **options)
        psi, theta = found.psi, found.theta
        start.append(math.fsum(found.elbo_start))
        refined.append(math.fsum(found.elbo_refined))
    evidence.append(total_evidence(x, psi, target))
    return RefinementRun(psi, theta, np.array(evidence), np.array(start), np.array(refined))
