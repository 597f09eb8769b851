# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demonstration model in one number format after another: file size, speed, perplexity. `make demo` ends with this.

A bundle or a measurement that is newer than what it depends on is kept."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading
import time

from steps import ROOT, fail, show, up_to_date

TEXT = ROOT / "examples" / "text.txt"
PROMPT, TOKENS, RUNS = "Once upon a time", 64, 5
_printing = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Format:
    """What rung-import makes of the model; no weights: what the file holds."""

    label: str
    weights: str | None = None
    group: int = 32
    scale: str = "f16"

    def flags(self) -> list[str]:
        return [f"--weights={self.weights}", f"--group={self.group}", f"--scale={self.scale}"] if self.weights else []

    def file_stem(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", f"{self.weights}-{self.group}-{self.scale}".lower()).strip("-")


DECLARED = "!rung.float<e2m2>"
SHIPPED = Format("Q4_1 as shipped")
FORMATS = [SHIPPED, Format("int8", "int8"), Format("e4m3", "e4m3"), Format("nf4", "nf4"),
           Format("mxfp4 (e2m1, e8m0)", "e2m1", scale="e8m0"), Format("int3", "int3")]


@dataclasses.dataclass
class Row:
    format: Format
    bytes: int
    tokens_per_second: float
    perplexity: float


class Table:
    """Makes and measures the bundles of `formats` in `folder`; the first is there already."""

    def __init__(self, build: pathlib.Path, model: pathlib.Path, shipped: pathlib.Path, importer: list[pathlib.Path]):
        self.tools, self.folder, self.model, self.shipped = build / "bin", build / "demo" / "formats", model, shipped
        self.importer = [*importer, *(build / "python" / "rung").glob("_numerics*.so")]
        self.folder.mkdir(parents=True, exist_ok=True)

    def bundle(self, format: Format) -> pathlib.Path:
        return self.folder / f"{format.file_stem()}.rung" if format.weights else self.shipped

    def make(self, formats: list[Format]) -> None:
        """Imports and compiles what is not up to date, as many at a time as there are cores."""
        inputs = [self.model, self.tools / "rung-compile", *self.importer]
        missing = [format for format in formats if format.weights and not up_to_date([self.bundle(format)], inputs)]
        with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            for done, (format, seconds) in enumerate(pool.map(self._make_one, missing), 1):
                with _printing:
                    print(f"-- {done} of {len(missing)}: {format.label} in {seconds:.0f} s", flush=True)

    def _make_one(self, format: Format) -> tuple[Format, float]:
        start, module, bundle = time.perf_counter(), self.folder / f"{format.file_stem()}.mlir", self.bundle(format)
        parameters = module.with_suffix(".safetensors")
        try:
            _quietly([self.tools / "rung-import", self.model, "-o", module, *format.flags()])
            _quietly([self.tools / "rung-compile", module, "--target=cpu", "--emit=bundle", "-o", bundle,
                      f"--parameters={show(parameters)}"])
        finally:
            module.unlink(missing_ok=True)
            parameters.unlink(missing_ok=True)
        return format, time.perf_counter() - start

    def measure(self, format: Format) -> Row:
        """One thing runs at a time. The figures are kept beside the bundle."""
        bundle = self.bundle(format)
        kept = self.folder / f"{bundle.stem}.json"
        package = ROOT / "python" / "rung"
        if not up_to_date([kept], [bundle, TEXT, pathlib.Path(__file__), package / "generate.py", package / "perplexity.py"]):
            generate = ["-m", "rung.generate", bundle, f"--prompt={PROMPT}", f"--max-tokens={TOKENS}", "--json"]
            # The best one: what else runs on the machine can only slow it down.
            rate = max(_python(generate)["tokens_per_second"] for _ in range(RUNS))
            score = _python(["-m", "rung.perplexity", bundle, f"--text={show(TEXT)}", "--json"])
            kept.write_text(json.dumps({"tokens_per_second": rate, "perplexity": score["perplexity"]}))
        return Row(format, bundle.stat().st_size, **json.loads(kept.read_text()))


def check(build: pathlib.Path, declared: str) -> None:
    """Ends the demonstration before it begins if this is no format."""
    result = subprocess.run([build / "bin" / "rung-format", declared], capture_output=True, text=True)
    if result.returncode:
        fail(result.stderr.strip())


def _quietly(command: list[str | pathlib.Path]) -> None:
    words = [show(word) if isinstance(word, pathlib.Path) else word for word in command]
    with _printing:
        print(f"$ {shlex.join(words)}", flush=True)
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode:
        fail(f"{words[0]} ended with status {result.returncode}\n{result.stderr}")


def _python(arguments: list[str | pathlib.Path]) -> dict:
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if result.returncode:
        fail(f"{shlex.join(map(str, arguments))} ended with status {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def line(row: Row, shipped: Row) -> str:
    return (f"{row.format.label:<30} {row.bytes / 1e6:>8.1f} {row.tokens_per_second:>10.1f} {row.perplexity:>11.2f} "
            f"{row.perplexity / shipped.perplexity:>8.3f}")


def draw(rows: list[Row], path: pathlib.Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    sizes = [row.bytes / 1e6 for row in rows]
    labels = [row.format.label if len(row.format.label) < 40 else row.format.label[:38] + "…" for row in rows]
    ratios = [row.perplexity / rows[0].perplexity for row in rows]
    left.scatter(sizes, ratios, color="tab:blue", zorder=2)
    for i, (x, y, label) in enumerate(zip(sizes, ratios, labels)):  # above and below in turn: neighbours may be close
        left.annotate(label, (x, y), textcoords="offset points", xytext=(6, -11 if i % 2 else 5), fontsize=8)
    left.axhline(1, color="gray", linewidth=0.8, zorder=1)
    left.margins(x=0.25, y=0.15)
    left.set(xlabel="bundle, MB", ylabel=f"perplexity / {rows[0].format.label}", yscale="log",
             title="SmolLM2-135M-Instruct: size and perplexity")
    left.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%.2f"))
    left.yaxis.set_minor_formatter(matplotlib.ticker.FormatStrFormatter("%.2f"))
    bars = right.barh(labels, [row.tokens_per_second for row in rows], color="tab:green")
    right.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
    right.invert_yaxis()
    right.margins(x=0.1)
    right.set(xlabel="tokens/s generated", title="speed")
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def run(build: pathlib.Path, model: pathlib.Path, shipped: pathlib.Path, importer: list[pathlib.Path], declared: str) -> None:
    table, formats = Table(build, model, shipped, importer), [*FORMATS, Format(declared, declared)]
    print("\nThe same model in other number formats, groups of 32:", flush=True)
    table.make(formats)
    print(f"\n{'weights':<30} {'MB':>8} {'tokens/s':>10} {'perplexity':>11} {'ratio':>8}", flush=True)
    rows = []
    for format in formats:
        rows.append(table.measure(format))
        print(line(rows[-1], rows[0]), flush=True)
    picture = build / "demo" / "formats.png"
    draw(rows, picture)
    print(f"-- perplexity on {show(TEXT)}; ratio to the shipped one; {show(picture)}", flush=True)
