"""Products over some of the visibles for a tile of four rows by 128 lanes, kept in memory between chunks.

Where all products fit into a double they stay in registers (`octets`). Here they are multiplied in chunks of visibles,
and what happens between two chunks needs them stored. The shape of the code is the one that compilers turn into
full-width vector instructions: a single flat base, slices of constant length, constant offsets
(tests/fast/test_vectorised.py looks at the assembly).
"""

from refvi.fast.compiled import compiled
from refvi.fast.layout import LANES

LANES2, LANES3 = 2 * LANES, 3 * LANES


@compiled
def four(c0, c1, c2, c3, a):
    """Product of four factors."""
    return ((c0 + a[0]) * (c1 + a[1])) * ((c2 + a[2]) * (c3 + a[3]))


@compiled
def multiply_tile(A, i, C, start, first, last, product):
    """Multiply the factors of visibles first..last-1 into the product, for four rows and all lanes.

    Formula     product[q * LANES + lane] *= prod_d (A[i + q, d] + C[start + d * LANES + lane])
                where first is 0 the product is overwritten
    Shapes      A (I, Dp), C flat -> product (4 LANES,);  first, last multiples of 4
    Checked by  tests/fast/test_products.py
    """
    for d in range(first, last, 4):
        tile = C[start + d * LANES : start + (d + 4) * LANES]
        a0, a1, a2, a3 = A[i, d : d + 4], A[i + 1, d : d + 4], A[i + 2, d : d + 4], A[i + 3, d : d + 4]
        a0, a1 = (a0[0], a0[1], a0[2], a0[3]), (a1[0], a1[1], a1[2], a1[3])
        a2, a3 = (a2[0], a2[1], a2[2], a2[3]), (a3[0], a3[1], a3[2], a3[3])
        if d == 0:
            for lane in range(LANES):
                c0, c1, c2, c3 = tile[lane], tile[LANES + lane], tile[LANES2 + lane], tile[LANES3 + lane]
                product[lane] = four(c0, c1, c2, c3, a0)
                product[LANES + lane] = four(c0, c1, c2, c3, a1)
                product[LANES2 + lane] = four(c0, c1, c2, c3, a2)
                product[LANES3 + lane] = four(c0, c1, c2, c3, a3)
        else:
            for lane in range(LANES):
                c0, c1, c2, c3 = tile[lane], tile[LANES + lane], tile[LANES2 + lane], tile[LANES3 + lane]
                product[lane] *= four(c0, c1, c2, c3, a0)
                product[LANES + lane] *= four(c0, c1, c2, c3, a1)
                product[LANES2 + lane] *= four(c0, c1, c2, c3, a2)
                product[LANES3 + lane] *= four(c0, c1, c2, c3, a3)
