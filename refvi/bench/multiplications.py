"""The speed limit: nothing but vector multiplications, as many as one for each factor of each state.

A product of D factors takes D - 1 multiplications (performance is counted as D for each state, the last one standing
for what follows the product). Twelve independent accumulators of 512 bits hide the latency of four cycles; on processors
with shorter vectors the compiler splits them.
"""

from refvi.fast.threads import SERIAL_BELOW, share
from refvi.targets.cache import compiled

WIDTH, ACCUMULATORS = 8, 12
THREADS = 1


def start(threads):
    """How many threads multiply."""
    globals()["THREADS"] = threads


def evidence(problem):
    """A call that multiplies D 2^K numbers."""
    D, K = problem.W.shape
    rounds = max(1, (D << K) // (WIDTH * ACCUMULATORS * THREADS))
    kernel = _kernel()
    kernel(1, 1.0)

    def run(first, last):
        for _ in range(first, last):
            kernel(rounds, 1.0 + 1e-12)

    def call():
        share(run, THREADS, SERIAL_BELOW, THREADS)

    call.note = f"{rounds * WIDTH * ACCUMULATORS * THREADS} multiplications"
    return call


def _kernel():
    multiply = _intrinsic()

    def multiplications(rounds, factor):
        return multiply(rounds, factor)

    return compiled(multiplications, cache=False)


def _intrinsic():
    """multiply(rounds, factor): ACCUMULATORS vectors of WIDTH doubles, each multiplied `rounds` times."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def multiply(typing, rounds, factor):  # noqa: ARG001 - the signature is Numba's
        def generate(context, builder, signature, arguments):  # noqa: ARG001
            count, number = arguments
            vector, index = ir.VectorType(ir.DoubleType(), WIDTH), ir.IntType(32)
            lanes = ir.Constant(vector, ir.Undefined)
            for lane in range(WIDTH):
                lanes = builder.insert_element(lanes, number, index(lane))
            places = [cgutils.alloca_once_value(builder, lanes) for _ in range(ACCUMULATORS)]
            with cgutils.for_range(builder, count):
                for place in places:
                    builder.store(builder.fmul(builder.load(place), lanes), place)
            total = builder.load(places[0])
            for place in places[1:]:
                total = builder.fadd(total, builder.load(place))
            return builder.extract_element(total, index(0))

        return types.float64(types.int64, types.float64), generate

    return multiply


PREPARE = {"evidence": evidence}
