# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung-lsp-server knows the dialects: it reports their errors, and finds and describes what they define."""

import json
import subprocess

import pytest

URI = "file:///module.mlir"
GOOD = """func.func @f(%w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>) -> tensor<32x64xf32> {
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}
"""


def message(content: dict) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **content}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def request(number: int, method: str, **params) -> bytes:
    return message({"id": number, "method": method, "params": params})


def opened(text: str) -> bytes:
    return message({"method": "textDocument/didOpen",
                    "params": {"textDocument": {"uri": URI, "languageId": "mlir", "version": 1, "text": text}}})


def at(line: int, character: int) -> dict:
    return {"textDocument": {"uri": URI}, "position": {"line": line, "character": character}}


@pytest.fixture
def answers(build):
    """What the server answers to messages: by number of the request, and by method of its own."""
    def ask(*messages: bytes) -> dict:
        start = request(0, "initialize", processId=None, rootUri=None, capabilities={})
        end = request(99, "shutdown") + message({"method": "exit"})
        done = subprocess.run([build / "bin/rung-lsp-server"], input=start + b"".join(messages) + end, capture_output=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        found, rest = {}, done.stdout
        while rest:
            head, rest = rest.split(b"\r\n\r\n", 1)
            length = int(head.removeprefix(b"Content-Length: "))
            answer, rest = json.loads(rest[:length]), rest[length:]
            found[answer.get("method", answer.get("id"))] = answer.get("params", answer.get("result", answer.get("error")))
        return found

    return ask


def test_capabilities(answers):
    capabilities = answers()[0]["capabilities"]
    assert capabilities["definitionProvider"] and capabilities["hoverProvider"] and capabilities["completionProvider"]


def test_a_correct_module_has_no_diagnostics(answers):
    assert answers(opened(GOOD))["textDocument/publishDiagnostics"]["diagnostics"] == []


@pytest.mark.parametrize("old, new, expected, line", [
    ("block [1, 32]", "block [1, 16]", "scale", 1),
    ("!rung.int<4>>, %s", "!rung.int<9>>, %s", "1 to 8", 0),
    ("rung.dequantize", "rung.dequantise", "dequantise", 1),
], ids=["verifier", "type", "operation"])
def test_errors_of_the_dialect_are_diagnostics(answers, old, new, expected, line):
    (found,) = answers(opened(GOOD.replace(old, new, 1)))["textDocument/publishDiagnostics"]["diagnostics"]
    assert expected in found["message"] and found["range"]["start"]["line"] == line and found["severity"] == 1


def test_definition_and_hover(answers):
    found = answers(opened(GOOD), request(1, "textDocument/definition", **at(2, 10)), request(2, "textDocument/hover", **at(1, 10)))
    assert found[1][0]["range"]["start"] == {"line": 1, "character": 2}
    assert "rung.dequantize" in found[2]["contents"]["value"]


def test_junk_is_answered(answers):
    found = answers(opened("\0\n<<<"), request(1, "textDocument/hover", **at(5, 500)), request(2, "no/such/method"),
                    request(3, "textDocument/definition", textDocument={"uri": "file:///other.mlir"},
                            position={"line": 0, "character": 0}))
    assert found["textDocument/publishDiagnostics"]["diagnostics"]
    assert found[1] is None and found[3] == [] and "method not found" in found[2]["message"]
