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


plus, times, over = (_elementwise(instruction) for instruction in ("fadd", "fmul", "fdiv"))


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
