"""Drawing from a finite distribution with one number: Walker's alias method in integers.

A random number of 52 bits names a cell by its leading bits and decides by the rest between the cell's own state and
another one. Masses are whole multiples of 2^-52 and the cells hold them exactly, so that the law of the table is a
sum over integers.

Source      Walker 1977, An efficient method for generating discrete random variables with general distributions, ACM
            TOMS 3, 253-256; Vose 1991, A linear algorithm for generating random numbers with a given distribution,
            IEEE TSE 17, 972-975
Checked by  tests/fast/test_alias.py
"""

import numpy as np

from refvi.fast.compiled import exact

WHOLE = 52  # bits of a random number


@exact
def alias_table(probabilities, threshold, other):
    """Cells of a distribution over 2^n states.

    Formula     state s has the mass threshold_s + sum over cells c with other_c = s of (2^(52-n) - threshold_c),
                in units of 2^-52; it is p_s rounded to such a unit, the most probable state takes up the rest
    Shapes      probabilities (2^n,) -> threshold, other (2^n,) int64
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
        threshold[s], other[s] = mass[s], giver
        mass[giver] -= size - mass[s]
        if mass[giver] < size:
            large += 1
            waiting[small] = giver
            small += 1
    for at in range(large, n):
        threshold[waiting[at]], other[waiting[at]] = size, waiting[at]


@exact
def pick(word, bits, threshold, other):
    """The state that a number below 2^52 stands for, from a table of 2^bits cells."""
    cell = word >> (WHOLE - bits)
    rest = word & ((np.int64(1) << (WHOLE - bits)) - 1)
    return cell if rest < threshold[cell] else other[cell]
