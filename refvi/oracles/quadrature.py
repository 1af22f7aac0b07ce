"""Integrals over continuous latents: Gauss-Hermite, adaptive on a line, and measures for laws.

Every answer carries an error estimate: two orders are compared, or the adaptive rule reports its own.
Not here: the integral of the importance-weighted bound (`importance`), sums over states (`enumeration`).
"""

import itertools
import math

import numpy as np

from refvi.oracles.answer import Answer
from refvi.oracles.trees import ravel

UNIT_ROUNDOFF = 2.0**-53


def normal_nodes(mean, covariance, n):
    """Nodes (n^D, D) and weights (n^D,) of the product rule for N(mean, covariance).

    Formula     E f = sum_i w_i f(mean + L t_i), t_i roots of the Hermite polynomial He_n, L L' = covariance
    Shapes      mean (D,) or (); covariance (D,) of variances, (D, D), or ()
    Domain      D <= 3 is meant (n^D nodes); exact for polynomials up to degree 2n - 1 in each coordinate of t
    Source      Golub and Welsch 1969, Math. Comp. 23, section 2
    Checked by  tests/oracles/test_quadrature.py
    """
    mean = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    covariance = np.asarray(covariance, dtype=np.float64)
    spread = (
        np.linalg.cholesky(covariance)
        if covariance.ndim == 2
        else np.diag(np.sqrt(np.atleast_1d(covariance)))
    )
    roots, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / math.fsum(weights)
    grid = np.array(list(itertools.product(roots, repeat=len(mean))))
    products = np.array([math.prod(row) for row in itertools.product(weights, repeat=len(mean))])
    return mean + grid @ spread.T, products


def normal_expectation(function, mean, covariance, n=40, more=11):
    """Expectation under a Gaussian of a function that returns a scalar, an array or a tree.

    Formula     E f by the product rule with n + more nodes per dimension; error = the distance to the rule
                with n nodes, plus u·S; S = sum_i w_i |f(z_i)|
    Shapes      function(z) -> tree, z (D,); mean (D,), covariance (D,) of variances or (D, D)
    Domain      D <= 3; f smooth on the scale of the standard deviation: the error shows where it is not
                (`more` is odd: rules of equal parity agree on a step at the mean without being right)
    Checked by  tests/oracles/test_quadrature.py
    """
    (coarse, _, _), (fine, magnitude, rebuild) = (
        _weighted(function, *normal_nodes(mean, covariance, order)) for order in (n, n + more)
    )
    error = np.abs(fine - coarse) + UNIT_ROUNDOFF * magnitude
    return Answer(rebuild(fine), rebuild(magnitude), rebuild(error))


def _weighted(function, nodes, weights):
    """Sum and absolute sum over nodes as flat vectors, and how to put such a vector back."""
    rows, rebuild = [], None
    for node in nodes:
        row, back, _ = ravel(function(node))
        rebuild = rebuild or back
        rows.append(row)
    terms = weights[:, None] * np.array(rows)
    total = np.array([math.fsum(column) for column in terms.T])
    return total, np.array([math.fsum(column) for column in np.abs(terms).T]), rebuild


def integrate(function, low=-math.inf, high=math.inf, breaks=()):
    """Adaptive integral of a scalar function of one number, in pieces between the breaks.

    Formula     int_low^high f; magnitude int |f|; error: the rule's own estimate, at least u·magnitude
    Domain      `breaks`: points where f bends or peaks; a narrow peak needs one on each side, and lies at
                the origin where its width is not far above the rounding of z, which is not in the error
    Source      Piessens et al. 1983, QUADPACK, section 2.2.3 (21-point Gauss-Kronrod)
    Checked by  tests/oracles/test_quadrature.py
    """
    from scipy.integrate import quad

    edges = [low, *sorted(b for b in breaks if low < b < high), high]
    values, sizes, errors = [], [], []
    for left, right in itertools.pairwise(edges):
        value, error = quad(function, left, right, epsabs=0.0, epsrel=1e-13, limit=400, full_output=1)[:2]
        size, _ = quad(
            lambda z: abs(function(z)), left, right, epsabs=0.0, epsrel=1e-3, limit=400, full_output=1
        )[:2]
        values.append(value)
        sizes.append(size)
        errors.append(error)
    magnitude = math.fsum(sizes)
    return Answer(math.fsum(values), magnitude, math.fsum(errors) + UNIT_ROUNDOFF * magnitude)


def line(low=-math.inf, high=math.inf, breaks=()):
    """Lebesgue measure on an interval: the function that integrates its argument, a tree, over it."""

    def total(function):
        def entry(z, index):
            return float(ravel(function(z))[0][index])

        middle = breaks[0] if len(breaks) else _inside(low, high)
        width, rebuild, _ = ravel(function(middle))
        found = [
            integrate(lambda z, index=index: entry(z, index), low, high, breaks)
            for index in range(len(width))
        ]
        return Answer(*(rebuild(np.array(field)) for field in zip(*found, strict=True)))

    return total


def _inside(low, high):
    """Some point of an interval."""
    if math.isinf(low) and math.isinf(high):
        return 0.0
    if math.isinf(high):
        return low + 1.0
    return high - 1.0 if math.isinf(low) else 0.5 * (low + high)


def space(mean, covariance, n=40, more=11):
    """Lebesgue measure on R^D seen from a Gaussian: int f dz = E_N[f(z) / N(z)], by Gauss-Hermite.

    Domain      good where f falls about as fast as N(mean, covariance); the error shows where it does not
    Checked by  tests/oracles/test_quadrature.py
    """
    mean = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    covariance = np.asarray(covariance, dtype=np.float64)
    matrix = covariance if covariance.ndim == 2 else np.diag(np.atleast_1d(covariance))
    precision = np.linalg.inv(matrix)
    constant = 0.5 * (len(mean) * math.log(2.0 * math.pi) + np.linalg.slogdet(matrix)[1])

    def total(function):
        def ratio(z):
            centred = z - mean
            inverse = math.exp(constant + 0.5 * float(centred @ precision @ centred))
            row, rebuild, _ = ravel(function(z))
            return rebuild(inverse * row)

        return normal_expectation(ratio, mean, covariance, n, more)

    return total
