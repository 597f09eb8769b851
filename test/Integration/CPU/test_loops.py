# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loops and branches that carry tensors of static and of dynamic size, computed anew by each iteration or updated."""

import numpy as np
import pytest

X = np.arange(36, dtype=np.float32).reshape(6, 6) % 7 - 3
Y = X.T + 1


def repeat(n, step, *values):
    for _ in range(n):
        values = step(*values)
    return values


def powers(n):
    return repeat(n, lambda t: (t @ X % 5,), X)[0]


FOR = "scf.for %i = %c0 to %m step %c1 iter_args"
MATMUL = """%f = linalg.fill ins(%zero : f32) outs(%e : {T}) -> {T}
    %p = linalg.matmul ins(%t, %x : {T}, {T}) outs(%f : {T}) -> {T}
    %five = arith.constant 5.0 : f32
    %s = linalg.map ins(%p : {T}) outs(%e : {T}) (%a: f32, %out: f32) {
      %q = arith.divf %a, %five : f32  %w = math.floor %q : f32  %v = arith.mulf %w, %five : f32  %r = arith.subf %a, %v : f32
      linalg.yield %r : f32
    }"""
# name: operations from %x and %y (6x6 of type {T}), %e (an empty {T}) and the number of iterations %m (index) and %n (i32)
# to %r (and %q), the same in numpy for n iterations
CASES = {
    "sum": (f"%r = {FOR}(%t = %y) -> ({{T}}) {{ %s = arith.addf %t, %x : {{T}}  scf.yield %s : {{T}} }}", lambda n: [Y + n * X]),
    "sum_from_nothing": (f"%z = linalg.fill ins(%zero : f32) outs(%e : {{T}}) -> {{T}} "
                         f"%r = {FOR}(%t = %z) -> ({{T}}) {{ %s = arith.addf %t, %x : {{T}}  scf.yield %s : {{T}} }}", lambda n: [n * X]),
    "power": (f"%r = {FOR}(%t = %x) -> ({{T}}) {{ {MATMUL} scf.yield %s : {{T}} }}", lambda n: [powers(n)]),
    "swap": (f"%h = arith.addf %x, %y : {{T}} %r, %q = {FOR}(%t = %h, %u = %y) -> ({{T}}, {{T}}) {{ scf.yield %u, %t : {{T}}, {{T}} }}",
             lambda n: repeat(n, lambda t, u: (u, t), X + Y, Y)),
    "swap_parts": (f"%h = arith.addf %x, %y : {{T}} %r, %q = {FOR}(%t = %h, %u = %y) -> ({{T}}, {{T}}) {{ "
                   "%k = tensor.extract_slice %u [0, 0] [1, %d] [1, 1] : {T} to tensor<1x?xf32> "
                   "%l = tensor.insert_slice %k into %t [3, 0] [1, %d] [1, 1] : tensor<1x?xf32> into {T} scf.yield %u, %l : {T}, {T} }",
                   lambda n: repeat(n, lambda t, u: (u, np.vstack([t[:3], u[:1], t[4:]])), X + Y, Y)),
    "fibonacci": (f"%r, %q = {FOR}(%t = %x, %u = %y) -> ({{T}}, {{T}}) {{ %s = arith.addf %t, %u : {{T}}  scf.yield %u, %s : {{T}}, {{T}} }}",
                  lambda n: repeat(n, lambda t, u: (u, t + u), X, Y)),
    "sum_and_difference": (f"%r, %q = {FOR}(%t = %x, %u = %y) -> ({{T}}, {{T}}) {{ %s = arith.addf %t, %u : {{T}} "
                           "%d1 = arith.subf %t, %u : {T} scf.yield %s, %d1 : {T}, {T} }", lambda n: repeat(n, lambda t, u: (t + u, t - u), X, Y)),
    "transposed": (f"%r = {FOR}(%t = %x) -> ({{T}}) {{ %s = linalg.transpose ins(%t : {{T}}) outs(%e : {{T}}) permutation = [1, 0] "
                   "scf.yield %s : {T} }", lambda n: repeat(n, lambda t: (t.T,), X)),
    "update": (f"%r = {FOR}(%t = %x) -> ({{T}}) {{ %k = tensor.extract_slice %t [%i, 0] [1, %d] [1, 1] : {{T}} to tensor<1x?xf32> "
               "%h = arith.addf %k, %k : tensor<1x?xf32> %s = tensor.insert_slice %h into %t [%i, 0] [1, %d] [1, 1] "
               ": tensor<1x?xf32> into {T} scf.yield %s : {T} }", lambda n: [np.where(np.arange(6)[:, None] < n, 2 * X, X)]),
    "nested": (f"%r = {FOR}(%t = %x) -> ({{T}}) {{ %o = scf.for %j = %c0 to %i step %c1 iter_args(%u = %t) -> ({{T}}) {{ "
               "%s = arith.addf %u, %y : {T} scf.yield %s : {T} } %v = arith.addf %o, %x : {T} scf.yield %v : {T} }",
               lambda n: [X + n * X + n * (n - 1) // 2 * Y]),
    "branch": (f"%two = arith.constant 2 : index %r = {FOR}(%t = %x) -> ({{T}}) {{ %p = arith.cmpi slt, %i, %two : index "
               "%s = scf.if %p -> {T} { %a = arith.addf %t, %y : {T} scf.yield %a : {T} } else { %b = arith.subf %t, %x : {T} scf.yield %b : {T} } "
               "scf.yield %s : {T} }", lambda n: [X + min(n, 2) * Y - max(n - 2, 0) * X]),
    "while": ("%r, %q = scf.while (%t = %x, %j = %i0) : ({T}, i32) -> ({T}, i32) { %p = arith.cmpi slt, %j, %n : i32 "
              "scf.condition(%p) %t, %j : {T}, i32 } do { ^bb0(%u: {T}, %k: i32): %s = arith.addf %u, %y : {T} %k1 = arith.addi %k, %i1 : i32 "
              "scf.yield %s, %k1 : {T}, i32 }", lambda n: [X + n * Y]),
    "do_while": ("%r, %q = scf.while (%t = %x, %j = %i0) : ({T}, i32) -> ({T}, i32) { %s = arith.addf %t, %y : {T} %p = arith.cmpi slt, %j, %n : i32 "
                 "scf.condition(%p) %s, %j : {T}, i32 } do { ^bb0(%u: {T}, %k: i32): %k1 = arith.addi %k, %i1 : i32 scf.yield %u, %k1 : {T}, i32 }",
                 lambda n: [X + (n + 1) * Y]),
    "while_swap": ("%r, %g, %q = scf.while (%t = %x, %v = %y, %j = %i0) : ({T}, {T}, i32) -> ({T}, {T}, i32) { %p = arith.cmpi slt, %j, %n : i32 "
                   "scf.condition(%p) %v, %t, %j : {T}, {T}, i32 } do { ^bb0(%a: {T}, %b: {T}, %k: i32): %s = arith.addf %a, %b : {T} "
                   "%k1 = arith.addi %k, %i1 : i32 scf.yield %s, %a, %k1 : {T}, {T}, i32 }",
                   lambda n: [repeat(n, lambda t, v: (t + v, v), X, Y)[1]]),
    "if": ("%p = arith.cmpi slt, %n, %i1 : i32 %r = scf.if %p -> {T} { %a = arith.addf %x, %y : {T} scf.yield %a : {T} } "
           "else { %b = linalg.transpose ins(%x : {T}) outs(%e : {T}) permutation = [1, 0] scf.yield %b : {T} }",
           lambda n: [X + Y if n < 1 else X.T]),
}
PAIRS = ("swap", "swap_parts", "fibonacci", "sum_and_difference")
TYPES = {"static": "tensor<6x6xf32>", "dynamic": "tensor<?x?xf32>"}


def entry(name, size):
    results = 2 if name in PAIRS else 1
    text = CASES[name][0].replace("{T}", TYPES[size])
    if size == "static":
        text = text.replace("tensor<1x?xf32>", "tensor<1x6xf32>").replace("[1, %d]", "[1, 6]")
    empty = "tensor.empty()" if size == "static" else "tensor.empty(%d, %d)"
    types = ", ".join([TYPES[size]] * results)
    return f"""func.func @{name}_{size}(%x: {TYPES[size]}, %y: {TYPES[size]}, %count: tensor<i32>) -> ({types}) {{
      %c0 = arith.constant 0 : index  %c1 = arith.constant 1 : index  %i0 = arith.constant 0 : i32  %i1 = arith.constant 1 : i32
      %zero = arith.constant 0.0 : f32  %n = tensor.extract %count[] : tensor<i32>  %m = arith.index_cast %n : i32 to index
      %d = tensor.dim %x, %c0 : {TYPES[size]}  %e = {empty} : {TYPES[size]}
      {text}
      return {"%r, %q" if results == 2 else "%r"} : {types}
    }}\n"""


@pytest.fixture(scope="module")
def bundle(load):
    return load("".join(entry(name, size) for name in CASES for size in TYPES))


@pytest.mark.parametrize("size", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_loops(name, size, bundle):
    x, y = X.copy(), Y.copy()
    for n in (0, 1, 2, 5):
        results = bundle[f"{name}_{size}"](x, y, np.int32(n))
        for result, expected in zip(results if name in PAIRS else [results], CASES[name][1](n), strict=True):
            np.testing.assert_array_equal(result, expected, err_msg=f"{n} iterations")
    np.testing.assert_array_equal(x, X)  # no loop works in its arguments
    np.testing.assert_array_equal(y, Y)
