"""Vectors of eight doubles in compiled code, for short rows that the compiler does not vectorise by itself.

The loop vectoriser wants long loops over arrays that it can prove apart; rows of a table that are picked by an index
are short, and may be the same. Here such a row is loaded, worked on and stored eight numbers at a time: one register
with AVX-512, two with AVX2. Offsets count doubles from the start of a contiguous array of any shape; nothing is checked.

Not here: anything that a plain loop over lanes does as well.

Checked by  tests/fast/test_eight.py
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

WIDTH = 8
DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, WIDTH)


class Eight(types.Type):
    """The type of eight doubles."""

    def __init__(self):
        super().__init__(name="Eight")


EIGHT = Eight()


@register_model(Eight)
class _EightModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


def _address(context, builder, signature, arguments):
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), VECTOR.as_pointer())


@intrinsic
def load(_typing, table, at):  # noqa: ARG001
    """The eight numbers of an array from `at` on."""

    def code(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature, arguments), align=8)

    return EIGHT(table, types.int64), code


@intrinsic
def store(_typing, table, at, value):  # noqa: ARG001
    """Write eight numbers into an array from `at` on."""

    def code(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=8)

    return types.void(table, types.int64, value), code


def _elementwise(instruction):
    @intrinsic
    def operation(_typing, a, b):
        def code(_context, builder, _signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return EIGHT(a, b), code

    return operation


plus, minus, times, over = (_elementwise(instruction) for instruction in ("fadd", "fsub", "fmul", "fdiv"))


@intrinsic
def fused(_typing, a, b, c):
    """The products of a and b plus c, rounded once."""

    def code(_context, builder, _signature, arguments):
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        return builder.call(builder.module.declare_intrinsic(f"llvm.fma.v{WIDTH}f64", fnty=kind), arguments)

    return EIGHT(a, b, c), code


def _reduction(operation, start):
    @intrinsic
    def reduce(_typing, value):
        def code(_context, builder, _signature, arguments):
            kind = ir.FunctionType(DOUBLE, [DOUBLE, VECTOR])
            whole = builder.module.declare_intrinsic(f"llvm.vector.reduce.{operation}.v{WIDTH}f64", fnty=kind)
            return builder.call(whole, [ir.Constant(DOUBLE, start), arguments[0]], fastmath=("reassoc",))

        return types.float64(value), code

    return reduce


sum_of_eight, product_of_eight = _reduction("fadd", 0.0), _reduction("fmul", 1.0)


def _lanes(positions):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(positions)), positions)


def _in_all_places(builder, number):
    nothing = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, _lanes([0] * WIDTH))


@intrinsic
def eight_times(_typing, number):  # noqa: ARG001
    """One number in all eight places."""

    def code(_context, builder, _signature, arguments):
        return _in_all_places(builder, arguments[0])

    return EIGHT(types.float64), code


@intrinsic
def spread(_typing, table, at):  # noqa: ARG001
    """The number of an array at `at`, in all eight places: an operand in memory, no register of its own."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return _in_all_places(builder, builder.load(builder.gep(data, [arguments[1]])))

    return EIGHT(table, types.int64), code


@intrinsic
def sums_of_each(_typing, vectors):  # noqa: ARG001
    """The sums of eight vectors, the k-th sum at place k.

    A transpose that adds on the way: blocks of one, two, four numbers of two vectors change places, and the halves
    are added, seven additions in all.
    """

    def code(_context, builder, _signature, arguments):
        parts = [builder.extract_value(arguments[0], k) for k in range(WIDTH)]
        size = 1
        while len(parts) > 1:
            blocks = [range(k, k + size) for k in range(0, WIDTH, 2 * size)]
            lower = [WIDTH * b + k for block in blocks for b in (0, 1) for k in block]
            upper = [k + size for k in lower]
            halves = [
                [builder.shuffle_vector(a, b, _lanes(order)) for order in (lower, upper)]
                for a, b in zip(parts[::2], parts[1::2])
            ]
            parts = [builder.fadd(*pair) for pair in halves]
            size *= 2
        return parts[0]

    return EIGHT(types.UniTuple(EIGHT, WIDTH)), code


@intrinsic
def add_halves(_typing, table, low, high, value):  # noqa: ARG001
    """Add four numbers to an array from `low` on, and the other four from `high` on."""

    def code(context, builder, signature, arguments):
        half = ir.VectorType(DOUBLE, WIDTH // 2)
        for place, order in ((1, [0, 1, 2, 3]), (2, [4, 5, 6, 7])):
            spot = _address(context, builder, signature, [arguments[0], arguments[place]])
            spot = builder.bitcast(spot, half.as_pointer())
            part = builder.shuffle_vector(arguments[3], arguments[3], _lanes(order))
            builder.store(builder.fadd(builder.load(spot, align=8), part), spot, align=8)

    return types.void(table, types.int64, types.int64, value), code
