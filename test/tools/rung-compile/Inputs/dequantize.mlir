func.func @dequantize(%w: tensor<?x64x!rung.int<8>> {rung.name = "w"}, %s: tensor<?x4xf16> {rung.name = "s"}) -> (tensor<?x64xf16> {rung.name = "y"}) {
  %d = rung.dequantize %w scale(%s : tensor<?x4xf16>) block [1, 16] : tensor<?x64x!rung.int<8>> -> tensor<?x64xf16>
  return %d : tensor<?x64xf16>
}
