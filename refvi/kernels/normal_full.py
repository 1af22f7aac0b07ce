"""KL divergence between normals with full covariances, from Cholesky factors, without allocation.

Split from `normal.py` for length. Not here: the factorisation itself (the factors are the parameters).
"""

from refvi.kernels.portable import portable
from refvi.kernels.scalar import divide, log


@portable
def solve_lower(cholesky, right, columns):
    """Solve L a = b in place for several columns.

    Formula     a_ic = (b_ic - sum_(j<i) L_ij a_jc) / L_ii
    Gradient    not needed: `kl_full_normals_grad` uses the adjoint solve
    Shapes      cholesky (D, D) lower triangular, right (D*C,) row by row, columns = C
    Domain      L_ii > 0
    Source      Golub and Van Loan 2013, Matrix Computations, algorithm 3.1.1
    Checked by  tests/kernels/test_normal.py
    """
    for i in range(cholesky.shape[0]):
        for c in range(columns):
            total = right[i * columns + c]
            for j in range(i):
                total -= cholesky[i, j] * right[j * columns + c]
            right[i * columns + c] = divide(total, cholesky[i, i])


@portable
def solve_lower_transposed(cholesky, right, columns):
    """Solve Lᵀ a = b in place for several columns.

    Formula     a_ic = (b_ic - sum_(j>i) L_ji a_jc) / L_ii
    Gradient    not needed: `kl_full_normals_grad` uses it as the adjoint solve
    Shapes      cholesky (D, D) lower triangular, right (D*C,) row by row, columns = C
    Domain      L_ii > 0
    Source      Golub and Van Loan 2013, Matrix Computations, algorithm 3.1.2
    Checked by  tests/kernels/test_normal.py
    """
    size = cholesky.shape[0]
    for back in range(size):
        i = size - 1 - back
        for c in range(columns):
            total = right[i * columns + c]
            for j in range(i + 1, size):
                total -= cholesky[j, i] * right[j * columns + c]
            right[i * columns + c] = divide(total, cholesky[i, i])


@portable
def kl_full_normals(mean_q, cholesky_q, mean_p, cholesky_p, scratch):
    """KL divergence between normals with full covariances.

    Formula     KL(q || p) = ½ ( |A|² + |a|² - D ) + sum_i [ log P_ii - log Q_ii ],
                A = P⁻¹ Q,  a = P⁻¹ (m_q - m_p),  Q = cholesky_q,  P = cholesky_p
    Gradient    `kl_full_normals_grad`
    Shapes      means (D,), factors (D, D) lower triangular, scratch (D*D + D,) ends as A, a -> ()
    Domain      Q_ii > 0, P_ii > 0; entries above the diagonals are not read
    Source      Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq A.23
    Checked by  tests/kernels/test_normal.py
    """
    size = mean_q.shape[0]
    a_matrix = scratch[: size * size]
    a_vector = scratch[size * size : size * size + size]
    total = 0.0
    for i in range(size):
        a_vector[i] = mean_q[i] - mean_p[i]
        total += log(cholesky_p[i, i]) - log(cholesky_q[i, i]) - 0.5
        for j in range(size):
            a_matrix[i * size + j] = cholesky_q[i, j] if j <= i else 0.0
    solve_lower(cholesky_p, a_matrix, size)
    solve_lower(cholesky_p, a_vector, 1)
    for i in range(size):
        total += 0.5 * a_vector[i] * a_vector[i]
        for j in range(i + 1):
            total += 0.5 * a_matrix[i * size + j] * a_matrix[i * size + j]
    return total


@portable
def kl_full_normals_grad(
    mean_q,
    cholesky_q,
    mean_p,
    cholesky_p,
    grad_mean_q,
    grad_cholesky_q,
    grad_mean_p,
    grad_cholesky_p,
    scratch,
):
    """Derivatives of `kl_full_normals`; returns the value.

    Formula     as `kl_full_normals`
    Gradient    b = P⁻ᵀ a, B = P⁻ᵀ A:  d/dm_q = b = -d/dm_p;  d/dQ = tril(B) - diag(1/Q_ii);
                d/dP = -tril(B Aᵀ + b aᵀ) + diag(1/P_ii);  zero above the diagonals
    Shapes      means (D,), factors (D, D), grad_mean (D,), grad_cholesky (D*D,) row by row,
                scratch (2*D*D + D,) -> ()
    Domain      Q_ii > 0, P_ii > 0
    Source      Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq A.23
    Checked by  tests/kernels/test_normal.py
    """
    size = mean_q.shape[0]
    square = size * size
    value = kl_full_normals(mean_q, cholesky_q, mean_p, cholesky_p, scratch)
    a_matrix = scratch[:square]
    a_vector = scratch[square : square + size]
    b_matrix = scratch[square + size : 2 * square + size]
    for i in range(size):
        grad_mean_q[i] = a_vector[i]
    for i in range(square):
        b_matrix[i] = a_matrix[i]
    solve_lower_transposed(cholesky_p, grad_mean_q, 1)
    solve_lower_transposed(cholesky_p, b_matrix, size)
    for i in range(size):
        grad_mean_p[i] = -grad_mean_q[i]
        for j in range(size):
            at = i * size + j
            total = grad_mean_q[i] * a_vector[j]
            for c in range(j + 1):
                total += b_matrix[i * size + c] * a_matrix[j * size + c]
            grad_cholesky_q[at] = b_matrix[at] if j <= i else 0.0
            grad_cholesky_p[at] = -total if j <= i else 0.0
        grad_cholesky_q[i * size + i] -= divide(1.0, cholesky_q[i, i])
        grad_cholesky_p[i * size + i] += divide(1.0, cholesky_p[i, i])
    return value
