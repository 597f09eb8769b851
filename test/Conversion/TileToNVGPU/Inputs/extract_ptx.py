"""Prints the assembly inside each gpu.binary of a module read from standard input."""

import re
import sys

for text in re.findall(r'assembly = "((?:[^"\\]|\\.)*)"', sys.stdin.read()):
    text = re.sub(r"\\([0-9A-F]{2}|.)", lambda m: chr(int(m[1], 16)) if len(m[1]) == 2 else m[1], text)
    sys.stdout.write(text.rstrip("\0"))
