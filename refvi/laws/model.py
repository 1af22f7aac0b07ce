"""What a generative model must obey: mass one, the right evidence and its gradient, consistent marginals.

Subjects: `log_joint(x, h) -> ()` or, with the data fixed, `log_joint(h) -> ()`. Not here: how a model is
sampled (`sampler`).
"""

import math

import numpy as np

from refvi.laws.compare import UNIT_ROUNDOFF, Tolerance, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.oracles import enumeration


def total_mass_is_one(log_joint, x_states, h_states, *, magnitude=0.0, name="model"):
    """The probabilities of all data and latents add up to one.

    Formula     sum_x sum_h exp(log_joint(x, h)) = 1;  S = 1 + largest relative error of a term
    Shapes      x_states (X, D), h_states (H, K); log_joint(x, h) -> ()
    Domain      `magnitude`: sum of the absolute terms of one log_joint, the largest |log_joint| if not given
    Checked by  tests/laws/test_model.py
    """
    logs = [float(log_joint(x, h)) for x in x_states for h in h_states]
    return _mass("total mass is one", logs, magnitude, f"mass of {name}")


def conditional_mass_is_one(log_conditional, states, conditions, *, magnitude=0.0, name="conditional"):
    """A conditional density has mass one under every condition.

    Formula     sum_s exp(log_conditional(s, c)) = 1 for every c
    Checked by  tests/laws/test_model.py
    """
    law = "conditional mass is one"
    outcomes = []
    for c in conditions:
        logs = [float(log_conditional(s, c)) for s in states]
        outcomes.append(_mass(law, logs, magnitude, f"mass of {name} given {np.asarray(c).tolist()}"))
    return combine(law, outcomes)


def measure_is_one(density, total, *, name="density"):
    """A density integrates to one against a measure: `quadrature.line`, `.space` or `enumeration.total`.

    Formula     int exp(log density) = 1 within the measure's own error
    Shapes      density(z) -> (), total(function) -> Answer
    Checked by  tests/laws/test_model.py
    """
    answer = total(density)
    return compare("mass is one", 1.0, answer.value, of_answer(answer), f"mass of {name}")


def log_evidence_is_sum(log_evidence, log_joint, states, *, name="log_evidence", factor=8.0):
    """A log evidence equals the sum over all latents.

    Formula     log p(x) = log sum_h exp(log_joint(h)), within 8·u·S
    Shapes      log_evidence: a number; log_joint(h) -> (); states (H, K)
    Checked by  tests/laws/test_model.py
    """
    answer = enumeration.log_evidence(log_joint, states)
    return compare(
        "log evidence is the sum", answer.value, float(log_evidence), of_answer(answer, factor), name
    )


def gradient_of_log_evidence(grad, log_joint, grad_log_joint, states, *, name="grad_theta", factor=8.0):
    """A gradient of the log evidence equals the posterior expectation of the gradient of the log joint.

    Formula     d log p(x) = sum_h p(h | x) d log p(x, h), within 8·u·S (1 + |log p(x)|): a posterior
                probability carries the rounding of the log joint
    Shapes      grad: a tree; log_joint(h) -> (), grad_log_joint(h) -> such a tree; states (H, K)
    Checked by  tests/laws/test_model.py
    """
    answer = enumeration.grad_log_evidence(log_joint, grad_log_joint, states)
    amplification = enumeration.log_evidence(log_joint, states).magnitude
    tolerance = rounding(answer.magnitude, factor)
    size = {path: (1.0 + amplification) * leaf for path, leaf in tolerance.size.items()}
    reason = f"{factor:g}·u·S (1 + S of the log evidence)"
    law = "gradient of the log evidence is Fisher's identity"
    return compare(law, answer.value, grad, Tolerance(size, reason), name)


def posterior_is_exact(posterior, log_joint, states, *, name="posterior", factor=8.0):
    """Posterior probabilities equal those of the enumeration.

    Formula     p(h | x) = p(x, h) / sum_h' p(x, h')
    Shapes      posterior (H,) in the order of states
    Checked by  tests/laws/test_model.py
    """
    wanted = enumeration.posterior(log_joint, states)
    size = rounding(wanted * (2.0 + enumeration.log_evidence(log_joint, states).magnitude), factor)
    return compare("posterior is exact", wanted, np.asarray(posterior, dtype=np.float64), size, name)


def marginals_agree(log_marginal, log_joint, kept, summed, *, name="log_marginal", factor=8.0):
    """A marginal equals the joint summed over what it leaves out, for every value of what it keeps.

    Formula     log p(a) = log sum_b p(a, b)
    Shapes      log_marginal(a) -> (), log_joint(a, b) -> (); kept (A, ...), summed (B, ...)
    Checked by  tests/laws/test_model.py
    """
    law = "marginal is the joint summed"
    outcomes = []
    for a in kept:
        answer = enumeration.log_evidence(lambda b, a=a: log_joint(a, b), summed)
        path = f"{name}({np.asarray(a).tolist()})"
        outcomes.append(compare(law, answer.value, float(log_marginal(a)), of_answer(answer, factor), path))
    return combine(law, outcomes)


def joint_is_product(log_joint, factors, states, *, name="log_joint", factor=8.0):
    """A log joint is the sum of the logarithms of its factors.

    Formula     log p(s) = sum_i log f_i(s);  S = sum_i |log f_i(s)|
    Shapes      log_joint(s) -> (), factors: functions s -> ()
    Checked by  tests/laws/test_model.py
    """
    law = "joint is the product of its factors"
    outcomes = []
    for s in states:
        logs = [float(f(s)) for f in factors]
        wanted = sum(logs) if -math.inf in logs else math.fsum(logs)
        size = rounding(1.0 + sum(abs(log) for log in logs if math.isfinite(log)), factor)
        outcomes.append(compare(law, wanted, float(log_joint(s)), size, f"{name}({np.asarray(s).tolist()})"))
    return combine(law, outcomes)


def _mass(law, logs, magnitude, name):
    """Outcome of sum exp(logs) = 1; a relative error u·S of a term moves the sum by as much."""
    terms = [math.exp(log) if not math.isnan(log) else math.nan for log in logs]
    largest = max((abs(log) for log in logs if math.isfinite(log)), default=0.0)
    size = 8.0 * UNIT_ROUNDOFF * (2.0 + max(magnitude, largest))
    return compare(law, 1.0, math.fsum(terms), Tolerance(size, "8·u·S"), name)
