"""The route that is right for any range of the parameters, in plain NumPy.

Every state keeps the logarithm of its own probability; nothing overflows, whatever the weights. It needs no
compilation and serves the smallest models, and those whose logits are too far apart for the multiplicative
routes. States are visited in blocks: the low bits run inside a block, the high bits count the blocks, and the
partition depends on the sizes alone, so that the result is the same to the last bit for any number of
threads.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from refvi.fast.doubling import choice_sums, fold_bits, fold_pairs, subset_sums

BLOCK = 1 << 14  # numbers in one table of logits: the temporaries stay below malloc's mmap threshold
WORTH_THREADS = 64  # blocks from which a pool of threads pays
GROUPS = 1024  # of blocks: as many shares of posterior sums are kept apart


class Block(NamedTuple):
    """The states that share their high bits.

    logits (D, J)      W h + b
    softplus (J,)      sum_d log(1 + exp(-|logit_d|))
    log_prior (J,)     - sum_k max(0, (1 - 2 h_k) c_k), the share of log p(h) that depends on h
    """

    logits: np.ndarray
    softplus: np.ndarray
    log_prior: np.ndarray


class Posterior(NamedTuple):
    """Sums over all states that evidence, gradients and posterior means are made of.

    on, off (B, K)         p(h_k = 1 | x_b) and p(h_k = 0 | x_b)
    residual (D,)          sum_b E[x_bd - sigmoid(logit_d) | x_b]
    residual_on (D, K)     sum_b E[(x_bd - sigmoid(logit_d)) h_k | x_b]
    """

    on: np.ndarray
    off: np.ndarray
    residual: np.ndarray
    residual_on: np.ndarray


def log_evidence(problem, threads=None):
    """Log evidence of each datum.

    Formula     log p(x) = log sum_h p(h) p(x | h)
                log p(x | h) = - sum_d max(0, (1 - 2 x_d) l_d) - log prod_d (1 + exp(-|l_d|)),  l = W h + b
    Shapes      Problem -> (B,)
    Domain      any finite parameters
    Stability   all terms of log p(x, h) are negative, so none cancels; the product is at most 2^D
    Checked by  tests/fast/test_log_domain.py
    """
    return join_blocks(problem, block_sums(problem, 0, count_blocks(problem), threads))


def count_blocks(problem):
    """Number of blocks that a model's states are cut into."""
    D, K = problem.W.shape
    return 1 << (K - _low_bits(K, D))


def block_sums(problem, first, last, threads=None):
    """Logarithms of the sums over the blocks first..last-1, less what all states have in common: (blocks, B)."""
    states = _States(problem)
    return np.array(map_blocks(partial(_log_sum, states, problem.x), range(first, last), threads))


def join_blocks(problem, log_sums):
    """Log evidence (B,) from the logarithms of the sums of all blocks."""
    constant = _log_normaliser(problem.c)
    columns = np.ascontiguousarray(log_sums.T)
    return np.array([math.fsum([*constant, *_log_add(column)]) for column in columns])


def posterior(problem, log_evidence, threads=None):
    """Posterior sums, given the log evidence of each datum.

    Formula     r_bh = p(x_b, h) / p(x_b);  residual_hd = sum_b r_bh (x_bd - sigmoid(l_hd)); summed over h
    Shapes      Problem, (B,) -> Posterior
    Domain      any finite parameters
    Stability   x - sigmoid(l) is sigmoid(-l) where x = 1 and -sigmoid(l) where x = 0: accurate when small
    Checked by  tests/fast/test_log_domain.py
    """
    return join_groups(partial(group_posterior, problem, log_evidence), count_blocks(problem), threads)


def join_groups(group, blocks, threads):
    """All posterior sums, from group(first, last, threads) over `GROUPS` groups of blocks at most."""
    size = blocks // min(blocks, GROUPS)
    merged = [group(first, first + size, threads) for first in range(0, blocks, size)]
    return Posterior(*merge_groups(merged)[1:])


def group_posterior(problem, log_evidence, first, last, threads=None):
    """The share of the blocks first..last-1 in the posterior sums; first is a multiple of their number, a power of two.

    Shapes      -> weight (B,); weight with each bit inside the group on and off (B, bits); residual (D,), and with each
                of these bits on (D, bits)
    """
    states = _States(problem)
    log_total = log_evidence - math.fsum(_log_normaliser(problem.c))
    block = partial(_block_posterior, states, problem.x, log_total)
    return merge_groups(map_blocks(block, range(first, last), threads))


def merge_groups(groups):
    """One group from 2^n neighbours in order, with n more bits inside."""
    if len(groups) == 1:
        return groups[0]
    weight, on, off, residual, residual_on = (np.stack(part, axis=-1) for part in zip(*groups))
    total, more_on = fold_bits(weight)
    more_off = fold_bits(weight[:, ::-1])[1]
    total_residual, more_residual = fold_bits(residual)
    return (
        total,
        np.concatenate([on.sum(axis=-1), more_on], axis=1),
        np.concatenate([off.sum(axis=-1), more_off], axis=1),
        total_residual,
        np.concatenate([residual_on.sum(axis=-1), more_residual], axis=1),
    )


def pair_moments(problem, log_evidence, threads=None):
    """Posterior second moments E[h_k h_m | x] of the only datum.

    Shapes      Problem with B = 1, (1,) -> (K, K)
    Checked by  tests/fast/test_log_domain.py
    """
    states = _States(problem)
    log_total = log_evidence - math.fsum(_log_normaliser(problem.c))
    block = partial(_block_pairs, states, problem.x, log_total)
    return join_pairs(map_blocks(block, range(states.count), threads))


def join_pairs(blocks):
    """Second moments (K, K) from those inside of every block: weight (), with each bit on (bits,), with two (bits, bits)."""
    weight, on, pairs = (np.stack(part, axis=-1) for part in zip(*blocks))
    cross = fold_bits(on)[1]
    return np.block([[pairs.sum(axis=-1), cross], [cross.T, fold_pairs(weight)]])


def log_joint_table(problem):
    """Log joint log p(x_b, h) of every state.

    Shapes      Problem -> (B, 2^K); bit k of the column number is h_k
    Domain      any finite parameters; B 2^K numbers have to fit into memory
    Checked by  tests/fast/test_log_domain.py
    """
    states = _States(problem)
    blocks = [_log_joint(states.block(i), problem.x) for i in range(states.count)]
    return np.concatenate(blocks, axis=1) + math.fsum(_log_normaliser(problem.c))


def _log_normaliser(c):
    """Terms - log(1 + exp(-|c_k|)): the share of log p(h) that all states have in common."""
    return -np.log1p(np.exp(-np.abs(c)))


def _log_joint(block, x):
    """Log p(x_b, h) of the states of a block, less what all states have in common: (B, J)."""
    below, above = np.minimum(block.logits, 0.0), np.maximum(block.logits, 0.0)
    linear = np.einsum("bd,dj->bj", x, below) - np.einsum("bd,dj->bj", 1.0 - x, above)
    return linear - block.softplus + block.log_prior


def _low_bits(K, D):
    """How many bits run inside a block."""
    return min(K, max(1, (BLOCK // D).bit_length() - 1))


class _States:
    """All states of a model, as `count` blocks of equal size."""

    def __init__(self, problem):
        D, K = problem.W.shape
        self.low, self.count = _low_bits(K, D), count_blocks(problem)
        self.W, self.c = problem.W, problem.c
        log_off, log_on = -np.maximum(self.c, 0.0), np.minimum(self.c, 0.0)
        self.low_logits = subset_sums(problem.b, self.W[:, : self.low])
        self.low_prior = choice_sums(log_off[: self.low], log_on[: self.low])
        self.log_off, self.log_on = log_off[self.low :], log_on[self.low :]

    def block(self, i):
        """The block whose high bits are those of i."""
        high = (i >> np.arange(self.log_on.size)) & 1
        logits = self.low_logits + np.where(high, self.W[:, self.low :], 0.0).sum(axis=1)[:, None]
        softplus = _log_product(1.0 + np.exp(-np.abs(logits)))
        return Block(logits, softplus, self.low_prior + np.where(high, self.log_on, self.log_off).sum())


def map_blocks(function, blocks, threads):
    """[function(i) for i in blocks] on at most `threads` threads."""
    if threads == 1 or len(blocks) < WORTH_THREADS:
        return [function(i) for i in blocks]
    from concurrent.futures import ThreadPoolExecutor  # not for what is done at once

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, blocks))


def _log_product(factors, chunk=512):
    """Logarithm of prod_d of factors between 1 and 2; 512 at most share one logarithm."""
    starts = range(0, factors.shape[0], chunk)
    return sum(np.log(np.prod(factors[start : start + chunk], axis=0)) for start in starts)


def _log_sum(states, x, i):
    log_p = _log_joint(states.block(i), x)
    return np.array([sum(_log_add(row)) for row in log_p])


def _log_add(log_terms):
    """Log-sum-exp of finite numbers in two parts, with NumPy's pairwise sum."""
    peak = log_terms.max()
    return peak, np.log(np.exp(log_terms - peak).sum())


def _block_posterior(states, x, log_total, i):
    """Weights (B,), with each low bit on and off (B, low); residuals (D,), with each low bit on (D, low)."""
    block = states.block(i)
    weight = np.exp(_log_joint(block, x) - log_total[:, None])
    tail = np.exp(-np.abs(block.logits))
    large = 1.0 / (1.0 + tail)
    small = tail * large
    on, off = np.where(block.logits > 0, large, small), np.where(block.logits > 0, small, large)
    residual = off * np.einsum("bj,bd->dj", weight, x) - on * np.einsum("bj,bd->dj", weight, 1.0 - x)
    return fold_bits(weight) + fold_bits(weight[:, ::-1])[1:] + fold_bits(residual)


def _block_pairs(states, x, log_total, i):
    """Weight (), with each low bit on (low,), and with two of them on (low, low), of block i."""
    weight = np.exp(_log_joint(states.block(i), x) - log_total[:, None])[0]
    return *fold_bits(weight), fold_pairs(weight)
