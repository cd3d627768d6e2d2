"""`python tests/unit/fuzz/search.py READER --seconds 900 --found DIR`: searches for input that crashes a reader.

Requires the extra `fuzz`. Prints one JSON object: executions, wall and CPU hours, and the files that contain the
findings.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]
# Memory that reading may take beyond that of the interpreter with its libraries.
MEMORY_MB = 300
LIBRARIES_MB = 400
# Limit of wall time per input, long enough that a busy machine is not taken for a slow reader.
WALL_S = 60


def search(kind: str, seconds: int, found: Path) -> int:
    """Run the search in a separate process, again after every finding, until the time is up.

    Returns 0 without a finding, 1 with findings, and 2 if the search failed.
    """
    import readers

    corpus = found / "corpus" / kind
    corpus.mkdir(parents=True, exist_ok=True)
    for n, raw in enumerate(readers.seeds(kind)):
        (corpus / f"seed-{n}").write_bytes(raw)
    until, n_tried, n_runs = time.monotonic() + seconds, 0, 0
    started = time.monotonic()
    while (left := int(until - time.monotonic())) > 1 and n_runs < 20:
        n_runs += 1
        arguments = [
            *(sys.executable, str(HERE / "search.py"), kind, "--inside"),
            *(str(corpus), f"-max_total_time={left}", f"-max_len={readers.LARGEST_BYTES}", f"-timeout={WALL_S}"),
            *(f"-rss_limit_mb={LIBRARIES_MB + MEMORY_MB}", f"-artifact_prefix={found}/{kind}-", "-print_final_stats=1"),
            *(f"-seed={n_runs}", f"-dict={HERE / 'words'}" if (HERE / "words").is_file() else "-use_value_profile=0"),
        ]
        completed = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False)
        n_tried += sum(map(int, re.findall(r"number_of_executed_units:\s*(\d+)", completed.stderr)))
        (found / f"{kind}-{n_runs}.log").write_text(completed.stdout + completed.stderr, encoding="utf-8")
        if completed.returncode == 0:
            break
        if not _findings(kind, found):
            sys.stderr.write(f"{completed.stderr}\nThe search did not run. It needs the extra fuzz.\n")
            return 2
    findings = _findings(kind, found)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    hours = {"hours": (time.monotonic() - started) / 3600, "cpu_hours": (used.ru_utime + used.ru_stime) / 3600}
    rounded = {name: round(value, 3) for name, value in hours.items()}
    sys.stdout.write(json.dumps({"reader": kind, "executions": n_tried, **rounded, "found": findings}) + "\n")
    return 1 if findings else 0


def _findings(kind: str, found: Path) -> list[str]:
    return sorted(path.name for path in found.glob(f"{kind}-*") if path.suffix != ".log")


def search_inside(kind: str, arguments: list[str]) -> None:
    """Run the search in this process; never returns."""
    import atheris

    with atheris.instrument_imports(include=["ccs_model", "ruamel", "openpyxl", "readers"]):
        import openpyxl  # noqa: F401
        import readers

    atheris.Setup([sys.argv[0], *arguments], lambda raw: readers.try_reading(kind, raw))
    atheris.Fuzz()


def main() -> int:
    """Parse the command line and run the search."""
    if sys.argv[2:3] == ["--inside"]:
        search_inside(sys.argv[1], sys.argv[3:])
    import readers

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=sorted(readers.READERS))
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--found", type=Path, required=True, help="folder for the corpus, the logs and what is found")
    options = parser.parse_args()
    return search(options.reader, options.seconds, options.found)


if __name__ == "__main__":
    sys.exit(main())
