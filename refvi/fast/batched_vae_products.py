"""Products of matrices of moderate size, of any two strides, in registers.

    out = a b  or  out += a b,   a (M, K), b (K, N), out (M, N): views, transposed ones too

A panel of COLUMNS columns of b is copied to where its rows lie next to one another, transposed on the way where b is;
then a tile of ROWS rows of the product at a time stays in registers while all of K passes: for each k one number of
each row of a, spread over a vector, times VECTORS vectors of the panel. Matrices of a batched step are a few hundred
wide: beside a BLAS this saves the copy of a, and the threads are the caller's. The machine code is made once and
called by its symbol: linked into every function that has products it would be optimised again for each.

Every entry is the sum over k in increasing order of fused, where there are such, products: its bits depend neither on
the tile nor on the block that it belongs to.

Checked by  tests/fast/test_batched_vae_products.py
"""

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic

from refvi.fast.compiled import aligned, exact
from refvi.fast.eight import DOUBLE, VECTOR, WIDTH
from refvi.targets.cache import cached_here

# 24 accumulators, or 12 pairs of them, beside the vectors of the panel, in 32 or 16 registers
ROWS, VECTORS = (8, 3) if llvmlite.binding.get_host_cpu_features().get("avx512f") else (6, 1)
COLUMNS = WIDTH * VECTORS
DEPTH = 512  # rows of a panel: with as many numbers of each row of a it stays in the second cache
SIZE = 8  # bytes of a number

INTEGER, LANE = ir.IntType(64), ir.IntType(32)


def _at(builder, address, kind, offset=0):
    """Pointer to what lies some numbers after an address."""
    moved = builder.add(address, ir.Constant(INTEGER, SIZE * offset))
    return builder.inttoptr(moved, kind.as_pointer())


def _vector(builder, address, v):
    return builder.load(_at(builder, address, VECTOR, WIDTH * v), align=SIZE)


def _spread(builder, number):
    nothing = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(LANE, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(LANE, WIDTH), [0] * WIDTH))


def _fetch_for_writing(builder, address, offset):
    """Ask for the cache line of a number that will be written when the tile is done."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte] + [LANE] * 3)
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", fnty=kind)
    place = builder.bitcast(_at(builder, address, DOUBLE, offset), byte)
    builder.call(prefetch, [place, *(ir.Constant(LANE, k) for k in (1, 3, 1))])


def _tile(rows, vectors):
    """Function that adds a strip of a times a panel to a tile of the product, or puts it there."""

    @intrinsic
    def tile(_typing, a, a_row, a_step, panel, out, out_row, depth, add):  # noqa: ARG001
        """Addresses and strides in bytes; a (rows, depth), panel (depth, vectors), out (rows, vectors)."""

        def code(_context, builder, _signature, arguments):
            a, a_row, a_step, panel, out, out_row, depth, add = arguments
            lines = [builder.add(out, builder.mul(out_row, ir.Constant(INTEGER, r))) for r in range(rows)]
            places = [(r, v) for r in range(rows) for v in range(vectors)]
            kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
            multiply_add = builder.module.declare_intrinsic("llvm.fmuladd.v8f64", fnty=kind)
            names = "fresh", "add", "loop", "done"
            fresh, going_on, loop, done = (builder.append_basic_block(name) for name in names)
            builder.cbranch(add, going_on, fresh)

            builder.position_at_end(fresh)
            for r, v in places:
                _fetch_for_writing(builder, lines[r], WIDTH * v)
            builder.branch(loop)

            builder.position_at_end(going_on)
            found = [_vector(builder, lines[r], v) for r, v in places]
            builder.branch(loop)

            builder.position_at_end(loop)
            count, left, right = (builder.phi(INTEGER) for _ in range(3))
            sums = [builder.phi(VECTOR) for _ in places]
            for block, starts in (
                (fresh, [ir.Constant(VECTOR, [0.0] * WIDTH)] * len(places)),
                (going_on, found),
            ):
                for phi, start in zip((count, left, right, *sums), (depth, a, panel, *starts), strict=True):
                    phi.add_incoming(start, block)
            row = [_vector(builder, right, v) for v in range(vectors)]
            after = []
            for r in range(rows):
                shift = builder.mul(a_row, ir.Constant(INTEGER, r))
                number = _spread(builder, builder.load(_at(builder, builder.add(left, shift), DOUBLE)))
                after += [
                    builder.call(multiply_add, [number, row[v], sums[vectors * r + v]])
                    for v in range(vectors)
                ]
            one_less = builder.sub(count, ir.Constant(INTEGER, 1))
            width = ir.Constant(INTEGER, SIZE * WIDTH * vectors)
            moved = one_less, builder.add(left, a_step), builder.add(right, width)
            for phi, value in zip((count, left, right, *sums), (*moved, *after), strict=True):
                phi.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed(">", one_less, ir.Constant(INTEGER, 0)), loop, done)

            builder.position_at_end(done)
            for (r, v), value in zip(places, after, strict=True):
                builder.store(value, _at(builder, lines[r], VECTOR, WIDTH * v), align=SIZE)

        return types.void(*[types.int64] * 7, types.boolean), code

    return tile


@intrinsic
def copy_eight(_typing, source, target):  # noqa: ARG001
    """Eight numbers from one address to another."""

    def code(_context, builder, _signature, arguments):
        builder.store(_vector(builder, arguments[0], 0), _at(builder, arguments[1], VECTOR), align=SIZE)

    return types.void(types.int64, types.int64), code


@intrinsic
def transpose_eight(_typing, source, source_row, target, target_row):  # noqa: ARG001
    """A matrix of eight by eight numbers: blocks of four, two, one change places."""

    def code(_context, builder, _signature, arguments):
        source, source_row, target, target_row = arguments
        rows = []
        for k in range(WIDTH):
            rows.append(
                _vector(builder, builder.add(source, builder.mul(source_row, ir.Constant(INTEGER, k))), 0)
            )
        for size in (4, 2, 1):
            for k in (k for k in range(WIDTH) if not k & size):
                low = [i if not i & size else i - size + WIDTH for i in range(WIDTH)]
                high = [i + size if not i & size else i + WIDTH for i in range(WIDTH)]
                pair = rows[k], rows[k + size]
                rows[k], rows[k + size] = (
                    builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(LANE, WIDTH), order))
                    for order in (low, high)
                )
        for k, row in enumerate(rows):
            line = builder.add(target, builder.mul(target_row, ir.Constant(INTEGER, k)))
            builder.store(row, _at(builder, line, VECTOR), align=SIZE)

    return types.void(*[types.int64] * 4), code


@intrinsic
def copy_one(_typing, source, target):  # noqa: ARG001
    """One number from one address to another."""

    def code(_context, builder, _signature, arguments):
        builder.store(builder.load(_at(builder, arguments[0], DOUBLE)), _at(builder, arguments[1], DOUBLE))

    return types.void(types.int64, types.int64), code


# ---- the whole product

TILE, TILE_LESS_1, TILE_LESS_2 = (_tile(ROWS, max(1, VECTORS - v)) for v in range(3))
ROW, ROW_LESS_1, ROW_LESS_2 = (_tile(1, max(1, VECTORS - v)) for v in range(3))


@exact
def copy_numbers(b, b_row, b_step, first_row, last_row, first, last, panel, panel_row):
    """The rows first_row.. and columns first.. of a panel, one by one."""
    for k in range(first_row, last_row):
        for lane in range(first, last):
            copy_one(b + k * b_row + lane * b_step, panel + k * panel_row + SIZE * lane)


@exact
def fill_panel(b, b_row, b_step, depth, lanes, panel, panel_row):
    """Copy depth rows of `lanes` numbers; lanes that fill up a vector stay as they are.

    Shapes      addresses and strides in bytes: b (depth, lanes) -> panel (depth, lanes rounded up)
    """
    whole, first = lanes - lanes % WIDTH, 0
    if b_step == SIZE:
        first = depth
        for k in range(depth):
            for j in range(0, whole, WIDTH):
                copy_eight(b + k * b_row + SIZE * j, panel + k * panel_row + SIZE * j)
    elif b_row == SIZE:
        first = depth - depth % WIDTH
        for j in range(0, whole, WIDTH):
            for k in range(0, first, WIDTH):
                start = panel + k * panel_row + SIZE * j
                transpose_eight(b + k * SIZE + j * b_step, b_step, start, panel_row)
    copy_numbers(b, b_row, b_step, first, depth, 0, whole, panel, panel_row)
    copy_numbers(b, b_row, b_step, 0, depth, whole, lanes, panel, panel_row)


@exact
def multiply_strip(rows, vectors, a, a_row, a_step, panel, out, out_row, depth, add):
    """A tile of ROWS rows, or one of one."""
    if rows == ROWS:
        if vectors == VECTORS:
            TILE(a, a_row, a_step, panel, out, out_row, depth, add)
        elif vectors == VECTORS - 1:
            TILE_LESS_1(a, a_row, a_step, panel, out, out_row, depth, add)
        else:
            TILE_LESS_2(a, a_row, a_step, panel, out, out_row, depth, add)
    elif vectors == VECTORS:
        ROW(a, a_row, a_step, panel, out, out_row, depth, add)
    elif vectors == VECTORS - 1:
        ROW_LESS_1(a, a_row, a_step, panel, out, out_row, depth, add)
    else:
        ROW_LESS_2(a, a_row, a_step, panel, out, out_row, depth, add)


@exact
def multiply_panel(a, a_row, a_step, panel, out, out_row, count, lanes, depth, add, spare):
    """Rows of the product for the columns of a panel; where its last vector is not full, by way of `spare`."""
    vectors = -(-lanes // WIDTH)
    width = SIZE * WIDTH * vectors
    first = 0
    while first < count:
        rows = ROWS if first + ROWS <= count else 1
        left, place = a + first * a_row, out + first * out_row
        if lanes % WIDTH == 0:
            multiply_strip(rows, vectors, left, a_row, a_step, panel, place, out_row, depth, add)
        else:
            for i in range(rows if add else 0):
                for lane in range(lanes):
                    copy_one(place + i * out_row + SIZE * lane, spare + i * width + SIZE * lane)
            multiply_strip(rows, vectors, left, a_row, a_step, panel, spare, width, depth, add)
            for i in range(rows):
                for lane in range(lanes):
                    copy_one(spare + i * width + SIZE * lane, place + i * out_row + SIZE * lane)
        first += rows


def multiply(a, a_row, a_step, b, b_row, b_step, out, out_row, count, columns, inner, add):
    """`matmul` on addresses and strides in bytes."""
    room = aligned(COLUMNS * (min(inner, DEPTH) + ROWS))
    if columns % WIDTH:
        room[:] = 0.0  # what fills up the last vector is computed with
    spare = room.ctypes.data
    panel = spare + SIZE * COLUMNS * ROWS
    for start in range(0, inner, DEPTH):
        depth = min(DEPTH, inner - start)
        for j in range(0, columns, COLUMNS):
            lanes = min(COLUMNS, columns - j)
            width = SIZE * WIDTH * -(-lanes // WIDTH)
            fill_panel(b + start * b_row + j * b_step, b_row, b_step, depth, lanes, panel, width)
            multiply_panel(
                a + start * a_step,
                a_row,
                a_step,
                panel,
                out + SIZE * j,
                out_row,
                count,
                lanes,
                depth,
                add != 0 or start > 0,
                spare,
            )
    room[0] = 0.0  # the room is in use up to here: nothing else tells the compiler so


SYMBOL, SIGNATURE = "refvi_multiply", types.void(*[types.int64] * 12)
with cached_here() as _allowed:
    _machine_code = cfunc(SIGNATURE, cache=_allowed, boundscheck=False, error_model="numpy")(multiply)
llvmlite.binding.add_symbol(SYMBOL, _machine_code.address)
multiply_by_symbol = types.ExternalFunction(SYMBOL, SIGNATURE)


@exact
def matmul(a, b, out, add=False):
    """out = a b, or out += a b: two-dimensional views, the rows of `out` without gaps."""
    if a.shape[1] == 0 and not add:
        out[:, :] = 0.0
    multiply_by_symbol(
        a.ctypes.data,
        a.strides[0],
        a.strides[1],
        b.ctypes.data,
        b.strides[0],
        b.strides[1],
        out.ctypes.data,
        out.strides[0],
        a.shape[0],
        b.shape[1],
        a.shape[1],
        int(add),
    )
