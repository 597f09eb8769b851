"""Writes the bitcode of the gpu.binary in a module read from standard input."""

import re
import sys

text = re.search(r'offload = "((?:[^"\\]|\\.)*)"', sys.stdin.read())[1]
for piece in re.finditer(r"\\([0-9A-F]{2})|\\(.)|([^\\]+)", text):
    code, escaped, plain = piece.groups()
    sys.stdout.buffer.write(bytes([int(code, 16)]) if code else (escaped or plain).encode("latin-1"))
