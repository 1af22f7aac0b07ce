"""Evidence where products over all visibles leave the range of a double: exponents are kept as integers.

The visibles are multiplied in chunks that fit. After each chunk the exponent of every product moves into an
integer lane, by the bits, and the product goes on as a mantissa in [1, 2). State factors S and T are pairs of
mantissa and exponent too. Sums are kept relative to the largest exponent met so far, so that only terms below
2^-1022 of the largest one are rounded.
"""

import math

import numpy as np

from refvi.fast.compiled import aligned, compiled, two_sum
from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import LANES2, LANES3, multiply_tile

TILE = ROWS * LANES
MANTISSA = np.int64(0x000FFFFFFFFFFFFF)
ONE = np.int64(0x3FF0000000000000)
LOWEST = np.int64(-(1 << 40))  # below every exponent that can arise


@compiled
def move_exponents(bits, exponent, fresh):
    """Turn products into mantissas in [1, 2); their exponents replace (`fresh`) or join the integer lanes."""
    if fresh:
        for q in range(TILE):
            exponent[q] = (bits[q] >> 52) - 1023
            bits[q] = (bits[q] & MANTISSA) | ONE
    else:
        for q in range(TILE):
            exponent[q] += (bits[q] >> 52) - 1023
            bits[q] = (bits[q] & MANTISSA) | ONE


@compiled
def wide_product(A, i, C, start, ends, product, bits, exponent):
    """Product over all visibles of a tile, as mantissas and exponents."""
    first = 0
    for last in ends:
        multiply_tile(A, i, C, start, first, last, product)
        move_exponents(bits, exponent, first == 0)
        first = last


@compiled
def state_exponents(Se, i, Te, exponent, scale):
    """Exponents of S_i T_j / product_ij, and the largest one: scale (4 LANES,) int64."""
    peak = LOWEST
    for row in range(ROWS):
        e = Se[i + row]
        taken, given = exponent[row * LANES : (row + 1) * LANES], scale[row * LANES : (row + 1) * LANES]
        for lane in range(LANES):
            value = e + Te[lane] - taken[lane]
            given[lane] = value
            peak = max(peak, value)
    return peak


@compiled
def scales_from_exponents(scale, peak):
    """Replace integers e by the bits of the double 2^(e - peak), no lower than 2^-1022."""
    for q in range(TILE):
        scale[q] = (max(scale[q] - peak, np.int64(-1022)) + 1023) << 52


@compiled
def wide_ratios(S, i, T, product, factor):
    """Sum over a tile of S_i T_j factor_ij / product_ij, one division per lane: mantissas cannot overflow."""
    s0, s1, s2, s3 = S[i], S[i + 1], S[i + 2], S[i + 3]
    total = 0.0
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        p2, p3 = product[LANES2 + lane], product[LANES3 + lane]
        n0, n1 = s0 * factor[lane], s1 * factor[LANES + lane]
        n2, n3 = s2 * factor[LANES2 + lane], s3 * factor[LANES3 + lane]
        p01, p23 = p0 * p1, p2 * p3
        total += T[lane] * (((n0 * p1 + n1 * p0) * p23 + (n2 * p3 + n3 * p2) * p01) / (p01 * p23))
    return total


@compiled
def wide_strip(A, C, ends, S, Se, T, Te, first, last, sums, peaks):
    """Sums over the rows first..last-1 and all columns, of each datum: sums (B,) 2^peaks (B,)."""
    B, visibles = S.shape[0], A.shape[1]
    product, scale = aligned(TILE), aligned(TILE).view(np.int64)
    bits, exponent, factor = product.view(np.int64), np.empty(TILE, np.int64), scale.view(np.float64)
    carry = np.zeros(B)
    sums[:] = 0.0
    peaks[:] = LOWEST
    for tile in range(T.shape[1] // LANES):
        columns = slice(tile * LANES, (tile + 1) * LANES)
        for i in range(first, last, ROWS):
            wide_product(A, i, C, tile * visibles * LANES, ends, product, bits, exponent)
            for q in range(B):
                peak = state_exponents(Se[q], i, Te[q, columns], exponent, scale)
                if peak > peaks[q]:
                    shrink = math.ldexp(1.0, max(peaks[q] - peak, -1074))
                    sums[q] *= shrink
                    carry[q] *= shrink
                    peaks[q] = peak
                scales_from_exponents(scale, peaks[q])
                part = wide_ratios(S[q], i, T[q, columns], product, factor)
                sums[q], rest = two_sum(sums[q], part)
                carry[q] += rest
    for q in range(B):
        sums[q] += carry[q]


@compiled
def wide_strips(A, C, ends, S, Se, T, Te, strip, first, last, sums, peaks):
    """The strips first..last-1: one sum for each and each datum, sums and peaks (strips, B)."""
    for s in range(first, last):
        wide_strip(A, C, ends, S, Se, T, Te, s * strip, (s + 1) * strip, sums[s], peaks[s])
