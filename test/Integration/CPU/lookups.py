# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What front ends write for an embedding: rows of a table, named by a tensor of indices."""


def rows(table: str, indices: str) -> str:
    """Operations that make %r of the rows of %t that %i names, %r[..., c] = %t[%i[...], c], in place of %into. `table`
    and `indices` are shapes with element types: "100x64xf32", "2x3xi64"."""
    *places, index = indices.split("x")
    _, columns, value = table.split("x")
    result = f"tensor<{'x'.join([*places, columns, value])}>"
    dims = ", ".join(f"d{i}" for i in range(len(places) + 1))
    maps = f"affine_map<({dims}) -> ({dims.rpartition(', ')[0]})>, affine_map<({dims}) -> ({dims})>"
    iterators = ", ".join(['"parallel"'] * (len(places) + 1))
    return f"""
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
      ins(%i : tensor<{indices}>) outs(%into : {result}) {{
  ^bb0(%index: {index}, %old: {value}):
    %row = arith.index_cast %index : {index} to index
    %column = linalg.index {len(places)} : index
    %value = tensor.extract %t[%row, %column] : tensor<{table}>
    linalg.yield %value : {value}
  }} -> {result}"""
