"""What compiled loops cannot say in Python: memory by its address, and products in registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BYTES = 64  # of a vector: one or two registers of the processor
LANES = 16  # columns that a product works on at least: those of a vector of float32


@intrinsic
def pointer(_, address):  # type: ignore[no-untyped-def]
    """An address as a pointer, within a compiled loop."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _product_of(rows: int, *, by_column: bool = False) -> Any:
    """The product of `rows` rows with a vector's worth of columns, all sums in registers.

    A bias belongs to each row or, with `by_column`, to each column; it has no step then.

    LLVM does not find this form by itself: a plain loop reads and writes its sums each time, and
    is half as fast.
    """

    @intrinsic
    def product(  # type: ignore[no-untyped-def]
        _,
        like,
        weight,
        row_step,
        column_step,
        bias,
        bias_step,
        given,
        step,
        out,
        out_step,
        count,
        floor,
    ):
        """out[r] = max(sum over i of weight[r, i] * given[i] + bias[r], floor), r below `rows`.

        Arrays are given by address and steps in bytes; `given` has `count` rows. `like` is any
        array of their type. NaN stays.
        """
        kind = like.dtype
        lanes = BYTES * 8 // kind.bitwidth

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            (_, weight, row_step, column_step, bias, bias_step) = arguments[:6]
            given, step, out, out_step, count, floor = arguments[6:]
            number = context.get_value_type(kind)
            vector = ir.VectorType(number, lanes)
            whole = ir.IntType(64)

            def at(address: Any, times: Any, by: Any, what: Any) -> Any:
                place = builder.add(address, builder.mul(times, by))
                return builder.inttoptr(place, what.as_pointer())

            def read(place: Any) -> Any:
                found = builder.load(place)
                found.align = kind.bitwidth // 8
                return found

            def everywhere(value: Any) -> Any:
                empty = ir.Constant(vector, ir.Undefined)
                zero = ir.Constant(ir.IntType(32), 0)
                first = builder.insert_element(empty, value, zero)
                same = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
                return builder.shuffle_vector(first, empty, same)

            numbers = [ir.Constant(whole, row) for row in range(rows)]
            sums = [cgutils.alloca_once(builder, vector) for _ in numbers]
            for row, total in zip(numbers, sums, strict=True):
                start = at(bias, row, bias_step, vector if by_column else number)
                first = read(start)
                builder.store(first if by_column else everywhere(first), total)
            with cgutils.for_range(builder, count, intp=whole) as loop:
                values = read(at(given, loop.index, step, vector))
                column = builder.add(weight, builder.mul(loop.index, column_step))
                for row, total in zip(numbers, sums, strict=True):
                    factor = everywhere(read(at(column, row, row_step, number)))
                    term = builder.fmul(factor, values, flags=("contract",))
                    added = builder.fadd(term, builder.load(total), flags=("contract",))
                    builder.store(added, total)
            least = everywhere(floor)
            for row, total in zip(numbers, sums, strict=True):
                value = builder.load(total)
                below = builder.fcmp_ordered("<=", value, least)
                written = builder.store(
                    builder.select(below, least, value), at(out, row, out_step, vector)
                )
                written.align = kind.bitwidth // 8
            return context.get_dummy_value()

        numbers = (weight, row_step, column_step, bias, bias_step, given, step, out, out_step)
        return types.void(like, *numbers, count, kind), generate

    return product


product_of_4 = _product_of(4)
product_of_1 = _product_of(1)
columns_of_4 = _product_of(4, by_column=True)
columns_of_1 = _product_of(1, by_column=True)


@intrinsic
def turned_square(_, like, given, step, out, out_step):  # type: ignore[no-untyped-def]
    """out[j, i] = given[i, j] of a square as wide as half a vector, by addresses and steps.

    By interleaving halves again and again, in registers: element by element it takes five times
    as long.
    """
    kind = like.dtype

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, given, step, out, out_step = arguments
        side = BYTES // 2 * 8 // kind.bitwidth
        vector = ir.VectorType(context.get_value_type(kind), side)
        small, whole = ir.IntType(32), ir.IntType(64)

        def at(address: Any, by: Any, times: int) -> Any:
            place = builder.add(address, builder.mul(by, ir.Constant(whole, times)))
            return builder.inttoptr(place, vector.as_pointer())

        def interleaved(first: Any, second: Any, begin: int) -> Any:
            order = [begin + i // 2 + side * (i % 2) for i in range(side)]
            mask = ir.Constant(ir.VectorType(small, side), order)
            return builder.shuffle_vector(first, second, mask)

        rows = []
        for row in range(side):
            found = builder.load(at(given, step, row))
            found.align = kind.bitwidth // 8
            rows.append(found)
        half = side // 2
        for _ in range(side.bit_length() - 1):
            rows = [
                interleaved(rows[i // 2], rows[i // 2 + half], half * (i % 2)) for i in range(side)
            ]
        for row, values in enumerate(rows):
            written = builder.store(values, at(out, out_step, row))
            written.align = kind.bitwidth // 8
        return context.get_dummy_value()

    return types.void(like, given, step, out, out_step), generate
