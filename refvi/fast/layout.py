"""How the 2^K states are cut up: high, low and top bits; rows, lanes and strips.

A state is a pair (i, j) of a high index and a low index, and beyond some thirty bits a triple with a top
index. Rows i are taken an OCTET at a time where products stay in registers, ROWS at a time where they are kept
(the products of four rows by 128 lanes, 4 KiB, stay in the first-level cache); columns j come in tiles of LANES.
A strip of rows is the unit of work that threads, shards and checkpoints share. All of this depends on the sizes
of the model alone, never on the number of threads.
"""

from typing import NamedTuple

ROWS = 4
OCTET = 8
LANES = 128
LANE_BITS = 7
STRIP = 64
TABLE_BITS = 22  # a table holds at most 2^22 numbers, 32 MiB
FACTORS_PER_GROUP = 1 << 22
ROWS_PER_GROUP = 256  # rows over which the cost of folding a tile is spread
MOST_GROUPS = 16
WORTH_PRODUCTS = 1 << 13  # factors from which products pay: below, their tables cost more than the logarithms
WORTH_COMPILING = 1 << 17  # factors from which compiled code pays: a warm call takes a quarter of the time
WORTH_PLAIN_TABLES = 1 << 27  # factors from which tables cost a percent at most, wherever they come from


class Split(NamedTuple):
    """Numbers of bits: h_0.. are the high ones, then the low ones, then the top ones.

    high, low, top   bits of i, j and of the top index; high + low + top = K
    visibles         D rounded up to a multiple of 4
    strip            rows in a strip
    strips           strips of one top state
    """

    high: int
    low: int
    top: int
    visibles: int
    strip: int
    strips: int


def worth_plain_tables(K, D):
    """Whether a model of this size does not feel the time that plain NumPy takes for its tables."""
    return D << K >= WORTH_PLAIN_TABLES


def worth_products(K, D):
    """Whether plain NumPy multiplies factors in a model of this size; else it adds their logarithms."""
    return D << K >= WORTH_PRODUCTS


def worth_compiling(K, D):
    """Whether a model of this size goes to compiled code."""
    return K >= LANE_BITS + 3 and (D << K) >= WORTH_COMPILING


def split_bits(K, D):
    """Cut K >= 10 bits so that both tables stay small and work falls into strips of equal size.

    Checked by  tests/fast/test_layout.py
    """
    visibles = -(-D // 4) * 4
    most = max(LANE_BITS, TABLE_BITS - (visibles - 1).bit_length())
    low = min(max(LANE_BITS, (K + 1) // 2), most)
    high = min(K - low, most)
    strip = min(STRIP, max(OCTET, (1 << high) // 8))
    return Split(high, low, K - low - high, visibles, strip, (1 << high) // strip)


def row_groups(split):
    """Number of groups of rows that keep sums of their own: a power of two up to 16, each of 2^22 factors and 256 rows."""
    wanted = (split.visibles << (split.high + split.low)) // FACTORS_PER_GROUP
    most = min(MOST_GROUPS, split.strips, max(1, (1 << split.high) // ROWS_PER_GROUP))
    return min(most, 1 << (max(1, wanted).bit_length() - 1))
