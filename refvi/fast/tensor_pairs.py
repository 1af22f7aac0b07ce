"""Evidence on the tensor cores of an NVIDIA device: pairs of visibles as inner products of rank four.

The kernel is the CUDA source `tensor_pairs.cu` beside this file, compiled for the device when first used. Here are the
fragments that it reads, and the launch. Nothing here has run on a device yet: without one, the source is compiled to
machine code, and run on the processor with its instruction replaced.

Source      NVIDIA, PTX ISA, matrix fragments of mma.m16n8k4 with .f64
Checked by  tests/fast/test_tensor_pairs.py
"""

from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("tensor_pairs.cu")
WARP_ROWS, RUN, MOST_WARPS, LEAST_BLOCKS = 32, 32, 8, 1024
LANE = np.arange(32)


def row_fragments(A):
    """[1, a1, a2, a1 a2] of each pair of visibles and row, as the lanes of a warp hold them.

    Shapes      A (Dp, I), Dp even, I a multiple of 16 -> (I / 16, Dp / 2, 32, 2)
    Checked by  tests/fast/test_tensor_pairs.py
    """
    first, second = A[0::2], A[1::2]
    entries = np.stack([np.ones_like(first), first, second, first * second])  # (4, pairs, I)
    tiles = entries.reshape(4, len(first), -1, 2, 8)  # entry, pair, tile, half, row in half
    return np.ascontiguousarray(tiles[LANE % 4, :, :, :, LANE // 4].transpose(2, 1, 0, 3))


def column_fragments(C):
    """[c1 c2, c2, c1, 1] of each pair of visibles and column, as the lanes of a warp hold them.

    Shapes      C (Dp, J), Dp even, J a multiple of 8 -> (J / 8, Dp / 2, 32)
    Checked by  tests/fast/test_tensor_pairs.py
    """
    first, second = C[0::2], C[1::2]
    entries = np.stack([first * second, second, first, np.ones_like(first)])
    tiles = entries.reshape(4, len(first), -1, 8)
    return np.ascontiguousarray(tiles[LANE % 4, :, :, LANE // 4].transpose(2, 1, 0))


def grid(rows, columns):
    """Warps of a block, and blocks along rows and columns.

    Formula     blocks of at most eight warps with 32 rows each; runs of columns so short that a device is filled
    """
    warps = min(MOST_WARPS, rows // WARP_ROWS)
    blocks = rows // (WARP_ROWS * warps)
    return warps, blocks, max(1, min(columns // RUN, LEAST_BLOCKS // blocks))


def tensor_sums(A, C, S, T, sharing):
    """Sums over the blocks of a device of S_i T_j / prod_d (A_di + C_dj).

    Shapes      A (Dp, I), C (Dp, J), S (I,), T (J,), Dp even, I and J powers of two of at least 32 -> (blocks, runs)
    """
    from refvi.targets import cuda_source

    warps, blocks, runs = grid(len(S), len(T))
    sums = np.zeros((blocks, runs))
    arrays, numbers = (row_fragments(A), column_fragments(C), S, T), (len(A) // 2, len(T) // runs, sharing)
    cuda_source.run(SOURCE, "tensor_pairs", sums.shape, 32 * warps, arrays, numbers, sums)
    return sums
