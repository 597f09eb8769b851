"""lit configuration: every .mlir and .test file under test/ is a test."""

import os

import lit.formats
import lit.util

config.name = "rung"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Unit", "python"]
config.test_source_root = os.path.dirname(__file__)

build = os.path.abspath(lit_config.params["build"])
config.test_exec_root = os.path.join(build, "test", "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(build, "bin"), "/usr/lib/llvm-22/bin", config.environment["PATH"]]
)
config.substitutions.append(("%build", build))
config.substitutions.append(("%python", os.path.abspath(lit_config.params["python"])))
for name in ("PYTHONPATH", "CCACHE_DIR", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if lit.util.which("ptxas", config.environment["PATH"] + ":/usr/local/cuda/bin"):
    config.available_features.add("ptxas")
    config.environment["PATH"] += ":/usr/local/cuda/bin"
