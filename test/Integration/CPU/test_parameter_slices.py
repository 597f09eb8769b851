# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Static slices of parameters as weights: of rows, of one matrix of several, of columns that begin inside a byte."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import number_formats

# name: shapes of the weight and its scales, their slices as (offsets, sizes), columns of a group
SLICES = {
    "rows": ((40, 64), (40, 2), ([16, 0], [20, 64]), ([16, 0], [20, 2]), 32),
    "expert": ((4, 20, 60), (4, 20, 2), ([2, 0, 0], [1, 20, 60]), ([2, 0, 0], [1, 20, 2]), 32),
    "columns": ((20, 60), (20, 12), ([0, 5], [20, 45]), ([0, 1], [20, 9]), 5),
}


def type_of(shape, element):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


@pytest.mark.parametrize("order", ["slice, then dequantize", "dequantize, then slice"])
@pytest.mark.parametrize("name", SLICES)
@pytest.mark.parametrize("element", ["!rung.int<3>", "!rung.uint<4>", "i8", "f8E4M3FN"])
def test_slices(element, name, order, load, tmp_path):
    whole, scales, (offsets, sizes), scale_slice, group = SLICES[name]
    format, random = number_formats.parse(element), np.random.default_rng(0)
    codes = random.choice(format.finite_codes, whole)
    s = random.standard_normal(scales).astype(np.float16)
    x = random.standard_normal((3, sizes[-1]), np.float32)
    save_file({"w": format.store(codes).view(np.uint8), "s": s}, tmp_path / "parameters.safetensors")
    kept = [size for size in sizes if size != 1]
    block = [1] * (len(whole) - 1) + [group]

    def sliced(result, value, at, shape, element):
        offsets, sizes = at
        to = [size for size in sizes[:-1] if size != 1] + sizes[-1:]
        return (f"%{result} = tensor.extract_slice %{value} {offsets} {sizes} {[1] * len(sizes)} : {type_of(shape, element)} "
                f"to {type_of(to, element)}")

    if order == "slice, then dequantize":
        kept_scales = [scale_slice[1][-2], scale_slice[1][-1]]
        text = f"""{sliced("v", "w", (offsets, sizes), whole, element)}
          {sliced("t", "s", scale_slice, scales, "f16")}
          %d = rung.dequantize %v scale(%t : {type_of(kept_scales, "f16")}) block {block[-2:]} : {type_of(kept, element)} -> {type_of(kept, "f32")}"""
    else:
        text = f"""%a = rung.dequantize %w scale(%s : {type_of(scales, "f16")}) block {block} : {type_of(whole, element)} -> {type_of(whole, "f32")}
          {sliced("d", "a", (offsets, sizes), whole, "f32")}"""
    bundle = load(f"""func.func @f(%x: {type_of(x.shape, "f32")}) -> tensor<3x20xf32> {{
      %w = rung.parameter @w : {type_of(whole, element)}
      %s = rung.parameter @s : {type_of(scales, "f16")}
      {text}
      %zero = arith.constant dense<0.0> : tensor<3x20xf32>
      %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %d : {type_of(x.shape, "f32")}, {type_of(kept, "f32")}) outs(%zero : tensor<3x20xf32>) -> tensor<3x20xf32>
      return %y : tensor<3x20xf32>
    }}""", f"--parameters={tmp_path / 'parameters.safetensors'}")
    values = format.decode(codes).astype(np.float64) * np.repeat(s.astype(np.float64), group, -1)[..., : whole[-1]]
    weight = values[tuple(slice(o, o + n) for o, n in zip(offsets, sizes))].reshape(kept)
    exact = x.astype(np.float64) @ weight.T
    assert np.linalg.norm(bundle["f"](x) - exact) <= 1e-6 * np.linalg.norm(exact)  # sums of 64 products in f32
