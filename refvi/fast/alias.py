"""Drawing from a finite distribution with one number: Walker's alias method in integers.

A random number of 52 bits names a cell by its leading bits and decides by the rest between the cell's own state and
another one. Masses are whole multiples of 2^-52 and the cells hold them exactly, so that the law of the table is a
sum over integers. A draw looks up one integer.

Source      Walker 1977, An efficient method for generating discrete random variables with general distributions, ACM
            TOMS 3, 253-256; Vose 1991, A linear algorithm for generating random numbers with a given distribution,
            IEEE TSE 17, 972-975
Checked by  tests/fast/test_alias.py
"""

import numpy as np

from refvi.fast.compiled import exact

WHOLE = 52  # bits of a random number


@exact
def alias_table(probabilities, cells):
    """Cells of a distribution over 2^n states.

    A cell holds its threshold and the number of the other state in one integer: threshold 2^n + other.

    Formula     state s has the mass threshold_s + sum over cells c with other_c = s of (2^(52-n) - threshold_c),
                in units of 2^-52; it is p_s rounded to such a unit, the most probable state takes up the rest
    Shapes      probabilities (2^n,) -> cells (2^n,) uint64
    Domain      n <= 30; probabilities sum to 1 up to rounding
    """
    n = probabilities.size
    size = np.int64((1 << WHOLE) // n)
    mass, most, rest = np.empty(n, np.int64), 0, np.int64(1 << WHOLE)
    for s in range(n):
        mass[s] = np.int64(np.rint(probabilities[s] * float(1 << WHOLE)))
        rest -= mass[s]
        if probabilities[s] > probabilities[most]:
            most = s
    mass[most] += rest
    waiting, small, large = np.empty(n, np.int64), 0, n  # small ones from the front, large ones from the back
    for s in range(n):
        if mass[s] < size:
            waiting[small] = s
            small += 1
        else:
            large -= 1
            waiting[large] = s
    while small > 0:
        small -= 1
        s, giver = waiting[small], waiting[large]
        cells[s] = mass[s] * n + giver
        mass[giver] -= size - mass[s]
        if mass[giver] < size:
            large += 1
            waiting[small] = giver
            small += 1
    for at in range(large, n):
        cells[waiting[at]] = size * n + waiting[at]


@exact
def pick(word, bits, cells, start):
    """The state that a number below 2^52 stands for, from a table of 2^bits cells that begins at `start`."""
    bits = np.uint64(bits)
    shift, one = np.uint64(WHOLE) - bits, np.uint64(1)
    cell, rest = word >> shift, word & ((one << shift) - one)
    found = cells[np.uint64(start) + cell]
    return np.int64(cell if rest < found >> bits else found & ((one << bits) - one))
