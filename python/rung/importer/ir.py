# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes MLIR text: one function of upstream tensor, linalg, arith and math operations plus rung's parameters.

There are no MLIR bindings here on purpose: the importer runs where no compiler is installed. Shapes are tuples; None
is a dynamic extent. A dynamic extent is always given as an index value where the operation needs it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Callable, Sequence

Extent = int | None


@dataclasses.dataclass(frozen=True)
class Value:
    """An SSA value. `shape` is None for a scalar."""

    name: str
    element: str
    shape: tuple[Extent, ...] | None = None

    @property
    def type(self) -> str:
        if self.shape is None:
            return self.element
        return "tensor<" + "".join(f"{'?' if extent is None else extent}x" for extent in self.shape) + self.element + ">"


Size = int | Value  # a static extent or offset, or an index value


def symbol(name: str) -> str:
    """`@name`, quoted where MLIR's grammar wants it."""
    return f"@{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$.]*", name) else f'@"{name}"'


def affine_map(dims: Sequence[str], results: Sequence[str]) -> str:
    return f"affine_map<({', '.join(dims)}) -> ({', '.join(results)})>"


class Body:
    """The scalar body of a linalg.generic; every method appends one operation and returns the name of its result."""

    def __init__(self):
        self.lines: list[str] = []

    def _emit(self, text: str) -> str:
        name = f"%{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def f32(self, value: float | str) -> str:
        return self._emit(f"arith.constant {value if isinstance(value, str) else format_float(value)} : f32")

    def binary(self, op: str, left: str, right: str, flags: str = "") -> str:
        return self._emit(f"arith.{op} {left}, {right}{f' fastmath<{flags}>' if flags else ''} : f32")

    def negate(self, value: str) -> str:
        return self._emit(f"arith.negf {value} : f32")

    def math(self, op: str, value: str) -> str:
        return self._emit(f"math.{op} {value} : f32")

    def index(self, dim: int) -> str:
        return self._emit(f"linalg.index {dim} : index")

    def op(self, text: str) -> str:
        return self._emit(text)


# The flags that let a reduction be split over vector lanes.
REASSOCIATE = "reassoc,contract"


def format_float(value: float) -> str:
    """A float literal that MLIR parses to exactly this f32/f64 value."""
    text = repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}e{exponent}" if exponent else mantissa


class Function:
    """One public function under construction. Values get readable, unique names."""

    def __init__(self, name: str):
        self.name = name
        self.arguments: list[tuple[Value, str]] = []
        self.lines: list[str] = []
        self.results: list[tuple[Value, str]] = []
        self._names: dict[str, int] = {}
        self._constants: dict[tuple[str, str], Value] = {}

    # Names, arguments, results.

    def fresh(self, hint: str) -> str:
        """`%hint`, or `%hint_2`, `%hint_3`, ... once it is taken."""
        count = self._names[hint] = self._names.get(hint, 0) + 1
        return f"%{hint}" if count == 1 else f"%{hint}_{count}"

    def argument(self, name: str, shape: Sequence[Extent], element: str, attributes: str) -> Value:
        value = Value(self.fresh(name), element, tuple(shape))
        self.arguments.append((value, attributes))
        return value

    def result(self, value: Value, attributes: str = "") -> None:
        self.results.append((value, attributes))

    def emit(self, hint: str, text: str, element: str, shape: Sequence[Extent] | None = None) -> Value:
        value = Value(self.fresh(hint), element, None if shape is None else tuple(shape))
        self.lines.append(f"{value.name} = {text}")
        return value

    def comment(self, text: str) -> None:
        self.lines.append(f"// {text}")

    def text(self) -> str:
        arguments = ",\n    ".join(f"{value.name}: {value.type}{f' {{{attributes}}}' if attributes else ''}"
                                   for value, attributes in self.arguments)
        results = ", ".join(f"{value.type}{f' {{{attributes}}}' if attributes else ''}" for value, attributes in self.results)
        constants = [f"{value.name} = arith.constant {literal} : {value.type}"
                     for (literal, _), value in self._constants.items()]
        body = "\n".join("    " + line for line in constants + self.lines)
        names, types = (", ".join(part) for part in
                        ([value.name for value, _ in self.results], [value.type for value, _ in self.results]))
        return f"  func.func @{self.name}(\n    {arguments})\n    -> ({results}) {{\n{body}\n    return {names} : {types}\n  }}\n"

    # Index arithmetic.

    def constant(self, hint: str, literal: str, element: str) -> Value:
        """Constants stand at the top of the function, each once."""
        if (literal, element) not in self._constants:
            self._constants[literal, element] = Value(self.fresh(hint), element)
        return self._constants[literal, element]

    def index(self, number: int) -> Value:
        return self.constant(f"c{number}", str(number), "index")

    def add_index(self, hint: str, left: Value, right: Value, op: str = "addi") -> Value:
        return self.emit(hint, f"arith.{op} {left.name}, {right.name} : index", "index")

    def dim(self, hint: str, value: Value, dimension: int) -> Value:
        return self.emit(hint, f"tensor.dim {value.name}, {self.index(dimension).name} : {value.type}", "index")

    def extract_index(self, hint: str, scalar: Value) -> Value:
        """The element of a rank-0 integer tensor, as an index."""
        number = self.emit(f"{hint}_{scalar.element}", f"tensor.extract {scalar.name}[] : {scalar.type}", scalar.element)
        return self.emit(hint, f"arith.index_cast {number.name} : {number.element} to index", "index")

    def check(self, left: Value, predicate: str, right: Value, message: str) -> None:
        """Ends the function with an error unless the comparison of two indices holds."""
        holds = self.emit("holds", f"arith.cmpi {predicate}, {left.name}, {right.name} : index", "i1")
        self.lines.append(f'cf.assert {holds.name}, "{message}"')

    # Parameters.

    def parameter(self, hint: str, name: str, shape: Sequence[int], element: str) -> Value:
        value = Value("", element, tuple(shape))
        return self.emit(hint, f"rung.parameter {symbol(name)} : {value.type}", element, shape)

    def dequantize(self, hint: str, codes: Value, scale: Value | None, second_scale: Value | None,
                   zero: Value | None, blocks: dict[str, int], element: str) -> Value:
        """rung.dequantize with blocks along the last dimension; `zero` is subtracted after scaling."""
        def along_rows(block: int) -> str:
            return _sizes([1] * (len(codes.shape) - 1) + [block])

        text = f"rung.dequantize {codes.name}"
        if scale:
            text += f" scale({scale.name} : {scale.type})"
        if second_scale:
            text += f" second_scale({second_scale.name} : {second_scale.type}) second_block {along_rows(blocks['second'])}"
        if zero:
            text += f" zero_point({zero.name} : {zero.type}) rescale"
        if scale:
            text += f" block {along_rows(blocks['first'])}"
        result = Value("", element, codes.shape)
        return self.emit(hint, f"{text} : {codes.type} -> {result.type}", element, codes.shape)

    # Tensors.

    def empty(self, hint: str, sizes: Sequence[Size], element: str = "f32") -> Value:
        dynamic = ", ".join(size.name for size in sizes if isinstance(size, Value))
        result = Value("", element, _static(sizes))
        return self.emit(hint, f"tensor.empty({dynamic}) : {result.type}", element, result.shape)

    def filled(self, hint: str, sizes: Sequence[Size], value: float | str, element: str = "f32") -> Value:
        """`value` is a literal of the element's type, or a float."""
        target = self.empty(f"{hint}_init", sizes, element)
        literal = value if isinstance(value, str) else format_float(value)
        scalar = self.constant("cst", literal, element)
        return self.emit(hint, f"linalg.fill ins({scalar.name} : {element}) outs({target.name} : {target.type}) -> {target.type}",
                         element, target.shape)

    def extract_slice(self, hint: str, source: Value, offsets: Sequence[Size], sizes: Sequence[Size],
                      strides: Sequence[int], dropped: Sequence[int] = ()) -> Value:
        """`dropped` are the unit dimensions that the result does not have."""
        shape = tuple(extent for i, extent in enumerate(_static(sizes)) if i not in dropped)
        result = Value("", source.element, shape)
        return self.emit(hint, f"tensor.extract_slice {source.name}{_sizes(offsets)} {_sizes(sizes)} {_sizes(strides)} "
                         f": {source.type} to {result.type}", source.element, shape)

    def insert_slice(self, hint: str, source: Value, target: Value, offsets: Sequence[Size], sizes: Sequence[Size]) -> Value:
        strides = [1] * len(offsets)
        return self.emit(hint, f"tensor.insert_slice {source.name} into {target.name}{_sizes(offsets)} {_sizes(sizes)} "
                         f"{_sizes(strides)} : {source.type} into {target.type}", target.element, target.shape)

    def expand(self, hint: str, value: Value, groups: Sequence[Sequence[int]], sizes: Sequence[Size]) -> Value:
        result = Value("", value.element, _static(sizes))
        return self.emit(hint, f"tensor.expand_shape {value.name} {_groups(groups)} output_shape {_sizes(sizes)} "
                         f": {value.type} into {result.type}", value.element, result.shape)

    def collapse(self, hint: str, value: Value, groups: Sequence[Sequence[int]]) -> Value:
        shape = []
        for group in groups:
            extent: Extent = 1
            for dimension in group:
                size = value.shape[dimension]
                extent = None if extent is None or size is None else extent * size
            shape.append(extent)
        result = Value("", value.element, tuple(shape))
        return self.emit(hint, f"tensor.collapse_shape {value.name} {_groups(groups)} : {value.type} into {result.type}",
                         value.element, result.shape)

    # Linear algebra.

    def matmul_transposed(self, hint: str, left: Value, right: Value, rows: Size) -> Value:
        """left [m, k] times right [n, k] transposed, in f32."""
        zeros = self.filled(f"{hint}_zero", [rows, right.shape[0]], 0.0)
        maps = ", ".join(affine_map("mnk", results) for results in ("mk", "nk", "mn"))
        return self.emit(hint, f"linalg.matmul indexing_maps = [{maps}] ins({left.name}, {right.name} : {left.type}, "
                         f"{right.type}) outs({zeros.name} : {zeros.type}) -> {zeros.type}", "f32", zeros.shape)

    def generic(self, hint: str, dims: str, inputs: Sequence[tuple[Value, str]], outputs: Sequence[tuple[Value, str]],
                body: Callable[..., list[str] | tuple[str, ...]], reduce: str = "") -> list[Value]:
        """A linalg.generic over the loops `dims` (outermost first, one letter each); each operand comes with the letters
        that index it. `body(b, *operands)` returns the values to yield; loops in `reduce` are reductions."""
        maps = ", ".join(affine_map(dims, letters) for _, letters in [*inputs, *outputs])
        iterators = ", ".join('"reduction"' if letter in reduce else '"parallel"' for letter in dims)
        values = [value for value, _ in inputs], [value for value, _ in outputs]
        clauses = [f"{word}({', '.join(v.name for v in group)} : {', '.join(v.type for v in group)})"
                   for word, group in zip(("ins", "outs"), values) if group]
        names = [f"%in{i}" for i in range(len(inputs))] + [f"%out{i}" for i in range(len(outputs))]
        arguments = ", ".join(f"{name}: {value.element}" for name, value in zip(names, values[0] + values[1]))
        content = Body()
        yields = body(content, *names)
        results = [Value(self.fresh(hint), value.element, value.shape) for value in values[1]]
        types = ", ".join(value.type for value in values[1])
        self.lines += [
            f"{', '.join(result.name for result in results)} = linalg.generic {{indexing_maps = [{maps}], "
            f"iterator_types = [{iterators}]}}",
            f"    {' '.join(clauses)} {{",
            f"^bb0({arguments}):",
            *(f"  {line}" for line in content.lines),
            f"  linalg.yield {', '.join(yields)} : {', '.join(value.element for value in values[1])}",
            f"}} -> {types}" if len(results) == 1 else f"}} -> ({types})",
        ]
        return results


def _static(sizes: Sequence[Size]) -> tuple[Extent, ...]:
    return tuple(None if isinstance(size, Value) else size for size in sizes)


def _sizes(sizes: Sequence[Size]) -> str:
    return "[" + ", ".join(size.name if isinstance(size, Value) else str(size) for size in sizes) + "]"


def _groups(groups: Sequence[Sequence[int]]) -> str:
    return "[" + ", ".join("[" + ", ".join(map(str, group)) + "]" for group in groups) + "]"
