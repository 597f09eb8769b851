"""Runs every test (gtest, lit, pytest) and prints one closing line `N passed, N failed, N skipped`."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run_gtest(build: pathlib.Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for program in sorted((build / "test" / "Unit").glob("*")):
        if not (program.is_file() and os.access(program, os.X_OK)):
            continue
        print(f"-- gtest: {program.name}", flush=True)
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            code = subprocess.call([program, "--gtest_brief=1", f"--gtest_output=json:{report.name}"])
            text = pathlib.Path(report.name).read_text()
        if not text:  # it died before it could report
            print(f"{program.name}: exit status {code}, no report")
            failed += 1
            continue
        cases = [case for suite in json.loads(text)["testsuites"] for case in suite["testsuite"]]
        bad = sum(bool(case.get("failures")) for case in cases)
        idle = sum(case["result"] != "COMPLETED" for case in cases)
        passed, failed, skipped = passed + len(cases) - bad - idle, failed + bad, skipped + idle
        if code and not bad:
            failed += 1
    return passed, failed, skipped


def junit_totals(report: str, code: int) -> tuple[int, int, int]:
    """Counts of a JUnit file; a runner that failed without a failed test counts as one failure."""
    try:
        suites = list(xml.etree.ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return 0, 1, 0
    total, bad, idle = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (["tests"], ["failures", "errors"], ["skipped"])
    )
    return total - bad - idle, max(bad, int(code != 0)), idle


def run_lit(build: pathlib.Path, jobs: int) -> tuple[int, int, int]:
    print("-- lit", flush=True)
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        code = subprocess.call(
            [sys.executable, "-c", "import lit.main; lit.main.main()", "-v", "-s", f"-j{jobs}", f"--param=build={build}",
             f"--param=python={sys.executable}", f"--xunit-xml-output={report.name}", str(ROOT / "test")])
        return junit_totals(report.name, code)


def run_pytest(build: pathlib.Path, jobs: int) -> tuple[int, int, int]:
    print("-- pytest", flush=True)
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        code = subprocess.call(
            [sys.executable, "-m", "pytest", "-rs", f"--junitxml={report.name}", "-p", "no:cacheprovider",
             # What runs together: conftest.py. In this order the longest files are not last.
             "-n", str(jobs), "--dist", "loadscope", "--no-loadscope-reorder"],
            cwd=ROOT, env=os.environ | {"RUNG_BUILD": str(build)})
        return junit_totals(report.name, code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    build = options.build.resolve()
    totals = [run_gtest(build), run_lit(build, options.jobs), run_pytest(build, options.jobs)]
    passed, failed, skipped = map(sum, zip(*totals))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
