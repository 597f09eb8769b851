# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tokenizer of a GGUF file as a `tokenizers` JSON document."""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from .errors import CheckpointError
from .gguf_file import GGUFFile

# GGUF's kinds of tokens that are matched in the text before anything else.
_CONTROL, _USER_DEFINED = 3, 4

_GPT2_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+")
_QWEN2_SPLIT = _LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

# How `tokenizer.ggml.pre` splits text into words: digits one by one or not, then a pattern.
_PRE_TOKENIZERS = {
    "gpt-2": (False, _GPT2_SPLIT),
    "default": (False, _GPT2_SPLIT),
    "smollm": (True, _GPT2_SPLIT),
    "llama-bpe": (False, _LLAMA3_SPLIT),
    "qwen2": (False, _QWEN2_SPLIT),
}


def tokenizer_json(file: GGUFFile) -> str | None:
    """None if the file carries no tokenizer."""
    model = file.get("tokenizer.ggml.model", str)
    if model is None:
        return None
    if model != "gpt2":
        raise CheckpointError(f"{file.path}: tokenizer model '{model}', expected 'gpt2' (byte-level BPE)")
    pre = file.get("tokenizer.ggml.pre", str, "default")
    if pre not in _PRE_TOKENIZERS:
        raise CheckpointError(f"{file.path}: pre-tokenizer '{pre}', expected one of {', '.join(_PRE_TOKENIZERS)}")
    tokens = file.require("tokenizer.ggml.tokens", list)
    kinds = file.get("tokenizer.ggml.token_type", list, [1] * len(tokens))
    if len(kinds) != len(tokens):
        raise CheckpointError(f"{file.path}: tokenizer.ggml.token_type has {len(kinds)} entries, expected {len(tokens)}")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise CheckpointError(f"{file.path}: tokenizer.ggml.tokens holds a token twice")
    merges = [tuple(merge.split(" ", 1)) for merge in file.get("tokenizer.ggml.merges", list, [])]
    for merge in merges:
        for piece in (*merge, "".join(merge)):
            if len(merge) != 2 or piece not in vocabulary:
                raise CheckpointError(f"{file.path}: tokenizer.ggml.merges holds '{' '.join(merge)}', but '{piece}' is no "
                                      "token")
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    digits, pattern = _PRE_TOKENIZERS[pre]
    steps = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
    steps += [pre_tokenizers.Split(Regex(pattern), "isolated"),
              pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)
                                  for token, kind in zip(tokens, kinds) if kind == _CONTROL])
    tokenizer.add_tokens([AddedToken(token, normalized=False)
                          for token, kind in zip(tokens, kinds) if kind == _USER_DEFINED])
    return tokenizer.to_str()


def special_ids(file: GGUFFile) -> dict[str, object]:
    """`bos`: the token to put before a prompt, or None. `eos`: the tokens that end a text."""
    def token(name: str) -> int | None:
        return file.get(f"tokenizer.ggml.{name}_token_id", int)

    bos = token("bos") if file.get("tokenizer.ggml.add_bos_token", bool, False) else None
    return {"bos": bos, "eos": sorted({token(name) for name in ("eos", "eot", "eom")} - {None})}
