"""`python -m bench.reproducibility [--runs 20]`: compare the outputs of a scenario under different conditions.

The conditions are hash seed, locale, time zone, working directory, order of the inventory rows, line ends and key order
of the scenario, and number of threads. The files of the run folder and the outputs of `replay --json` and `calibrate`
are compared. Excluded are:

- `manifest.json` and `solver.log`, which contain times;
- the comments of the resolved scenario, which state the line of each value;
- the workbook if rows or keys have another order, because it states these lines and the hash of the inventory;
- the resolved scenario and the workbook if the number of threads differs, because it is a value of the scenario.

`--loads N` instead compares `optimize` of a scenario with a shared network beside 0, 2 and 8 busy processes and with
25, 50 and 100 % of a processor. The share is set by stopping and continuing the process.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import locale
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIO_KEYS = {
    "name": "Same",
    "years": "[2026, 2031]",
    "plants": "{inventory: [mine.csv], provinces: [Shanxi], min_emissions_ktpa: 1_200}",
    "transport": "{shared_trunklines: false}",
    "budget": "{total_mn: 900}",
    "solver": "{mip_gap: 0.0, threads: 1}",
}
TIMESTAMPED_FILES = ("manifest.json", "solver.log")
HASH_SEEDS = ("0", "1", "random")
LOCALES = ("C", "C.UTF-8", "de_DE.UTF-8", "zh_CN.UTF-8", "tr_TR.UTF-8")
TIME_ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Australia/Eucla")


@dataclass(frozen=True)
class Conditions:
    """Conditions of a run; `excluded` names files that necessarily differ under them."""

    label: str
    environment: Mapping[str, str] = field(default_factory=dict)
    line_end: str = "\n"
    keys: Sequence[str] = tuple(SCENARIO_KEYS)
    row_seed: int | None = None
    uses_parent_folder: bool = False
    options: Sequence[str] = ()
    excluded: Sequence[str] = ()


def list_conditions(n: int) -> list[Conditions]:
    """Return the first `n` conditions: single changes, then combinations of hash seed, locale and time zone."""
    single = [
        Conditions("baseline", {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}),
        Conditions("another hash seed, locale and time zone", _environment("1", "de_DE.UTF-8", "Asia/Shanghai")),
        Conditions("rows in another order", row_seed=1, excluded=("own/mine.csv", "plan.xlsx")),
        Conditions("run from another folder", uses_parent_folder=True),
        Conditions("CRLF line ends", line_end="\r\n"),
        Conditions("keys in another order", keys=tuple(reversed(SCENARIO_KEYS)), excluded=("plan.xlsx",)),
        Conditions("two threads", options=("--threads", "2"), excluded=("scenario.resolved.yaml", "plan.xlsx")),
    ]
    # 5, 4 and 3 are pairwise coprime, so each of the 60 combinations occurs once.
    combined = (
        Conditions(f"hash seed {seed}, {locale_name}, {time_zone}", _environment(seed, locale_name, time_zone))
        for seed, locale_name, time_zone in itertools.islice(
            zip(itertools.cycle(HASH_SEEDS), itertools.cycle(LOCALES), itertools.cycle(TIME_ZONES), strict=False), 60
        )
    )
    return [*single, *combined][:n]


def absent_locales() -> list[str]:
    """Return the locales that are not installed; runs under them use a fallback."""
    before, absent = locale.setlocale(locale.LC_ALL), []
    for name in LOCALES:
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            absent.append(name)
    locale.setlocale(locale.LC_ALL, before)
    return absent


def contrasting_conditions() -> list[Conditions]:
    """Return two conditions that differ in everything except the threads, for a quick check."""
    contrasting = Conditions(
        "all conditions changed",
        _environment("1", "de_DE.UTF-8", "Asia/Shanghai"),
        line_end="\r\n",
        keys=tuple(reversed(SCENARIO_KEYS)),
        row_seed=1,
        uses_parent_folder=True,
        excluded=("own/mine.csv", "plan.xlsx"),
    )
    return [list_conditions(1)[0], contrasting]


def _environment(seed: str, locale_name: str, time_zone: str) -> dict[str, str]:
    return {"PYTHONHASHSEED": seed, "LC_ALL": locale_name, "LANG": locale_name, "TZ": time_zone}


def hash_run_files(workdir: Path, conditions: Conditions) -> dict[str, str]:
    """Run the scenario under the given conditions and return file → hash."""
    workdir.mkdir(parents=True)
    header, *rows = (ROOT / "data" / "plants" / "chemicals.csv").read_text(encoding="utf-8").splitlines()
    if conditions.row_seed is not None:
        random.Random(conditions.row_seed).shuffle(rows)
    (workdir / "mine.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    text = conditions.line_end.join([*(f"{key}: {SCENARIO_KEYS[key]}" for key in conditions.keys), ""])
    (workdir / "same.yaml").write_bytes(text.encode())
    cwd = workdir.parent if conditions.uses_parent_folder else workdir
    scenario = os.path.relpath(workdir / "same.yaml", cwd)
    out = os.path.relpath(workdir / "run", cwd)
    _run_command(["optimize", scenario, "--out", out, "-q", *conditions.options], cwd, conditions)
    contents = {}
    for path in sorted((workdir / "run").rglob("*")):
        name = path.relative_to(workdir / "run").as_posix()
        if path.is_file() and name not in (*TIMESTAMPED_FILES, *conditions.excluded):
            contents[name] = path.read_bytes()
    # Comments state file and line of each value, and the path as given on the command line.
    contents["scenario.resolved.yaml"] = re.sub(rb"  # \S.*", b"", contents.get("scenario.resolved.yaml", b""))
    if "scenario.resolved.yaml" in conditions.excluded:
        del contents["scenario.resolved.yaml"]
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def hash_pilot_outputs(workdir: Path, conditions: Conditions) -> dict[str, str]:
    """Return the hashes of the outputs of `replay --json` and `calibrate`."""
    workdir.mkdir(parents=True, exist_ok=True)
    pilots = ROOT / "scenarios" / "pilots"
    paths = [os.path.relpath(path, workdir) for path in sorted(pilots.glob("*.yaml"))[:1]]
    replay_output = _run_command(["replay", *paths, "--json"], workdir, conditions)
    _run_command(["calibrate", "-o", "calibration.json"], workdir, conditions)
    calibration = (workdir / "calibration.json").read_bytes()
    return {
        "replay --json": hashlib.sha256(replay_output).hexdigest(),
        "calibrate": hashlib.sha256(calibration).hexdigest(),
    }


def _run_command(arguments: Sequence[str], cwd: Path, conditions: Conditions) -> bytes:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **conditions.environment}
    command = [sys.executable, "-m", "ccs_model", *arguments]
    completed = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)
    if completed.returncode not in (0, 7):  # a pilot case may be expected to fail
        raise RuntimeError(
            f"{' '.join(arguments)}: exit code {completed.returncode}: {completed.stderr.decode(errors='replace')}"
        )
    return completed.stdout


def compare_runs(
    folder: Path, all_conditions: Sequence[Conditions], run: Callable[[Path, Conditions], dict[str, str]]
) -> list[str]:
    """Return one message per file that differs from the first run."""
    expected: dict[str, str] = {}
    issues = []
    for n, conditions in enumerate(all_conditions):
        hashes = run(folder / f"{run.__name__}-{n}", conditions)
        expected = expected or hashes
        names = [name for name in expected if name not in conditions.excluded]
        differing = [name for name in names if hashes.get(name) != expected[name]] + [
            name for name in hashes if name not in expected
        ]
        issues += [f"{conditions.label}: {name} differs" for name in differing]
        shutil.rmtree(folder / f"{run.__name__}-{n}", ignore_errors=True)
        sys.stderr.write(
            f"{n + 1} of {len(all_conditions)}: {conditions.label}: {len(names) - len(differing)} files identical\n"
        )
    return issues


LOAD_LEVELS, CPU_SHARES = (0, 2, 8), (1.0, 0.5, 0.25)
_SLICE_S = 0.05


def compare_under_load(scenario: Path, n_runs: int) -> list[str]:
    """Return one message per file that differs from the first run, for runs under load."""
    expected: dict[str, str] = {}
    issues = []
    combinations = itertools.islice(itertools.cycle(itertools.product(LOAD_LEVELS, CPU_SHARES)), n_runs)
    for load, cpu_share in combinations:
        with tempfile.TemporaryDirectory() as folder_name:
            hashes = _run_under_load(scenario, Path(folder_name) / "run", load, cpu_share)
        expected = expected or hashes
        differing = [name for name in expected if hashes.get(name) != expected[name]]
        issues += [f"{load} busy processes, {cpu_share:.0%} of a processor: {name} differs" for name in differing]
        sys.stderr.write(f"{load} busy processes, {cpu_share:.0%}: {len(expected) - len(differing)} files identical\n")
    return issues


def _run_under_load(scenario: Path, out: Path, load: int, cpu_share: float) -> dict[str, str]:
    """Return the hashes of the files of a run beside busy processes and with a share of a processor."""
    load_processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load)]
    command = [sys.executable, "-m", "ccs_model", "optimize", str(scenario), "--out", str(out), "-q"]
    try:
        process = subprocess.Popen(command, cwd=ROOT)
        while process.poll() is None:
            if cpu_share < 1:
                process.send_signal(signal.SIGSTOP)
                time.sleep(_SLICE_S * (1 / cpu_share - 1))
                process.send_signal(signal.SIGCONT)
            time.sleep(_SLICE_S)
    finally:
        for each in load_processes:
            each.kill()
            each.wait()
    if process.returncode not in (0, 5):
        raise RuntimeError(f"{scenario}: exit code {process.returncode}")
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in TIMESTAMPED_FILES]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    """Parse the command line, compare, and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.reproducibility",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=20, help="number of runs")
    parser.add_argument("--pilot-runs", type=int, default=4, help="number of runs of replay and calibrate")
    parser.add_argument("--quick", action="store_true", help="compare two runs that differ in everything")
    parser.add_argument("--loads", type=int, default=0, metavar="N", help="compare N runs under load instead")
    parser.add_argument("--scenario", type=Path, default=ROOT / "scenarios" / "hebei.yaml", help="scenario for --loads")
    args = parser.parse_args()
    if args.loads:
        issues = compare_under_load(args.scenario, args.loads)
        sys.stdout.write(json.dumps({"runs": args.loads, "differences": issues}, indent=1) + "\n")
        return 1 if issues else 0
    all_conditions = contrasting_conditions() if args.quick else list_conditions(args.runs)
    with tempfile.TemporaryDirectory() as folder_name:
        issues = compare_runs(Path(folder_name), all_conditions, hash_run_files)
        environments = [each for each in list_conditions(200) if each.environment][: args.pilot_runs]
        issues += compare_runs(Path(folder_name), environments, hash_pilot_outputs)
    counts = {
        "runs": len(all_conditions),
        "pilot_runs": args.pilot_runs,
        "absent_locales": absent_locales(),
        "differences": issues,
    }
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main())
