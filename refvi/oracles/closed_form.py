"""Divergences, entropies and evidences in closed form, written otherwise than a kernel would write them.

Divergences of Gaussians by the singular values of a whitened factor, evidences by the covariance of the joint, tables
by probabilities and not by logits. Not here: anything that needs a sum over states or an integral.
"""

import math

import numpy as np

from refvi.oracles.answer import Answer

UNIT_ROUNDOFF = 2.0**-53
LOG_TWO_PI = math.log(2.0 * math.pi)


def kl_normal(mean_q, covariance_q, mean_p, covariance_p):
    """Divergence between Gaussians.

    Formula     KL(q || p) = ½ sum_i (s_i² - 1 - log s_i²) + ½ |L_p^-1 (m_p - m_q)|², s the singular values of
                L_p^-1 L_q;  S the sum of the absolute terms
    Shapes      means (D,); covariances (D,) of variances, or (D, D) -> Answer of ()
    Domain      covariances positive definite; error grows with their condition number
    Source      Kullback 1959, Information Theory and Statistics, ch 9, Eq 1.2, in whitened coordinates
    Checked by  tests/oracles/test_closed_form.py
    """
    delta = np.atleast_1d(np.asarray(mean_p, dtype=np.float64) - np.asarray(mean_q, dtype=np.float64))
    factor_q, factor_p = _factor(covariance_q), _factor(covariance_p)
    if factor_q.ndim == factor_p.ndim == 1:
        singular, shifted, condition = factor_q / factor_p, delta / factor_p, 1.0
    else:
        full_q, full_p = (np.diag(f) if f.ndim == 1 else f for f in (factor_q, factor_p))
        singular = np.linalg.svd(np.linalg.solve(full_p, full_q), compute_uv=False)
        shifted = np.linalg.solve(full_p, delta)
        condition = float(np.linalg.cond(full_p) ** 2 + np.linalg.cond(full_q) ** 2)
    above = [(s - 1.0) * (s + 1.0) for s in singular]
    terms = [0.5 * (y - math.log1p(y)) for y in above] + [0.5 * t * t for t in shifted]
    magnitude = math.fsum(0.5 * (2.0 + abs(y) + abs(math.log1p(y))) for y in above) + 0.5 * float(
        shifted @ shifted
    )
    error = 4.0 * UNIT_ROUNDOFF * len(delta) * condition * magnitude if condition > 1.0 else 0.0
    return Answer(math.fsum(terms), magnitude, error)


def entropy_normal(covariance):
    """Entropy of a Gaussian: ½ D (1 + log 2 pi) + ½ log det, by eigenvalues; covariance (D,) or (D, D)."""
    covariance = np.atleast_1d(np.asarray(covariance, dtype=np.float64))
    values = covariance if covariance.ndim == 1 else np.linalg.eigvalsh(covariance)
    terms = [0.5 * (1.0 + LOG_TWO_PI + math.log(v)) for v in values]
    return Answer(math.fsum(terms), math.fsum(1.5 + abs(0.5 * math.log(v)) for v in values), 0.0)


def log_normal(x, mean, covariance):
    """Log density of a Gaussian by a linear solve and a log determinant; covariance (D,) or (D, D)."""
    centred = np.atleast_1d(np.asarray(x, dtype=np.float64) - np.asarray(mean, dtype=np.float64))
    covariance = np.atleast_1d(np.asarray(covariance, dtype=np.float64))
    matrix = np.diag(covariance) if covariance.ndim == 1 else covariance
    quadratic = float(centred @ np.linalg.solve(matrix, centred))
    log_det = float(np.linalg.slogdet(matrix)[1])
    value = -0.5 * (quadratic + log_det + len(centred) * LOG_TWO_PI)
    size = 0.5 * (
        quadratic + float(np.abs(np.log(np.linalg.eigvalsh(matrix))).sum()) + len(centred) * LOG_TWO_PI
    )
    condition = float(np.linalg.cond(matrix)) if covariance.ndim == 2 else 1.0
    return Answer(value, size, 4.0 * UNIT_ROUNDOFF * len(centred) * condition * (quadratic + 1.0))


def kl_bernoulli(q, p):
    """Divergence between vectors of Bernoulli probabilities: sum of q log(q/p) + (1-q) log((1-q)/(1-p))."""
    pairs = [(float(a), float(b)) for a, b in zip(np.ravel(q), np.ravel(p), strict=True)]
    return _relative([t for a, b in pairs for t in ((a, b), (1.0 - a, 1.0 - b))])


def kl_categorical(q, p):
    """Divergence between tables of probabilities, 0 log 0 = 0; infinite where q has mass and p has none."""
    return _relative([(float(a), float(b)) for a, b in zip(np.ravel(q), np.ravel(p), strict=True)])


def entropy_categorical(q):
    """Entropy of a table of probabilities, 0 log 0 = 0."""
    terms = [-float(a) * math.log(a) for a in np.ravel(q) if a > 0.0]
    return Answer(math.fsum(terms), math.fsum(terms))


def entropy_bernoulli(q):
    """Sum of the entropies of Bernoulli probabilities."""
    return entropy_categorical([part for a in np.ravel(q) for part in (float(a), 1.0 - float(a))])


def kl_gamma(shape_q, rate_q, shape_p, rate_p):
    """Divergence between gamma distributions with shapes and rates.

    Formula     log Gamma(a_p) - log Gamma(a_q) + a_p log(b_q / b_p) + (a_q - a_p) psi(a_q) + a_q (b_p / b_q - 1)
    Shapes      four numbers -> Answer of ()
    Source      Johnson, Kotz and Balakrishnan 1994, vol 1, ch 17; E log z = psi(a) - log b
    Checked by  tests/oracles/test_closed_form.py
    """
    from scipy.special import digamma

    terms = [
        math.lgamma(shape_p),
        -math.lgamma(shape_q),
        shape_p * math.log(rate_q / rate_p),
        (shape_q - shape_p) * float(digamma(shape_q)),
        shape_q * (rate_p - rate_q) / rate_q,
    ]
    return Answer(math.fsum(terms), math.fsum(abs(t) for t in terms) + shape_q * (1.0 + rate_p / rate_q))


def entropy_gamma(shape, rate):
    """Entropy of a gamma distribution: a - log b + log Gamma(a) + (1 - a) psi(a)."""
    from scipy.special import digamma

    terms = [shape, -math.log(rate), math.lgamma(shape), (1.0 - shape) * float(digamma(shape))]
    return Answer(math.fsum(terms), math.fsum(abs(t) for t in terms))


def kl_poisson(rate_q, rate_p):
    """Divergence between Poisson distributions: q log(q / p) - q + p."""
    terms = [rate_q * math.log(rate_q / rate_p), -rate_q, rate_p]
    return Answer(math.fsum(terms), math.fsum(abs(t) for t in terms))


def linear_gaussian_joint(weights, offset, noise, mean, covariance):
    """Mean and covariance of (z, x) for z ~ N(mean, covariance), x | z ~ N(W z + offset, noise).

    Shapes      weights (X, D), offset (X,), noise (X,) or (X, X), mean (D,), covariance (D,) or (D, D)
                -> (D + X,), (D + X, D + X)
    Checked by  tests/oracles/test_closed_form.py
    """
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    prior, noise = (_matrix(c) for c in (covariance, noise))
    cross = weights @ prior
    joint = np.block([[prior, cross.T], [cross, cross @ weights.T + noise]])
    return np.concatenate([np.atleast_1d(mean), weights @ np.atleast_1d(mean) + offset]), joint


def linear_gaussian_evidence(x, weights, offset, noise, mean, covariance):
    """Log evidence of a linear Gaussian model: the Gaussian of the x block of the joint.

    Formula     log N(x; W mean + offset, W covariance W' + noise)
    Shapes      x (X,), the others as `linear_gaussian_joint` -> Answer of ()
    Source      Bishop 2006, Pattern Recognition and Machine Learning, Eq 2.115
    Checked by  tests/oracles/test_closed_form.py
    """
    centre, joint = linear_gaussian_joint(weights, offset, noise, mean, covariance)
    d = len(np.atleast_1d(mean))
    return log_normal(x, centre[d:], joint[d:, d:])


def linear_gaussian_posterior(x, weights, offset, noise, mean, covariance):
    """Posterior mean and covariance of z by the Schur complement of the joint (not by precisions).

    Formula     m + C_zx C_xx^-1 (x - m_x),  C_zz - C_zx C_xx^-1 C_xz
    Shapes      as `linear_gaussian_evidence` -> (D,), (D, D)
    Source      Bishop 2006, Pattern Recognition and Machine Learning, Eqs 2.81 and 2.82
    Checked by  tests/oracles/test_closed_form.py
    """
    centre, joint = linear_gaussian_joint(weights, offset, noise, mean, covariance)
    d = len(np.atleast_1d(mean))
    gain = np.linalg.solve(joint[d:, d:], joint[d:, :d]).T
    centred = np.asarray(x, dtype=np.float64) - centre[d:]
    return centre[:d] + gain @ centred, joint[:d, :d] - gain @ joint[d:, :d]


def linear_gaussian_elbo(x, weights, offset, noise, mean, covariance, mean_q, covariance_q):
    """Evidence lower bound of a linear Gaussian model: the log evidence less the divergence to the posterior.

    Formula     ELBO = log p(x) - KL(q || p(z | x)), never as the sum of its usual terms
    Shapes      as `linear_gaussian_evidence`; mean_q (D,), covariance_q (D,) or (D, D) -> Answer of ()
    Source      Jordan et al. 1999, Machine Learning 37, section 6
    Checked by  tests/oracles/test_closed_form.py
    """
    evidence = linear_gaussian_evidence(x, weights, offset, noise, mean, covariance)
    centre, spread = linear_gaussian_posterior(x, weights, offset, noise, mean, covariance)
    gap = kl_normal(mean_q, covariance_q, centre, 0.5 * (spread + spread.T))
    return Answer(evidence.value - gap.value, evidence.magnitude + gap.magnitude, evidence.error + gap.error)


def _relative(pairs):
    """Sum of a log(a / b) over pairs, 0 log 0 = 0, as an Answer; S includes |a - b|, what the logarithms cancel to."""
    if any(a > 0.0 and b == 0.0 for a, b in pairs):
        return Answer(math.inf, math.inf)
    terms = [a * math.log(a / b) for a, b in pairs if a > 0.0]
    size = math.fsum(a * (abs(math.log(a)) + abs(math.log(b)) + 1.0) for a, b in pairs if a > 0.0)
    return Answer(math.fsum(terms), size)


def _factor(covariance):
    """Standard deviations of a diagonal covariance, or the Cholesky factor of a full one."""
    covariance = np.atleast_1d(np.asarray(covariance, dtype=np.float64))
    return np.sqrt(covariance) if covariance.ndim == 1 else np.linalg.cholesky(covariance)


def _matrix(covariance):
    """A covariance as a matrix."""
    covariance = np.atleast_1d(np.asarray(covariance, dtype=np.float64))
    return np.diag(covariance) if covariance.ndim == 1 else covariance
