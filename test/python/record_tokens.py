# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Records Inputs/smollm2_tokens.json: what llama.cpp makes of varied texts, for test_tokenizer.py.

Development only: `pip install llama-cpp-python`, then `python record_tokens.py MODEL.gguf`."""

import json
import pathlib
import random
import sys

import llama_cpp

TEXTS = [
    "The capital of France is", "", " ", "  ", "   leading", "trailing   ", "\n\n\n  x", "a\tb\t\tc", "\r\nwindows\r\n",
    "Don't we'll I'd YOU'RE it's 's", "3.14159 and 1234567890, 0x1F", "x = [i**2 for i in range(10)]\n\tif x:\n        return",
    "#include <stdio.h>\nint main(void) { return 0; }", "http://example.com/?q=a%20b&c=d", "naïve café Straße Ærøskøbing",
    "日本語のテキスト、漢字かな交じり文。", "Привет, мир!", "مرحبا بالعالم", "🙂🚀👩‍👩‍👧‍👦🏳️‍🌈", "e\u0301 combining \u01c5 ﬁ",
    "\u00a0nbsp\u2003em\u3000ideographic\u200bzero", "١٢٣ ४५६ ² ½ Ⅷ", "a\x00b\x7f",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|im_start|> x <|endoftext|>", "<jupyter_code>print(1)",
    "mixed\u4e2d12文3", "... --- !!! ??? \"quoted\" 'single'",
]


def main() -> None:
    model = llama_cpp.Llama(sys.argv[1], vocab_only=True, verbose=False)
    generator = random.Random(1)
    pool = "abcXYZ '\"\n\t  0123456789.,!?éß中日🙂а٣\u00a0\u2028½<|>_-#\r"
    texts = TEXTS + ["".join(generator.choices(pool, k=generator.randint(1, 30))) for _ in range(60)]
    cases = [[text, model.tokenize(text.encode(), add_bos=False, special=True)] for text in texts]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (pathlib.Path(__file__).parent / "Inputs" / "smollm2_tokens.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
