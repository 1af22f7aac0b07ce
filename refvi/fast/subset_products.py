"""The products of all states as matrix products of subsets, in plain NumPy: the route of small models.

With u the share of the row bits in the logits and v that of the column bits and the biases, and s_d = +-1 the sign that
keeps a factor small, four factors are a sum over the subsets of four visibles,
    prod_d (1 + exp(s_d (u_d + v_d))) = sum_subsets (prod_{d in subset} exp(s_d u_d)) (prod_{d in subset} exp(s_d v_d)),
and for all rows and all columns that is a matrix product with inner size 16. Transposed, the same two tables turn
weights divided by a product into every sum that a gradient needs. All terms are positive, so that nothing cancels, and
nothing has to be compiled. States are visited in blocks of rows and columns, numbered by the top bits; the partition
depends on the sizes alone and no matrix product is large enough for BLAS to split it, so that the result is the same to
the last bit for any number of threads.
"""

import functools
import math
from functools import partial
from typing import NamedTuple

import numpy as np

from refvi.fast.doubling import bits, choice_products, subset_products
from refvi.fast.log_domain import join_groups, join_pairs, map_blocks, merge_groups
from refvi.fast.plain_tables import choice_factors

LIMIT = 600.0  # a sum of probabilities above exp(-600) loses less than exp(-700 + 600) of itself to underflow
REACH = 700.0  # exp(700) and exp(-700) are normal numbers
FOUR = 4
LOW_BITS, ROW_BITS = 7, 6  # columns and rows of a block, at most: its products fill half a first-level cache
DATA_AT_ONCE = 32
MOST_VISIBLES = 4096  # tables grow with them, four numbers for each state of half a block


class Block(NamedTuple):
    """The states that share their top bits.

    rows (G, I, 16)   subset products of the row bits and the top bits
    state (B,)        factor of the top bits in the weight of each datum's states
    """

    rows: np.ndarray
    state: np.ndarray


def prepare(problem):
    """The tables of a model, or None where a product might leave the range.

    Formula     sum_d log(1 + exp(max s_d l_d)) <= 600, and the absolute logits of each four visibles add up to 700 at
                most, whichever bits they come from
    Checked by  tests/fast/test_subset_products.py
    """
    if len(problem.b) > MOST_VISIBLES:
        return None
    sign, largest, reach = _measure(problem)
    fits = reach.max() <= REACH and np.log1p(np.exp(np.minimum(largest, REACH))).sum() <= LIMIT
    return States(problem, sign) if fits else None


def log_evidence(states, threads=None):
    """Log evidence of each datum.

    Shapes      States -> (B,)
    Stability   all terms are positive
    Checked by  tests/fast/test_subset_products.py
    """
    return join_blocks(states, block_sums(states, 0, states.count, threads))


def count_blocks(states):
    """Number of blocks that a model's states are cut into."""
    return states.count


def block_sums(states, first, last, threads=None):
    """Sums of weights over the blocks first..last-1: (blocks, B)."""
    return np.array(map_blocks(partial(_block_sum, states), range(first, last), threads))


def join_blocks(states, sums):
    """Log evidence (B,) from the sums of all blocks."""
    totals = map(math.fsum, sums.T.tolist())
    return np.array([math.fsum([math.log(z), *rest]) for z, rest in zip(totals, states.offset)])


def posterior(states, log_evidence, threads=None):
    """Posterior sums as in `log_domain`, given the log evidence of each datum.

    Shapes      States, (B,) -> Posterior
    Stability   with one datum, or where all data agree in a visible, residuals keep their relative accuracy; elsewhere
                they are differences of probabilities
    Checked by  tests/fast/test_subset_products.py
    """
    return join_groups(partial(group_posterior, states, log_evidence), states.count, threads)


def group_posterior(states, log_evidence, first, last, threads=None):
    """The share of the blocks first..last-1 in the posterior sums, as in `log_domain`."""
    block = partial(_block_posterior, states, _scale(states, log_evidence))
    return merge_groups(map_blocks(block, range(first, last), threads))


def pair_moments(states, log_evidence, threads=None):
    """Posterior second moments E[h_k h_m | x] of the only datum.

    Shapes      States with B = 1, (1,) -> (K, K)
    Checked by  tests/fast/test_subset_products.py
    """
    block = partial(_block_pairs, states, _scale(states, log_evidence))
    return join_pairs(map_blocks(block, range(states.count), threads))


def _scale(states, log_evidence):
    """What turns weights into posterior probabilities (B,)."""
    return np.exp([math.fsum([*rest, -v]) for v, rest in zip(log_evidence.tolist(), states.offset)])


# ---- the tables


def _measure(problem):
    """Sign of each visible, its largest logit under that sign (D,), and the reach of each four visibles."""
    on = np.maximum(problem.W, 0.0).sum(axis=1)
    off = on - problem.W.sum(axis=1)
    up, down = on + problem.b, off - problem.b
    reach = np.add.reduceat(on + off + np.abs(problem.b), np.arange(0, len(on), FOUR))
    return np.where(up <= down, 1.0, -1.0), np.minimum(up, down), reach


def _cut(K):
    """Numbers of column, row and top bits."""
    low = min((K + 1) // 2, LOW_BITS)
    rows = min(K - low, ROW_BITS)
    return low, rows, K - low - rows


@functools.cache
def _halves(low, high, K):
    """Numbers of the column bits and of the row bits, side by side (low, 2); K, which is no bit, where rows have fewer."""
    return np.array([[*range(low)], [*range(low, low + high), *[K] * (low - high)]]).T


def _subsets(factors):
    """Products over the subsets of each four of (n, 4 G) factors: (n, G, 16), bit d of the position for factor d."""
    four = factors.reshape(len(factors), -1, FOUR, 1)
    table = np.ones((*four.shape[:2], 1 << FOUR))
    for d in range(FOUR):
        np.multiply(table[..., : 1 << d], four[:, :, d], out=table[..., 1 << d : 2 << d])
    return table


@functools.cache
def _members():
    """Which subsets hold each of four visibles (16, 4), and which do not."""
    inside = bits(FOUR).T
    return np.concatenate([inside, 1.0 - inside], axis=1)


@functools.cache
def _bits_and_one(n):
    """One and the bits of all states: (n + 1, 2^n)."""
    return np.concatenate([np.ones((1, 1 << n)), bits(n)])


class States:
    """All states of a model, as `count` blocks of equal size, with the factors of the data.

    log p(x, h) = sum_k h_k (c_k + sum_d y_d W_dk) + sum_d y_d b_d - sum_k log(1 + exp(c_k)) - sum_d log(1 + exp(s_d l_d)),
    y_d = x_d where s_d = 1 and x_d - 1 where s_d = -1


    columns (G, 16, J)        subset products of the column bits and the biases
    rows (I, G, 16)           of the row bits
    top (n, G, 16)            of each top bit
    x (B, D)                  the data
    S (B, I), T (B, J)        the data's factors of row and column states; R (B, n, 2) of each choice of a top bit
    offset                    for each datum numbers that its log evidence is short of
    """

    def __init__(self, problem, sign):
        D, K = problem.W.shape
        self.low, self.high, top = _cut(K)
        self.x, self.count, self.sign = problem.x, 1 << top, sign
        steps = np.ones((K + 1, -(-D // FOUR) * FOUR))
        steps[:K, :D] = np.exp(problem.W.T * sign)
        steps[K, :D], steps[K, D:] = np.exp(problem.b * sign), 0.0  # a factor of one beyond the last visible
        steps = _subsets(steps)
        halves = _halves(self.low, self.high, K)
        table = subset_products(np.stack([steps[K], np.ones(steps.shape[1:])]), steps[halves])
        self.columns = np.ascontiguousarray(np.moveaxis(table[:, 0], 0, -1))
        self.rows = table[: 1 << self.high, 1]
        self.top = steps[self.low + self.high : K]
        less = np.repeat(sign[:, None] < 0, K + 1, axis=1)
        choices, self.offset = choice_factors(*problem, less)
        table = choice_products(choices[:, halves.T].reshape(-1, self.low, 2)).reshape(len(choices), 2, -1)
        self.T, self.S = table[:, 0], table[:, 1, : 1 << self.high]
        self.R = choices[:, self.low + self.high : K]

    def block(self, i):
        """The block whose top bits are those of i."""
        if not len(self.top):
            return Block(self.rows.swapaxes(0, 1), np.ones(len(self.S)))
        on = (i >> np.arange(len(self.top))) & 1
        rows = self.rows * np.where(on[:, None, None], self.top, 1.0).prod(axis=0)
        return Block(rows.swapaxes(0, 1), np.where(on, self.R[:, :, 1], self.R[:, :, 0]).prod(axis=1))


# ---- the sums of a block


def _products(rows, columns):
    """prod_d (1 + exp(s_d l_d)) of all states of a block: (I, J)."""
    product = np.matmul(rows[0], columns[0])
    for row, column in zip(rows[1:], columns[1:]):
        product *= np.matmul(row, column)
    return product


def _block_sum(states, i):
    """Sums of weights (B,)."""
    block = states.block(i)
    inverse = np.reciprocal(_products(block.rows, states.columns))
    columns = np.matmul(states.S[:, None, :], inverse)[
        :, 0
    ]  # one datum at a time: none changes another's bits
    return np.einsum("bj,bj->b", columns, states.T) * block.state


def _block_posterior(states, scale, i):
    """Weights (B,), with each inner bit on and off (B, bits); residuals (D,), with each inner bit on (D, bits)."""
    block, x = states.block(i), states.x
    product = _products(block.rows, states.columns)
    inverse, weight, sums = np.reciprocal(product), 0.0, []
    for own in (slice(start, start + DATA_AT_ONCE) for start in range(0, len(x), DATA_AT_ONCE)):
        S, T = states.S[own] * (scale * block.state)[own, None], states.T[own]
        weight = weight + np.matmul(S.T, T)
        sums.append((T * np.matmul(S, inverse), S * np.matmul(T, inverse.T)))
    columns, rows = (np.concatenate(part) for part in zip(*sums))
    total, on, off = _by_bit(states, columns, rows)
    slope, tail = _sigmoids(states, block, weight * inverse)
    residual = np.matmul(np.concatenate([total[:, None], on], axis=1).T, x) - slope
    residual = np.where(x.all(axis=0), tail, np.where(x.any(axis=0), residual, -slope)).T
    return total, on, off, residual[:, 0], residual[:, 1:]


def _by_bit(states, columns, rows):
    """Sums over the columns (B, J) and rows (B, I) of a block: all of them (B,), with each bit on and off (B, bits)."""
    ones = [_bits_and_one(n) for n in (states.low, states.high)]
    on = [np.matmul(part, one[1:].T) for part, one in zip((columns, rows), ones)]
    off = [np.matmul(part, 1.0 - one[1:].T) for part, one in zip((columns, rows), ones)]
    return columns.sum(axis=1), np.concatenate(on, axis=1), np.concatenate(off, axis=1)


def _sigmoids(states, block, weight):
    """Sums of w sigmoid(l_d) and of w sigmoid(-l_d) over a block, and over its states with each bit on: (bits + 1, D).

    Formula     sum_j w_ij sigmoid(s_d l_d) = sum over the subsets that hold d of
                rows_i,subset sum_j (w_ij / four factors_ij) columns_j,subset, and the same for columns
    """
    by_low, by_high = _bits_and_one(states.low), _bits_and_one(states.high)
    found = []
    for row, column in zip(block.rows, states.columns):
        share = weight / np.matmul(row, column)
        over_rows = np.matmul(np.matmul(row.T, share) * column, by_low.T).T
        over_columns = np.matmul(by_high[1:], np.matmul(share, column.T) * row)
        found.append(np.concatenate([over_rows, over_columns]))
    sums = np.matmul(np.stack(found), _members()).reshape(len(found), -1, 2, FOUR)
    inside, outside = (
        np.moveaxis(sums, 0, 2).swapaxes(0, 1).reshape(2, sums.shape[1], -1)[..., : len(states.sign)]
    )
    up = states.sign > 0
    return np.where(up, inside, outside), np.where(up, outside, inside)


def _block_pairs(states, scale, i):
    """Weight (), with each inner bit on (bits,), and with two of them on (bits, bits)."""
    block = states.block(i)
    weight = np.outer(states.S[0] * (scale * block.state), states.T[0])
    weight /= _products(block.rows, states.columns)
    low, high = _bits_and_one(states.low)[1:], _bits_and_one(states.high)[1:]
    columns, rows = weight.sum(axis=0), weight.sum(axis=1)
    cross = np.matmul(np.matmul(low, weight.T), high.T)
    pairs = np.block([[np.matmul(low * columns, low.T), cross], [cross.T, np.matmul(high * rows, high.T)]])
    return columns.sum(), np.concatenate([low @ columns, high @ rows]), pairs
