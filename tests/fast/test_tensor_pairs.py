"""The tensor-pair kernel without a device: machine code for sm_90, fragments in NumPy, and the source on the processor."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from refvi.fast import tensor_pairs
from refvi.fast.tensor_pairs import SOURCE, column_fragments, grid, row_fragments
from refvi.laws.outcome import Outcome
from refvi.targets.cuda_source import compile_source

UNIT = 2.0**-53
HERE = Path(__file__).parent


def tables(rows, columns, visibles, seed=0):
    rng = np.random.default_rng(seed)
    A, C = np.exp(rng.normal(size=(visibles, rows))), np.exp(rng.normal(size=(visibles, columns)))
    return A, C, rng.uniform(0.1, 1.0, rows), rng.uniform(0.1, 1.0, columns)


def plain_sum(A, C, S, T):
    return float((S[:, None] * T / np.prod(A[:, :, None] + C[:, None, :], axis=0)).sum())


def by_fragments(row, column):
    """What mma.m16n8k4 makes of fragments, lane by lane, put back into matrices: (pairs, I, J)."""
    tiles, pairs = row.shape[:2]
    found = np.zeros((pairs, 16 * tiles, 8 * len(column)))
    for lane in range(32):
        group, member = divmod(lane, 4)
        for q in range(4):
            i, j = group + 8 * (q // 2), 2 * member + q % 2
            # Row i lies in the lanes of group i % 8, column j in those of group j.
            a, b = row[:, :, 4 * (i % 8) : 4 * (i % 8) + 4, i // 8], column[:, :, 4 * j : 4 * j + 4]
            found[:, i::16, j::8] = np.einsum("tpk,upk->ptu", a, b)
    return found


def law_fragments_hold_pair_products(rows_of, columns_of, A, C):
    """The instruction on the fragments gives (a1 + c1)(a2 + c2) for each pair, row and column, to 8 u."""
    factor = A[:, :, None] + C[:, None, :]
    exact = factor[0::2] * factor[1::2]
    error = np.abs(by_fragments(rows_of(A), columns_of(C)) / exact - 1.0).max()
    return Outcome("fragments hold pair products", float(error / (8 * UNIT)), exact.size)


def test_fragments_hold_pair_products():
    A, C, _, _ = tables(32, 24, 6)
    law_fragments_hold_pair_products(row_fragments, column_fragments, A, C).raise_if_broken()


MUTANTS = {
    "entries exchanged": (lambda A: row_fragments(A)[:, :, LANES_EXCHANGED], column_fragments),
    "halves exchanged": (lambda A: row_fragments(A)[..., ::-1], column_fragments),
    "visibles exchanged": (
        row_fragments,
        lambda C: column_fragments(C.reshape(-1, 2, C.shape[1])[:, ::-1].reshape(C.shape)),
    ),
    "columns as rows": (
        row_fragments,
        lambda C: (
            column_fragments(C).reshape(-1, len(C) // 2, 8, 4).swapaxes(2, 3).reshape(-1, len(C) // 2, 32)
        ),
    ),
}
LANES_EXCHANGED = np.arange(32) ^ 1


@pytest.mark.parametrize("name", MUTANTS)
def test_law_rejects(name):
    A, C, _, _ = tables(16, 8, 4)
    assert not law_fragments_hold_pair_products(*MUTANTS[name], A, C).holds


def test_kernel_compiles_to_tensor_instructions_for_sm_90():
    text = compile_source(SOURCE, to_text=True).decode()
    assert ".target sm_90" in text
    assert len(re.findall(r"mma\.sync\.aligned\.m16n8k4\.row\.col\.f64\.f64\.f64\.f64", text)) >= 8
    assert ".local" not in text
    code = compile_source(SOURCE)
    assert code[:4] == b"\x7fELF"
    assert b"tensor_pairs" in code


@pytest.mark.parametrize(("rows", "columns"), [(32, 128), (64, 128), (1 << 14, 1 << 14), (1 << 20, 1 << 8)])
def test_grid_covers_all_states(rows, columns):
    warps, blocks, runs = grid(rows, columns)
    assert warps * blocks * tensor_pairs.WARP_ROWS == rows
    assert columns % (runs * tensor_pairs.RUN) == 0


@pytest.fixture(scope="module")
def on_host(tmp_path_factory):
    """The CUDA source as a library for the processor."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("host") / "tensor_pairs.so"
    source = ["-I", str(SOURCE.parent), "-x", "c++", str(HERE / "warp_on_host.h")]
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-pthread", *source, "-o", str(library)],
        check=True,
    )
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize(
    ("rows", "columns", "visibles", "sharing", "runs"), [(32, 32, 4, 4, 1), (128, 64, 8, 2, 2)]
)
def test_source_on_the_processor_sums_all_states(on_host, rows, columns, visibles, sharing, runs):
    """One warp, and two blocks of two warps over two runs of columns, every lane a thread; to 64 u of the sum."""
    A, C, S, T = tables(rows, columns, visibles)
    warps = 1 if rows == 32 else 2
    sums = np.zeros((rows // (32 * warps), runs))
    numbers = [np.ascontiguousarray(part) for part in (row_fragments(A), column_fragments(C), S, T)]
    given = [part.ctypes.data_as(ctypes.c_void_p) for part in (*numbers, sums)]
    on_host.run_blocks(*given[:4], visibles // 2, columns // runs, sharing, given[4], warps, *sums.shape)
    assert abs(sums.sum() / plain_sum(A, C, S, T) - 1.0) <= 64 * UNIT
    assert (sums > 0.0).all()
