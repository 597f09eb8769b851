# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command rung-import."""

from __future__ import annotations

import argparse
import sys

from .errors import CheckpointError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(1, f"{self.prog}: error: {message}\n")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}', expected a count of at least 1")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    parser = _Parser(
        prog="rung-import", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Writes a llama model of a GGUF file as an MLIR module, and its parameters beside it as safetensors: as\n"
                    "they are in the file, or with all matrices in another number format.",
        epilog="FORMAT is a name of rung-format --list or an MLIR type that is a number format.\n\n"
               "examples:\n  rung-import SmolLM2-135M-Instruct.Q4_1.gguf -o model.mlir\n"
               "  rung-import SmolLM2-135M-Instruct.Q4_1.gguf -o model.mlir --weights=nf4 --group=64\n"
               "  rung-import SmolLM2-135M-Instruct.Q4_1.gguf -o model.mlir --weights=e2m1 --group=32 --scale=e8m0\n"
               "  rung-compile model.mlir --target=cpu --emit=bundle -o model.rung --parameters=model.safetensors")
    parser.add_argument("model", metavar="MODEL.gguf")
    parser.add_argument("-o", dest="output", metavar="OUT.mlir", required=True,
                        help="the module; the parameters go to OUT.safetensors")
    parser.add_argument("--context", type=int, metavar="N",
                        help="longest text in tokens (default: the model's own, at most 2048)")
    parser.add_argument("--weights", metavar="FORMAT", help="put all matrices into this format, each value to the nearest code")
    parser.add_argument("--group", type=_count, metavar="G",
                        help="with --weights: values along a row that share a scale (default: the row)")
    parser.add_argument("--scale", metavar="FORMAT",
                        help="with --weights: the scales' format (default: f16); one that has powers of two only, such as e8m0, "
                             "is chosen by the OCP MX rule")
    options = parser.parse_args(arguments)
    for name in ("group", "scale"):
        if getattr(options, name) is not None and options.weights is None:
            parser.error(f"--{name} goes with --weights=FORMAT only")
    if not options.output.endswith(".mlir"):
        parser.error(f"-o {options.output}: expected a name that ends in .mlir")
    from .convert import Requantization, import_gguf  # after the arguments are known to be good: it takes a moment

    target = options.weights and Requantization(options.weights, options.group, options.scale or Requantization.scale)
    try:
        import_gguf(options.model, options.output, options.context, target)
    except CheckpointError as error:
        print(f"rung-import: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
