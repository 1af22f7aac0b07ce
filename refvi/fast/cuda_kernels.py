"""Device code of the exact evidence and its gradient. Imported when CUDA is asked for.

A block of 256 threads owns 64 rows; each thread multiplies four rows by four columns in registers, from visibles that
wait in shared memory. Sums have one owner and a fixed order: the result does not depend on the schedule of the
device. One addition and one multiplication per factor; with 64-bit arithmetic units that is all there is to save.
"""

from numba import cuda, float64
from numba.extending import register_jitable

TILE = 64
SIDE = 16  # threads along a tile, four rows or columns each
THREADS = SIDE * SIDE
CHUNK = 16  # visibles in shared memory at a time
PADDED = TILE + 1  # a row more than a multiple of the banks: columns are read without conflict


@register_jitable
def times(row, a, c0, c1, c2, c3):
    """Multiply the factors of one visible into the products of four columns."""
    return row[0] * (a + c0), row[1] * (a + c1), row[2] * (a + c2), row[3] * (a + c3)


@register_jitable
def ratios(s0, s1, s2, s3, p0, p1, p2, p3, sharing):
    """s0/p0 + s1/p1 + s2/p2 + s3/p3, with one division for `sharing` = 4 or 2 of them."""
    n01, n23, p01, p23 = s0 * p1 + s1 * p0, s2 * p3 + s3 * p2, p0 * p1, p2 * p3
    if sharing == 4:
        return (n01 * p23 + n23 * p01) / (p01 * p23)
    return n01 / p01 + n23 / p23


@register_jitable
def load_tile(table, first, start, padding, tile, thread):
    """Copy CHUNK visibles from `first` on and TILE columns from `start` on; what is beyond is padding."""
    for q in range(thread, CHUNK * TILE, THREADS):
        d, lane = q // TILE, q % TILE
        tile[d, lane] = table[first + d, start + lane] if first + d < table.shape[0] else padding


@register_jitable
def multiply_chunk(rows, columns, x, y, products):
    """Multiply the visibles in shared memory into the products of four rows."""
    p0, p1, p2, p3 = products
    for d in range(CHUNK):
        c0, c1 = columns[d, x], columns[d, SIDE + x]
        c2, c3 = columns[d, 2 * SIDE + x], columns[d, 3 * SIDE + x]
        p0 = times(p0, rows[d, 4 * y], c0, c1, c2, c3)
        p1 = times(p1, rows[d, 4 * y + 1], c0, c1, c2, c3)
        p2 = times(p2, rows[d, 4 * y + 2], c0, c1, c2, c3)
        p3 = times(p3, rows[d, 4 * y + 3], c0, c1, c2, c3)
    return p0, p1, p2, p3


@register_jitable
def sum_block(partial, thread):
    """Sum of THREADS numbers in a fixed tree, left in partial[0]."""
    width = THREADS // 2
    while width > 0:
        cuda.syncthreads()
        if thread < width:
            partial[thread] += partial[thread + width]
        width //= 2
    cuda.syncthreads()


@cuda.jit
def evidence_blocks(A, C, S, T, sharing, columns, sums):
    """Sum of S_i T_j / prod_d (A_di + C_dj) over 64 rows and `columns` columns, for each block of the grid.

    Shapes      A (D, I), C (D, J), S (I,), T (J,) -> sums (I / 64, J / columns);  grid of the shape of sums
    Checked by  tests/fast/test_cuda_evidence.py
    """
    row_tile = cuda.shared.array((CHUNK, TILE), float64)
    column_tile = cuda.shared.array((CHUNK, TILE), float64)
    partial = cuda.shared.array(THREADS, float64)
    thread = cuda.threadIdx.x
    x, y = thread % SIDE, thread // SIDE
    row, i = cuda.blockIdx.x * TILE, cuda.blockIdx.x * TILE + 4 * (thread // SIDE)
    s0, s1, s2, s3 = S[i], S[i + 1], S[i + 2], S[i + 3]
    total = 0.0
    for start in range(cuda.blockIdx.y * columns, (cuda.blockIdx.y + 1) * columns, TILE):
        one = (1.0, 1.0, 1.0, 1.0)
        products = (one, one, one, one)
        for first in range(0, A.shape[0], CHUNK):
            cuda.syncthreads()
            load_tile(A, first, row, 0.0, row_tile, thread)
            load_tile(C, first, start, 1.0, column_tile, thread)
            cuda.syncthreads()
            products = multiply_chunk(row_tile, column_tile, x, y, products)
        p0, p1, p2, p3 = products
        total += T[start + x] * ratios(s0, s1, s2, s3, p0[0], p1[0], p2[0], p3[0], sharing)
        total += T[start + SIDE + x] * ratios(s0, s1, s2, s3, p0[1], p1[1], p2[1], p3[1], sharing)
        total += T[start + 2 * SIDE + x] * ratios(s0, s1, s2, s3, p0[2], p1[2], p2[2], p3[2], sharing)
        total += T[start + 3 * SIDE + x] * ratios(s0, s1, s2, s3, p0[3], p1[3], p2[3], p3[3], sharing)
    partial[thread] = total
    sum_block(partial, thread)
    if thread == 0:
        sums[cuda.blockIdx.x, cuda.blockIdx.y] = partial[0]


@cuda.jit
def weight_blocks(A, C, S, T, first_row, weights):
    """Weights S_i T_j / prod_d (A_di + C_dj) of a stripe of rows.

    Shapes      A (D, I), C (D, J), S (I,), T (J,) -> weights (rows, J) of the rows from first_row on;
                grid (rows / 64, J / 64)
    Checked by  tests/fast/test_cuda_evidence.py
    """
    row_tile = cuda.shared.array((CHUNK, TILE), float64)
    column_tile = cuda.shared.array((CHUNK, TILE), float64)
    thread = cuda.threadIdx.x
    x, y = thread % SIDE, thread // SIDE
    row, start = cuda.blockIdx.x * TILE, cuda.blockIdx.y * TILE
    one = (1.0, 1.0, 1.0, 1.0)
    products = (one, one, one, one)
    for first in range(0, A.shape[0], CHUNK):
        cuda.syncthreads()
        load_tile(A, first, first_row + row, 0.0, row_tile, thread)
        load_tile(C, first, start, 1.0, column_tile, thread)
        cuda.syncthreads()
        products = multiply_chunk(row_tile, column_tile, x, y, products)
    for q in range(4):
        i = row + 4 * y + q
        s, product = S[first_row + i], products[q]
        for r in range(4):
            j = start + r * SIDE + x
            weights[i, j] = s * T[j] / product[r]


@cuda.jit
def quotient_sums(P, Q, weights, first_row, sums):
    """Add the sums over columns of weights_ij / (P_di + Q_dj), for 64 rows and four visibles of each block.

    For the sums over rows exchange P and Q and transpose the weights: then first_row belongs to Q, so that it is the
    caller who slices. Four quotients share a division.

    Shapes      P (D, I), Q (D, J), weights (rows, J) of the rows from first_row on -> sums (D, I);
                grid (rows / 64, D / 4)
    Checked by  tests/fast/test_cuda_evidence.py
    """
    weight_tile = cuda.shared.array((TILE, PADDED), float64)
    column_tile = cuda.shared.array((4, TILE), float64)
    thread = cuda.threadIdx.x
    r, i = thread % TILE, cuda.blockIdx.x * TILE + thread % TILE
    own = thread // TILE
    d = cuda.blockIdx.y * 4 + own
    p = P[d, first_row + i]
    total = 0.0
    for start in range(0, Q.shape[1], TILE):
        cuda.syncthreads()
        column_tile[own, r] = Q[d, start + r]
        for q in range(thread, TILE * TILE, THREADS):
            weight_tile[q // TILE, q % TILE] = weights[cuda.blockIdx.x * TILE + q // TILE, start + q % TILE]
        cuda.syncthreads()
        for j in range(0, TILE, 4):
            f0, f1 = p + column_tile[own, j], p + column_tile[own, j + 1]
            f2, f3 = p + column_tile[own, j + 2], p + column_tile[own, j + 3]
            w0, w1 = weight_tile[r, j], weight_tile[r, j + 1]
            w2, w3 = weight_tile[r, j + 2], weight_tile[r, j + 3]
            total += ratios(w0, w1, w2, w3, f0, f1, f2, f3, 4)
    sums[d, first_row + i] += total
