"""Runs the fuzz targets from their seeds, each for a while; fails on a crash, a leak or a hang. docs/fuzzing.md."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DICTIONARIES = {"npy": "npy.dict", "bundle": "manifest.dict"}
# What becomes a line "// passes:" of a seed; other passes of a RUN line are upstream's.
PASS = re.compile(r"--?((?:rung|tile|convert-rung|convert-tile|canonicalize|cse|one-shot)[a-z0-9-]*)(?:=(\"[^\"]*\"|\S+))?$")


def passes_of(run: str) -> str:
    """The passes of a RUN line, as a pipeline; empty for the whole way down."""
    if pipeline := re.search(r"--pass-pipeline=([\"'])builtin\.module\((.*)\)\1", run):
        return pipeline[2]
    passes = []
    for word in re.findall(r"-[^\s\"]+(?:\"[^\"]*\")?", run.split("|")[0]):
        if found := PASS.match(word):
            options = (found[2] or "").strip("\"")
            passes.append(found[1] + (f"{{{options}}}" if options else ""))
    return ",".join(passes)


def write_ir_seeds(folder: pathlib.Path) -> None:
    """Every module of every lit test, once with the passes of its RUN line and once for the whole way down."""
    folder.mkdir(parents=True, exist_ok=True)
    for test in sorted((ROOT / "test").glob("**/*.mlir")):
        text = test.read_text()
        runs = {passes_of(run) for run in re.findall(r"// RUN: rung-opt (.*)", text)}
        lines = [line for line in text.splitlines() if not re.match(r"\s*//(?! -----)", line)]
        for number, module in enumerate("\n".join(lines).split("// -----")):
            for which, passes in enumerate(sorted({run for run in runs if "rung-to-" not in run} | {""})):
                first = f"// passes: {passes}\n" if passes else ""
                (folder / f"{test.stem}-{number}-{which}.mlir").write_text(first + module.strip() + "\n")


def is_upstream(report: str) -> bool:
    """True if upstream's parser or verifier failed on the input itself, with no function of ours on the stack."""
    stack = report[report.find("    #0 "):].partition("\n\n")[0]
    ours = re.search(r"/\.\./lib/|/include/rung/|printAndParse", stack)
    return "mlir::parseAsmSourceFile" in stack and not ours


def is_stall(program: pathlib.Path, report: str) -> bool:
    """True if it was the machine that took the time: the input alone is done well within it."""
    slow = re.search(r"Test unit written to (\S+-timeout-\w+)", report)
    return bool(slow) and subprocess.run([program, "-timeout=10", slow[1]], stderr=subprocess.DEVNULL).returncode == 0


def run(build: pathlib.Path, name: str, seconds: int, seed: int) -> bool:
    work, found = build / "fuzz" / "corpus" / name, build / "fuzz" / "found"
    seeds = [folder for folder in [ROOT / "fuzz" / "seeds" / name] if folder.is_dir()]  # git keeps no empty ones
    for folder in (work, found):
        folder.mkdir(parents=True, exist_ok=True)
    if name == "ir":
        seeds.append(build / "fuzz" / "seeds")
        write_ir_seeds(seeds[-1])
    command = [build / "fuzz" / f"{name}-fuzzer", work, *seeds, "-timeout=10", "-rss_limit_mb=3000",
               f"-artifact_prefix={found}/{name}-", "-print_final_stats=1", "-reload=0"]
    if name in DICTIONARIES:
        command.append(f"-dict={ROOT / 'fuzz' / DICTIONARIES[name]}")
    print(f"-- fuzz: {name}, {seconds} s", flush=True)
    executions, edges, end = 0, 0, time.monotonic() + seconds
    while (left := round(end - time.monotonic())) > 0:
        done = subprocess.run([*command, f"-max_total_time={left}", f"-seed={seed}"], stderr=subprocess.PIPE, text=True, errors="replace",
                              env=os.environ | {"ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-22/bin/llvm-symbolizer"})
        if done.returncode and not is_upstream(done.stderr) and not is_stall(command[0], done.stderr):
            print(done.stderr[-8000:])
            print(f"{name}: failed; the input is in {found}; docs/fuzzing.md says how to run it again")
            return False
        executions += int(re.search(r"number_of_executed_units: (\d+)", done.stderr)[1])
        edges = max(edges, *map(int, re.findall(r"cov: (\d+) ft:", done.stderr)))
        if done.returncode:
            seed += bool(seed)  # not the same way again
            print(f"{name}: not a failure of ours (upstream's parser, or a stall of the machine), see {found}; going on", flush=True)
    print(f"{name}: {executions} executions, {edges} edges", flush=True)
    return True


def main() -> int:
    names = ["npy", "bundle", "decode", "ir"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-fuzz")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of the mutations; 0: another one each time")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}; without one, all")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(names):
        parser.error(f"no target {', '.join(sorted(unknown))}, expected {', '.join(names)}")
    results = [run(options.build.resolve(), name, options.seconds, options.seed) for name in options.targets or names]
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
