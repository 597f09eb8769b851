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


def main(arguments: list[str] | None = None) -> int:
    parser = _Parser(
        prog="rung-import", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Writes a llama model of a GGUF file as an MLIR module, and its parameters, as they are in the file, "
                    "beside it as safetensors.",
        epilog="example:\n  rung-import SmolLM2-135M-Instruct.Q4_1.gguf -o model.mlir\n"
               "  rung-compile model.mlir --target=cpu --emit=bundle -o model.rung --parameters=model.safetensors")
    parser.add_argument("model", metavar="MODEL.gguf")
    parser.add_argument("-o", dest="output", metavar="OUT.mlir", required=True,
                        help="the module; the parameters go to OUT.safetensors")
    parser.add_argument("--context", type=int, metavar="N",
                        help="longest text in tokens (default: the model's own, at most 2048)")
    options = parser.parse_args(arguments)
    if not options.output.endswith(".mlir"):
        parser.error(f"-o {options.output}: expected a name that ends in .mlir")
    from .convert import import_gguf  # after the arguments are known to be good: it takes a moment

    try:
        import_gguf(options.model, options.output, options.context)
    except CheckpointError as error:
        print(f"rung-import: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
