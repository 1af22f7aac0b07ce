"""The evidence as pieces that can be computed anywhere: strips of rows, or blocks in the log domain.

Pieces are numbered; how many there are depends on the sizes of the model alone. Every piece has a row of numbers
that nothing but the model decides, and the rows of all pieces are joined at once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refvi.fast import log_domain
from refvi.fast.evidence import prepare_compiled


class Pieces(NamedTuple):
    """A computation in pieces.

    total   how many there are
    width   numbers in the row of a piece
    rows    rows(first, last, threads) -> (last - first, width)
    join    join(rows of all pieces) -> (B,)
    """

    total: int
    width: int
    rows: Callable
    join: Callable


def evidence_pieces(problem):
    """The log evidence of a problem in pieces, with the tables that they need.

    Checked by  tests/fast/test_shards.py
    """
    network = prepare_compiled(problem)
    if network is not None:
        return _strips(network, problem.x)
    return Pieces(
        log_domain.count_blocks(problem),
        len(problem.x),
        lambda first, last, threads: log_domain.block_sums(problem, first, last, threads),
        lambda rows: log_domain.join_blocks(problem, rows),
    )


def _strips(network, x):
    """Strips of all top states for every part of the data, one part after another.

    A row holds the values of its strip for each datum of the part, then the exponents; both are whole in a double.
    """
    from refvi.fast.multiplicative import Sums, all_strips, join, strip_sums
    from refvi.fast.network import in_parts, states_of

    parts = [states_of(network, part) for part in in_parts(x)]
    strips, data = all_strips(network), len(parts[0].S)

    def rows(first, last, threads):
        found = np.zeros((last - first, 2 * data))
        for number in range(first // strips, -(-last // strips)):
            start, stop = max(first, number * strips), min(last, (number + 1) * strips)
            sums = strip_sums(
                network, parts[number], start - number * strips, stop - number * strips, threads
            )
            B = sums.value.shape[1]
            found[start - first : stop - first, :B] = sums.value
            found[start - first : stop - first, data : data + B] = sums.exponent
        return found

    def join_rows(rows):
        values = []
        for number, states in enumerate(parts):
            own, B = rows[number * strips : (number + 1) * strips], len(states.S)
            sums = Sums(own[:, :B], own[:, data : data + B].astype(np.int64))
            values.append(join(network, states, sums))
        return np.concatenate(values)

    return Pieces(strips * len(parts), 2 * data, rows, join_rows)
