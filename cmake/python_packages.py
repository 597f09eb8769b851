"""Prints pinned Python packages of a pyproject.toml: those of the groups named, with `dependencies` for the project's own."""

import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    content = tomllib.load(file)
groups = content["dependency-groups"] | {"dependencies": content["project"]["dependencies"]}
print("\n".join(package for name in sys.argv[2:] for package in groups[name]))
