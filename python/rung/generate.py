# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes text with a compiled language model: `python -m rung.generate BUNDLE --prompt=TEXT`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from typing import Callable, Iterator

import numpy as np
from tokenizers import Tokenizer

from . import runtime


class GenerateError(Exception):
    """A request that cannot be served, or a bundle that is no language model."""


@dataclasses.dataclass
class Statistics:
    """Token counts and the seconds spent on them; the first new token comes out of the prompt's call."""

    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    steps: int = 0
    step_seconds: float = 0.0

    @property
    def prompt_rate(self) -> float:
        return self.prompt_tokens / self.prompt_seconds if self.prompt_seconds else 0.0

    @property
    def rate(self) -> float:
        return self.steps / self.step_seconds if self.step_seconds else 0.0


class LanguageModel:
    """A bundle that rung-import and rung-compile made of a language model, with its tokenizer and its caches.

    The caches hold the text that was fed last; `feed` appends to it, `restart` forgets it."""

    def __init__(self, path: str, threads: int | None = None):
        self.bundle = runtime.load(path) if threads is None else runtime.load(path, threads=threads)
        self.path = path
        self.config = json.loads(self._asset("model.json"))
        self.context: int = self.config["context"]
        self.tokenizer = Tokenizer.from_str(self._asset("tokenizer.json").decode())
        self.entry = self.bundle[self.config["entry"]]
        self.caches = [np.zeros(shape, np.float32) for shape in self.config["caches"]]
        self.position = 0

    def _asset(self, name: str) -> bytes:
        try:
            return bytes(self.bundle.asset(name))
        except KeyError:
            raise GenerateError(f"{self.path}: holds no '{name}'; expected a bundle of a language model, made by rung-import "
                                "and rung-compile from a checkpoint with a byte-level BPE tokenizer") from None

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt; special tokens are recognised in the text."""
        try:
            text.encode()
        except UnicodeEncodeError as error:  # a command line holds any bytes
            raise GenerateError(f"the prompt is no UTF-8 text: {error.reason} at character {error.start}") from None
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        bos = self.config["bos"]
        return ids if bos is None or ids[:1] == [bos] else [bos, *ids]

    def restart(self) -> None:
        self.position = 0

    def feed(self, ids: list[int]) -> np.ndarray:
        """The logits (f32, one for each token of the vocabulary) of what follows the text so far and `ids`."""
        return self._feed(ids, range(len(ids) - 1, len(ids)))[0]

    def feed_for_all(self, ids: list[int]) -> np.ndarray:
        """As `feed`, with the logits of what follows each of `ids`: [len(ids), vocabulary]."""
        return self._feed(ids, range(len(ids)))

    def _feed(self, ids: list[int], rows: range) -> np.ndarray:
        if not ids:
            raise GenerateError("no tokens to feed: the prompt is empty")
        if self.position + len(ids) > self.context:
            raise GenerateError(f"the text would have {self.position + len(ids)} tokens, but the context of {self.path} holds "
                                f"{self.context}; shorten the prompt, or import the model with a larger --context")
        bad = [token for token in ids if not 0 <= token < self.config["vocabulary"]]
        if bad:
            raise GenerateError(f"token {bad[0]} is not in the vocabulary of {self.config['vocabulary']} tokens")
        logits = self.entry(np.array(ids, np.int32), np.array(self.position, np.int32), np.array(rows, np.int32), *self.caches)
        self.position += len(ids)
        return np.asarray(logits)

    def generate(self, prompt: list[int], max_tokens: int, choose: Callable[[np.ndarray], int],
                 statistics: Statistics | None = None) -> Iterator[int]:
        """New tokens, until `max_tokens`, an end of text (which is yielded too), or the context is full."""
        statistics = statistics or Statistics()
        self.restart()
        start = time.perf_counter()
        logits = self.feed(prompt)
        statistics.prompt_tokens, statistics.prompt_seconds = len(prompt), time.perf_counter() - start
        for produced in range(1, max_tokens + 1):
            start = time.perf_counter()
            token = choose(logits)
            statistics.step_seconds += time.perf_counter() - start
            yield token
            if produced == max_tokens or token in self.config["eos"] or self.position == self.context:
                return
            start = time.perf_counter()
            logits = self.feed([token])
            statistics.step_seconds += time.perf_counter() - start
            statistics.steps += 1


def sampler(temperature: float, seed: int) -> Callable[[np.ndarray], int]:
    """Picks a token from logits: the most likely one at temperature 0 (the first of equals), else drawn from
    softmax(logits / temperature) by a generator that starts at `seed`."""
    if temperature == 0:
        return lambda logits: int(np.argmax(logits))
    random = np.random.Generator(np.random.PCG64(seed))

    def draw(logits: np.ndarray) -> int:
        scaled = logits.astype(np.float64)
        cumulative = np.cumsum(np.exp((scaled - scaled.max()) / temperature))
        return int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right"))

    return draw


class TextStream:
    """Turns token ids into pieces of text as they come; bytes of an unfinished character wait for the rest."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer, self.ids, self.written = tokenizer, [], 0

    def push(self, token: int) -> str:
        self.ids.append(token)
        text = self.text
        return "" if text.endswith("\ufffd") else self._rest(text)

    def finish(self) -> str:
        return self._rest(self.text)

    @property
    def text(self) -> str:
        return self.tokenizer.decode(self.ids, skip_special_tokens=True)

    def _rest(self, text: str) -> str:
        piece, self.written = text[self.written :], len(text)
        return piece


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(1, f"{self.prog}: error: {message}\n")


def number(kind: type, low: float, what: str):
    """An argument type: a number of at least `low`."""
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"'{text}', expected {what}")
        return value
    return parse


def parser() -> argparse.ArgumentParser:
    result = Parser(
        prog="rung.generate", description="Continues a prompt with a language model that rung-compile made, and streams the "
        "text. Speeds go to stderr.", epilog="example: python -m rung.generate smollm2.rung --prompt='The capital of France is'")
    result.add_argument("bundle", metavar="BUNDLE")
    result.add_argument("--prompt", required=True, metavar="TEXT")
    result.add_argument("--max-tokens", type=number(int, 1, "a count of at least 1"), default=128, metavar="N")
    result.add_argument("--temperature", type=number(float, 0, "a number of at least 0"), default=0.0, metavar="T",
                        help="0 (the default) takes the most likely token")
    result.add_argument("--seed", type=number(int, 0, "an integer of at least 0"), default=0, metavar="S")
    result.add_argument("--threads", type=number(int, 1, "a count of at least 1"), metavar="N",
                        help="default: all cores")
    result.add_argument("--json", action="store_true", help="print one JSON object instead of streaming")
    return result


def run(options: argparse.Namespace) -> None:
    model = LanguageModel(options.bundle, options.threads)
    prompt = model.encode(options.prompt)
    stream, statistics = TextStream(model.tokenizer), Statistics()
    for token in model.generate(prompt, options.max_tokens, sampler(options.temperature, options.seed), statistics):
        piece = stream.push(token)
        if not options.json:
            print(piece, end="", flush=True)
    if options.json:
        print(json.dumps({"prompt_ids": prompt, "ids": stream.ids, "text": stream.text,
                          "prompt_tokens_per_second": statistics.prompt_rate, "tokens_per_second": statistics.rate}))
        return
    print(stream.finish(), flush=True)
    print(f"prompt: {statistics.prompt_tokens} tokens, {statistics.prompt_rate:.1f} tokens/s; "
          f"generation: {len(stream.ids)} tokens, {statistics.rate:.1f} tokens/s", file=sys.stderr)


def command(prog: str, action: Callable[[], None]) -> int:
    """Runs the action of a command; its exit status. What went wrong is told in one line."""
    try:
        action()
    except (GenerateError, runtime.Error) as error:
        print(f"{prog}: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our text went away
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return command("rung.generate", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
