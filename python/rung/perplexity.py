# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How well a compiled language model foretells a text: `python -m rung.perplexity BUNDLE --text=FILE`.

The text's tokens are cut into windows, each of which starts with an empty cache. With n the tokens that have one before
them in their window,

    perplexity = exp(-1/n · Σ ln p(token | the tokens before it in its window))

p is the softmax of the model's f32 logits, summed in f64. Nothing is drawn at random."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time

import numpy as np

from .generate import GenerateError, LanguageModel, Parser, command, number

ROWS_AT_ONCE = 128  # how many tokens' logits are in memory


@dataclasses.dataclass
class Score:
    tokens: int  # that were foretold
    perplexity: float
    seconds: float


def log_probabilities(logits: np.ndarray, ids: list[int]) -> np.ndarray:
    """Of token ids[i] by logits [i], f64."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    chosen = shifted[np.arange(len(ids)), ids].astype(np.float64)
    return chosen - np.log(np.exp(shifted).sum(axis=-1, dtype=np.float64))


def score(model: LanguageModel, ids: list[int], window: int | None = None) -> Score:
    """The perplexity of the token ids in windows of `window` (as many as the model holds, if not given)."""
    window = window or model.context
    if window > model.context:
        raise GenerateError(f"a window of {window} tokens, but the context of {model.path} holds {model.context}")
    if len(ids) < 2 or window < 2:
        raise GenerateError(f"a text of {len(ids)} tokens in windows of {window}: expected at least 2 of each; the first token "
                            "of a window is foretold by nothing")
    start, total, count = time.perf_counter(), 0.0, 0
    for first in range(0, len(ids) - 1, window):
        part = ids[first : first + window]
        model.restart()
        for at in range(0, len(part) - 1, ROWS_AT_ONCE):
            following = part[at + 1 : at + 1 + ROWS_AT_ONCE]
            total += log_probabilities(model.feed_for_all(part[at : at + len(following)]), following).sum()
            count += len(following)
    return Score(count, math.exp(-total / count), time.perf_counter() - start)


def parser() -> argparse.ArgumentParser:
    result = Parser(prog="rung.perplexity", description="Prints how well a language model that rung-compile made foretells a "
                    "text: exp of the mean of -ln p(token | tokens before it).",
                    epilog="example: python -m rung.perplexity smollm2.rung --text=examples/text.txt")
    result.add_argument("bundle", metavar="BUNDLE")
    result.add_argument("--text", required=True, metavar="FILE", help="UTF-8")
    result.add_argument("--window", type=number(int, 2, "a count of at least 2"), metavar="N",
                        help="tokens that are seen at once (default: as many as the model holds)")
    result.add_argument("--threads", type=number(int, 1, "a count of at least 1"), metavar="N", help="default: all cores")
    result.add_argument("--json", action="store_true", help="print one JSON object")
    return result


def read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise GenerateError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise GenerateError(f"{path}: not UTF-8 at byte {error.start}; --text takes a text") from None


def run(options: argparse.Namespace) -> None:
    text = read_text(options.text)
    model = LanguageModel(options.bundle, options.threads)
    result = score(model, model.encode(text), options.window)
    if options.json:
        print(json.dumps({"perplexity": result.perplexity, "tokens": result.tokens,
                          "tokens_per_second": result.tokens / result.seconds}))
    else:
        print(f"perplexity {result.perplexity:.4f} over {result.tokens} tokens")
        print(f"{result.tokens / result.seconds:.1f} tokens/s", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return command("rung.perplexity", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
