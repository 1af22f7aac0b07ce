"""Products over all visibles for eight rows and eight lanes at once, in registers from the first factor to the last.

One factor costs one addition and one multiplication, which run on different pipes of a Zen 4 core; a number of A is an
operand in memory, eight lanes of C serve eight rows, whose numbers for one visible lie together.
"""

from refvi.fast.compiled import aligned, compiled, merged
from refvi.fast.eight import eight_times, load, over, plus, spread, times
from refvi.fast.layout import LANES, OCTET


@compiled
def together(A, first, last, count):
    """The rows first..last-1 of A, flat, `count` of them together: [(row // count * width + d) * count + row % count].

    Checked by  tests/fast/test_octets.py
    """
    width = A.shape[1]
    rows = aligned((last - first) * width)
    for i in range(last - first):
        at = (i // count * width) * count + i % count
        for d in range(width):
            rows[at + d * count] = A[first + i, d]
    return rows


@merged
def eight_spread(table, at):
    """Eight neighbours of a table, each in all places of a vector."""
    return (
        spread(table, at),
        spread(table, at + 1),
        spread(table, at + 2),
        spread(table, at + 3),
        spread(table, at + 4),
        spread(table, at + 5),
        spread(table, at + 6),
        spread(table, at + 7),
    )


@merged
def factors(c, rows, at):
    """Product of the factors of four visibles, for one row."""
    left = times(plus(c[0], spread(rows, at)), plus(c[1], spread(rows, at + OCTET)))
    right = times(plus(c[2], spread(rows, at + 2 * OCTET)), plus(c[3], spread(rows, at + 3 * OCTET)))
    return times(left, right)


@merged
def octet_products(rows, at, C, lane, visibles, start):
    """Products over all visibles for the octet that begins at `at` and the eight lanes of C from `lane` on.

    Formula     start_q prod_d (A[q, d] + C[lane + d * LANES + ..])
    Shapes      rows as of `together`, C flat, start eight vectors -> eight vectors
    Checked by  tests/fast/test_octets.py
    """
    p0, p1, p2, p3, p4, p5, p6, p7 = start
    for d in range(0, visibles, 4):
        place, q = lane + d * LANES, at + d * OCTET
        c = load(C, place), load(C, place + LANES), load(C, place + 2 * LANES), load(C, place + 3 * LANES)
        p0, p1 = times(p0, factors(c, rows, q)), times(p1, factors(c, rows, q + 1))
        p2, p3 = times(p2, factors(c, rows, q + 2)), times(p3, factors(c, rows, q + 3))
        p4, p5 = times(p4, factors(c, rows, q + 4)), times(p5, factors(c, rows, q + 5))
        p6, p7 = times(p6, factors(c, rows, q + 6)), times(p7, factors(c, rows, q + 7))
    return p0, p1, p2, p3, p4, p5, p6, p7


@merged
def two_reciprocals(p0, p1):
    """1 / p0 and 1 / p1 with one division."""
    r = over(eight_times(1.0), times(p0, p1))
    return times(r, p1), times(r, p0)


@merged
def octet_reciprocals(rows, at, C, lane, visibles):
    """Reciprocals of the products, eight vectors.

    Checked by  tests/fast/test_octets.py
    """
    one = eight_times(1.0)
    ones = one, one, one, one, one, one, one, one
    p0, p1, p2, p3, p4, p5, p6, p7 = octet_products(rows, at, C, lane, visibles, ones)
    (r0, r1), (r2, r3) = two_reciprocals(p0, p1), two_reciprocals(p2, p3)
    (r4, r5), (r6, r7) = two_reciprocals(p4, p5), two_reciprocals(p6, p7)
    return r0, r1, r2, r3, r4, r5, r6, r7
