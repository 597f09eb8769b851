# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what a page of documentation shows.

```console
$ command              its standard output and errors must be the lines below it;
…                      a line that is only … stands for any lines, … in a line for any text
```

```mlir linear.mlir     is the file linear.mlir, for the commands after it; `python` runs the interpreter of the tests

As a program (test/docs/pages.py PAGE ...) it brings pages up to date.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@dataclasses.dataclass
class Block:
    language: str
    file: str  # the name after the language, or ""
    text: str
    line: int  # of its first line in the page


@dataclasses.dataclass
class Command:
    command: str
    expected: str
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [Block(match[1], match[2] or "", match[3], page[: match.start(3)].count("\n") + 1)
            for match in re.finditer(r"^```(\w*)(?: +(\S+))?\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]


def commands(block: Block) -> list[Command]:
    """The commands of a console block, each with the output that the page shows."""
    found = []
    lines = iter(enumerate(block.text.splitlines(), block.line))
    for number, line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)[1]
            found.append(Command(command, "", number))
        else:
            assert found, f"line {number}: a console block begins with '$ command'"
            found[-1].expected += line + "\n"
    return found


def is_as_shown(expected: str, output: str) -> bool:
    """Whether a command printed what the page shows, … standing for anything; empty lines at the end do not count."""
    lines = output.rstrip("\n").split("\n") if output.strip("\n") else []
    # Runs of lines between those that are only …; each is taken where it first fits, the last one at the end.
    runs: list[list[re.Pattern]] = [[]]
    for line in expected.splitlines():
        if line.strip() == "…":
            runs.append([])
        else:
            runs[-1].append(re.compile(".*?".join(map(re.escape, line.split("…")))))

    def fits(run: list[re.Pattern], at: int) -> bool:
        return all(pattern.fullmatch(line) for pattern, line in zip(run, lines[at : at + len(run)], strict=True))

    at = 0
    for number, run in enumerate(runs):
        starts = range(at, len(lines) - len(run) + 1)
        if number == 0:
            starts = starts[:1]
        if number == len(runs) - 1:
            starts = [start for start in starts if start + len(run) == len(lines)]
        start = next((start for start in starts if fits(run, start)), None)
        if start is None:
            return False
        at = start + len(run)
    return True


def run(command: Command, build: pathlib.Path, folder: pathlib.Path) -> str:
    """What a command prints, in a folder, with the tools and the Python package of a build folder."""
    path = [build / "bin", pathlib.Path(sys.executable).parent, "/usr/lib/llvm-22/bin", os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(map(str, path)), "PYTHONPATH": str(build / "python")}
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command.command], cwd=folder, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode in (0, 1), f"line {command.line}: exit status {result.returncode}\n{result.stdout}"
    return result.stdout


def run_page(page: str, build: pathlib.Path, folder: pathlib.Path, elsewhere=frozenset()) -> int:
    """Runs the commands of a page in a folder, in order, but those in `elsewhere`; returns how many ran."""
    count = 0
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        for command in commands(block) if block.language == "console" else ():
            if command.command in elsewhere:
                continue
            output = run(command, build, folder)
            assert is_as_shown(command.expected, output), (
                f"line {command.line}: $ {command.command}\nthe page shows\n{command.expected}\nit printed\n{output}")
            count += 1
    return count


def update(page: str, build: pathlib.Path, folder: pathlib.Path, elsewhere=frozenset()) -> str:
    """The page with the output of each command that prints something else than it shows."""
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.text)
        if block.language != "console":
            continue
        text = ""
        for command in commands(block):
            output = command.expected if command.command in elsewhere else run(command, build, folder)
            if is_as_shown(command.expected, output):
                output = command.expected
            text += f"$ {command.command}\n" + (output.rstrip("\n") + "\n" if output else "")
        page = page.replace(f"```console\n{block.text}```", f"```console\n{text}```", 1)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes into pages what their commands print, where they show something else.")
    parser.add_argument("pages", type=pathlib.Path, nargs="+")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    options = parser.parse_args()
    for path in options.pages:
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(update(path.read_text(), options.build.resolve(), pathlib.Path(folder), {"make check", "make demo"}))


if __name__ == "__main__":
    main()
