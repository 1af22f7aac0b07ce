"""Solving with covariances: values by their Cholesky factors, S as large as forming and inverting a covariance costs.

Whoever forms L L^T and inverts it loses the condition number of the covariance in digits, and has made no mistake:
so S is that of a backward stable solver, whose answer solves a system that differs by (D + 1) u |A|, Frobenius norm.

    S(A^-1 b) = (D+1) |rows of A^-1| |A| |A^-1 b| + |A^-1| S(b)    S(½ log det A) = ½ (D+1) |A| trace A^-1 + sum |log L_ii|

Source      Higham 2002, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 7.1 and theorem 10.3
Checked by  tests/specs/test_kl.py, tests/specs/test_density.py
"""

import numpy as np

from refvi.specs.sized import Sized, sized


def _distance(matrix):
    """How far off the system is that a stable solver solves, in units of u."""
    return (matrix.shape[-1] + 1.0) * np.sqrt((matrix * matrix).sum((-2, -1), keepdims=True))


def _size(matrix, x, b):
    inverse = np.linalg.inv(matrix)
    rows = np.sqrt((inverse * inverse).sum(-1, keepdims=True))
    columns = np.sqrt((x * x).sum(-2, keepdims=True))
    return rows * _distance(matrix) * columns + np.abs(inverse) @ b.size + np.abs(x)


def covariance(factor):
    """L L^T as a plain array."""
    return factor @ np.swapaxes(factor, -1, -2)


def solve(matrix, b):
    """The solution of A x = b; A (..., D, D), b (..., D, M)."""
    b = sized(b)
    x = np.linalg.solve(matrix, b.value)
    return Sized(x, _size(matrix, x, b))


def solve_covariance(factor, b):
    """The solution of (L L^T) x = b for a lower factor L; b (..., D, M)."""
    b = sized(b)
    x = np.linalg.solve(np.swapaxes(factor, -1, -2), np.linalg.solve(factor, b.value))
    return Sized(x, _size(covariance(factor), x, b))


def half_log_det(factor):
    """Half the log determinant of L L^T, the sum of the logarithms of the diagonal of L."""
    logs = np.log(np.diagonal(factor, axis1=-2, axis2=-1))
    matrix = covariance(factor)
    trace = np.trace(np.linalg.inv(matrix), axis1=-2, axis2=-1)
    return Sized(logs.sum(-1), 0.5 * _distance(matrix)[..., 0, 0] * trace + np.abs(logs).sum(-1))


def half_log_det_gradient(factor):
    """Its gradient by the lower triangle of L: the reciprocals of the diagonal."""
    reciprocals = np.eye(factor.shape[-1]) / np.diagonal(factor, axis1=-2, axis2=-1)[..., None]
    return Sized(reciprocals, np.tril(solve_covariance(factor, factor).size))
