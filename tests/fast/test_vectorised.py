"""The inner loops compile to vector instructions of full width: the assembly is read, no clock is consulted."""

import re

import llvmlite.binding
import numba
import pytest
from numba import float64, int64, uint64

from refvi.fast import (
    batch,
    counted_samples,
    folding,
    marginals,
    narrow,
    narrow_gradient,
    philox_lanes,
    products,
    quotients,
    sample_kernels,
    wide,
)

LINE, TABLE, COUNT, WHOLE = float64[::1], float64[:, ::1], int64, int64[::1]
LOOPS = {
    "multiply_tile": (products.multiply_tile, (TABLE, COUNT, LINE, COUNT, COUNT, COUNT, LINE), "mul add"),
    "narrow_strips": (
        narrow.narrow_strips,
        (TABLE, LINE, TABLE, TABLE, float64, COUNT, COUNT, COUNT, TABLE),
        "mul add div",
    ),
    "batch_strips": (
        batch.batch_strips,
        (TABLE, LINE, TABLE, TABLE, COUNT, COUNT, COUNT, TABLE),
        "mul add div fmadd",
    ),
    "invert_octet": (
        marginals.invert_octet,
        (LINE, LINE, COUNT, LINE, COUNT, COUNT, LINE, LINE),
        "mul add div fmadd",
    ),
    "add_row_sums": (marginals.add_row_sums, (LINE, LINE, LINE, COUNT), "fmadd"),
    "prefix_products": (
        quotients.prefix_products,
        (LINE, COUNT, LINE, COUNT, COUNT, COUNT, LINE),
        "mul add",
    ),
    "spread_quotients": (
        quotients.spread_quotients,
        (LINE, COUNT, LINE, COUNT, COUNT, COUNT, LINE, LINE, COUNT, TABLE, LINE),
        "mul add",
    ),
    "joint_factors": (narrow_gradient.joint_factors, (LINE, COUNT, LINE, LINE), "fmadd"),
    "narrow_weights": (
        narrow_gradient.narrow_weights,
        (LINE, LINE, COUNT, LINE, LINE, LINE, COUNT, LINE),
        "mul div",
    ),
    "add_lane_sums": (folding.add_lane_sums, (LINE, COUNT, LINE), "add"),
    "visit_by_ratio": (
        sample_kernels.visit_by_ratio,
        (TABLE, TABLE, COUNT, WHOLE, WHOLE, COUNT, TABLE, TABLE, LINE),
        "div add",
    ),
    "split_logits": (sample_kernels.split_logits, (LINE, COUNT, LINE, LINE), "div mul"),
    "spread_ratios": (counted_samples.spread_ratios, (TABLE, TABLE, WHOLE, TABLE, TABLE), "div add"),
    "fold_values": (counted_samples.fold_values, (LINE, COUNT, LINE), "add"),
    "wide_ratios": (wide.wide_ratios, (LINE, COUNT, LINE, LINE, LINE), "mul div"),
}


def register():
    """The vector registers of this machine, as the assembly names them; None where the reading is unknown."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return "zmm"
    return "ymm" if features.get("avx2") else None


def assembly(dispatcher, signature):
    """Fresh assembly of a compiled function: a dispatcher that comes from the disk cache has none."""
    fresh = numba.jit(**dispatcher.targetoptions)(dispatcher.py_func)
    fresh.compile(signature)
    (text,) = fresh.inspect_asm().values()
    return text


def counts(text, operation, width):
    """How many instructions of an operation work on packed doubles of this width, and how many on single ones."""
    packed = re.findall(rf"\bv{operation}(?:\d+)?pd\b.*%{width}", text)
    single = re.findall(rf"\bv{operation}(?:\d+)?sd\b", text)
    return len(packed), len(single)


def complaints(text, operations, width):
    """Operations that full registers do not do: single ones remain at the ends of sums and where arrays overlap."""
    lanes = {"zmm": 8, "ymm": 4}[width]
    found = {operation: counts(text, operation, width) for operation in operations.split()}
    return {name: pair for name, pair in found.items() if lanes * pair[0] <= 2 * pair[1]}


@pytest.mark.parametrize("name", LOOPS)
def test_inner_loop_uses_full_vectors(name):
    width = register()
    if width is None:
        # Elsewhere the names of registers differ; that the loop compiles is all that is asked.
        assert assembly(*LOOPS[name][:2])
        return
    dispatcher, signature, operations = LOOPS[name]
    assert not complaints(assembly(dispatcher, signature), operations, width)


def test_random_words_come_in_full_vectors():
    """Products of 32-bit words, for eight or four samples at once."""
    width, words = register(), uint64[::1]
    text = assembly(philox_lanes.draw_words, (uint64, uint64, uint64, uint64, words, words))
    assert width is None or len(re.findall(rf"vpmuludq.*%{width}", text)) >= 16


def test_a_loop_that_cannot_be_vectorised_is_noticed():
    """Sums whose order is kept, and products that wait for one another."""

    @numba.njit
    def in_order(values):
        total = 1.0
        for value in values:
            total = total * value + 1.0
        return total

    in_order.compile((LINE,))
    (text,) = in_order.inspect_asm().values()
    assert complaints(text, "mul add", register() or "zmm")
