"""The evidence as pieces that can be computed anywhere: strips of rows, or blocks in plain NumPy.

Pieces are numbered; how many there are depends on the sizes of the model alone. Every piece has a row of numbers
that nothing but the model decides, and the rows of all pieces are joined at once.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refvi.fast.evidence import prepare_compiled, prepare_plain


class Pieces(NamedTuple):
    """A computation in pieces.

    total   how many there are
    width   numbers in the row of a piece
    rows    rows(first, last, threads) -> (last - first, width)
    join    join(rows of all pieces) -> the result
    """

    total: int
    width: int
    rows: Callable
    join: Callable


class Table:
    """Rows of numbers (pieces, width), of which some are there; `write` keeps what is stored before it counts."""

    def __init__(self, pieces, width, write=None):
        self.rows, self.done, self.write = np.zeros((pieces, width)), np.zeros(pieces, bool), write

    def missing(self):
        """Numbers of the pieces that are not there yet."""
        return np.flatnonzero(~self.done)

    def store(self, numbers, rows):
        """Keep the rows of some pieces: in memory once the disk has them."""
        if self.write:
            self.write(numbers, rows)
        self.rows[numbers], self.done[numbers] = rows, True


class Memory:
    """Tables that nothing keeps."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def table(self, _name, pieces, width):
        """An empty table."""
        return Table(pieces, width)


class Evidence(NamedTuple):
    """What the pieces of the evidence are joined to.

    log_evidence (B,)
    scale (B, 2)       what turns the weight of a state into its posterior probability: the sum of all weights and its
                       exponent where weights are multiplied, the log evidence and zero in plain NumPy
    """

    log_evidence: np.ndarray
    scale: np.ndarray


def evidence_pieces(problem, plain=False):
    """The log evidence of a problem in pieces, with the tables that they need; joined to `Evidence`.

    plain   NumPy alone for any size

    Checked by  tests/fast/test_shards.py
    """
    network = prepare_compiled(problem, plain)
    if network is not None:
        return _strips(network, problem.x)
    route, given = prepare_plain(problem)

    def join(rows):
        values = route.join_blocks(given, rows)
        return Evidence(values, np.stack([values, np.zeros_like(values)], axis=1))

    return Pieces(
        route.count_blocks(given),
        len(problem.x),
        lambda first, last, threads: route.block_sums(given, first, last, threads),
        join,
    )


def states_by_part(network, x):
    """The parts of the data that are treated together, and number -> the factors of their states, the last one kept."""
    from refvi.fast.network import in_parts, states_of

    parts = in_parts(x)
    return parts, functools.lru_cache(maxsize=1)(lambda number: states_of(network, parts[number]))


def _strips(network, x):
    """Strips of all top states for every part of the data, one part after another.

    A row holds the values of its strip for each datum of the part, then the exponents; both are whole in a double.
    """
    from refvi.fast.multiplicative import Sums, all_strips, join, scale_to_peak, strip_sums

    (parts, states), strips = states_by_part(network, x), all_strips(network)
    data = len(parts[0])

    def rows(first, last, threads):
        found = np.zeros((last - first, 2 * data))
        for number in range(first // strips, -(-last // strips)):
            start, stop = max(first, number * strips), min(last, (number + 1) * strips)
            sums = strip_sums(
                network, states(number), start - number * strips, stop - number * strips, threads
            )
            B = sums.value.shape[1]
            found[start - first : stop - first, :B] = sums.value
            found[start - first : stop - first, data : data + B] = sums.exponent
        return found

    def join_rows(rows):
        values, scales = [], []
        for number, part in enumerate(parts):
            own, B = rows[number * strips : (number + 1) * strips], len(part)
            sums = Sums(own[:, :B], own[:, data : data + B].astype(np.int64))
            values.append(join(network, states(number), sums))
            scaled, peak = scale_to_peak(sums)
            scales.append(np.stack([[math.fsum(column) for column in scaled.T], peak], axis=1))
        return Evidence(np.concatenate(values), np.concatenate(scales))

    return Pieces(strips * len(parts), 2 * data, rows, join_rows)
