# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every op, type and attribute has a round trip, an error test where it can be wrong, and an example; every pass a page of
before and after, and a lit file of its name."""

import functools
import re
from dataclasses import dataclass

import pytest
from pages import ROOT

DIALECTS = {"rung": ROOT / "include/rung/Dialect/Rung/IR", "tile": ROOT / "include/rung/Dialect/Tile/IR"}
PASS_FILES = sorted((ROOT / "include/rung").rglob("Passes.td"))
DEFINITION = re.compile(r"^def (\w+) : (.*?)(?=^(?:def|class|#endif)\b)", re.DOTALL | re.MULTILINE)


@dataclass
class Definition:
    dialect: str
    name: str  # in TableGen
    kind: str  # op, type, attribute, enumeration
    mnemonic: str
    body: str

    @property
    def spelling(self) -> str:
        prefix = {"op": "", "type": "!", "attribute": "#", "enumeration": "#"}[self.kind]
        if self.kind == "enumeration":
            return f"#{self.dialect}<{self.mnemonic} "
        return f"{prefix}{self.dialect}.{self.mnemonic}"

    @property
    def has_verifier(self) -> bool:
        return "hasVerifier = 1" in self.body or "genVerifyDecl = 1" in self.body


def classes(text: str) -> dict[str, str]:
    """The classes of a file: a definition has what its class has."""
    return {name: body for name, body in re.findall(r"^class (\w+)<(.*?)(?=^(?:def|class|#endif)\b)", text, re.DOTALL | re.MULTILINE)}


@functools.cache
def definitions() -> list[Definition]:
    found = []
    for dialect, folder in DIALECTS.items():
        for path in sorted(folder.glob("*.td")):
            text = path.read_text()
            bases = classes(text)
            for name, body in DEFINITION.findall(text):
                base = re.match(r"(\w+)<", body)
                base = base[1] if base else ""
                body += bases.get(base, "")
                if re.match(r"\w+_EnumAttr<|EnumAttr<", body):
                    kind, mnemonic = "enumeration", re.search(r'"(\w+)">;', body)[1]
                elif base in ("AttrDef", "TypeDef"):
                    kind = {"AttrDef": "attribute", "TypeDef": "type"}[base]
                    mnemonic = re.search(r'let mnemonic = "(\w+)"', body)[1]
                elif base.endswith("_FormatType"):
                    kind, mnemonic = "type", re.match(r'\w+<"\w+", "(\w+)"', body)[1]
                elif re.search(r"_\w*Op$", base):
                    kind, mnemonic = "op", re.match(r'\w+<"(\w+)"', body)[1]
                else:
                    continue
                found.append(Definition(dialect, name, kind, mnemonic, body))
    return found


@functools.cache
def passes() -> dict[str, str]:
    found = {}
    for path in PASS_FILES:
        for _, body in DEFINITION.findall(path.read_text()):
            if match := re.match(r'Pass<"([\w-]+)"', body):
                found[match[1]] = body
    return found


@functools.cache
def lit_files() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "test").rglob("*.mlir"))}


def uses(text: str, definition: Definition) -> bool:
    return re.search(re.escape(definition.spelling) + r"(?![\w])" if definition.kind != "enumeration"
                     else re.escape(definition.spelling), text) is not None


def ids(values):
    return [value.name for value in values]


def test_the_definitions_were_found():
    kinds = {kind: sum(d.kind == kind for d in definitions()) for kind in ("op", "type", "attribute", "enumeration")}
    counted = 0
    for folder in DIALECTS.values():
        for path in folder.glob("*.td"):
            counted += len(re.findall(r"^def \w+Op : |^def \w+Type : |^def \w+Attr : ", path.read_text(), re.MULTILINE))
    assert sum(kinds.values()) == counted and all(kinds.values()), (kinds, counted)
    assert len(passes()) == sum(len(re.findall(r"^def \w+ : Pass<", path.read_text(), re.MULTILINE)) for path in PASS_FILES) > 0


@pytest.mark.parametrize("definition", definitions(), ids=ids(definitions()))
def test_round_trip_in_text_and_bytecode(definition):
    for run in (r"RUN: rung-opt %s \| rung-opt \| FileCheck", r"RUN: rung-opt %s -?-emit-bytecode \| rung-opt \| FileCheck"):
        texts = [text for text in lit_files().values() if re.search(run, text)]
        assert any(uses("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//")), definition) and
                   checks(text, definition) for text in texts), f"no {run} with a CHECK of {definition.spelling}"


def checks(text: str, definition: Definition) -> bool:
    """True if a CHECK line names it."""
    lines = "\n".join(line for line in text.splitlines() if re.match(r"\s*// CHECK", line))
    return uses(lines, definition)


@pytest.mark.parametrize("definition", [d for d in definitions() if d.has_verifier], ids=lambda d: d.name)
def test_errors(definition):
    """Some line with an expected error, or the lines after it up to the next case, spells it."""
    for path, text in lit_files().items():
        if "-verify-diagnostics" not in text:
            continue
        for case in text.split("// -----"):
            if "expected-error" in case and uses(after_error(case), definition):
                return
    pytest.fail(f"no expected-error at {definition.spelling}")


def after_error(case: str) -> str:
    """The lines that expected errors point at; those of a declaration may be several."""
    lines, result = case.splitlines(), []
    for number, line in enumerate(lines):
        if match := re.search(r"expected-error ?(?:@ ?([+-]\d+|below|above))?", line):
            where = match[1] or "+0"
            offset = {"below": 1, "above": -1}.get(where) or int(where)
            result += lines[number + offset: number + offset + 3]
    return "\n".join(result)


@pytest.mark.parametrize("definition", [d for d in definitions() if d.kind != "enumeration"], ids=lambda d: d.name)
def test_documentation_has_an_example(definition):
    examples = re.findall(r"```mlir\n(.*?)```", definition.body, re.DOTALL)
    assert any(uses(example, definition) for example in examples), f"{definition.name} has no example in its description"
    assert "let summary" in definition.body


@pytest.mark.parametrize("name", passes())
def test_pass_has_before_and_after_and_a_test_of_its_name(name):
    body = passes()[name]
    assert re.search(r"Before[^\n]*:\n\s*```mlir\n.*?```\s*After[^\n]*:\n\s*```mlir\n", body, re.DOTALL), f"{name} has no before and after"
    stem = re.sub(r"^(rung|tile|convert)-", "", name)
    # Passes of a conversion have a folder instead.
    folder = "".join(part.capitalize() for part in stem.split("-")).replace("Nvgpu", "NVGPU")
    ran = [path for path, text in lit_files().items() if re.search(rf"RUN:.*(?<![\w-])-?-?{name}(?![\w-])", text, re.DOTALL)
           and "CHECK" in text]
    assert any(re.search(rf"/{stem}\.mlir$|/{folder}/", path) for path in ran), (name, ran)
