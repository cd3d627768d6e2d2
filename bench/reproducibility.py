"""`python -m bench.reproducibility [--runs 20]`: reproducibility of a scenario under different circumstances.

Circumstances are the hash seed, the locale, the time zone, the working directory, the order of the inventory rows, the
line ends and key order of the scenario, and the threads. All files of the run folder except manifest.json and
solver.log, which contain times, are compared, and so are the outputs of `replay --json` and `calibrate`. The comments
of the resolved scenario are excluded, because they state the line of each value. The workbook states the lines and the
hash of the inventory, so it is excluded where rows or keys stand in another order. Threads are a value of the scenario;
with another number the resolved scenario and the workbook are excluded.

`--loads N` compares `optimize` of a scenario on a shared network instead, beside 0, 2 and 8 busy processes and with 25,
50 and 100 % of the processor. A share of the processor is made by stopping and continuing the process.
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
KEYS = {
    "name": "Same",
    "years": "[2026, 2031]",
    "plants": "{inventory: [mine.csv], provinces: [Shanxi], min_emissions_ktpa: 1_200}",
    "transport": "{shared_trunklines: false}",
    "budget": "{total_mn: 900}",
    "solver": "{mip_gap: 0.0, threads: 1}",
}
DATED = ("manifest.json", "solver.log")
SEEDS = ("0", "1", "random")
LOCALES = ("C", "C.UTF-8", "de_DE.UTF-8", "zh_CN.UTF-8", "tr_TR.UTF-8")
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Australia/Eucla")


@dataclass(frozen=True)
class Circumstances:
    """One set of circumstances; `left_out` are files that must differ under them."""

    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    lines: str = "\n"
    keys: Sequence[str] = tuple(KEYS)
    shuffled: int | None = None
    from_above: bool = False
    options: Sequence[str] = ()
    left_out: Sequence[str] = ()


def circumstances(n: int) -> list[Circumstances]:
    """The first `n` circumstances: each kind alone, then combinations of seed, locale and time zone."""
    alone = [
        Circumstances("as it is", {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}),
        Circumstances("another hash, locale and zone", _environment("1", "de_DE.UTF-8", "Asia/Shanghai")),
        Circumstances("rows in another order", shuffled=1, left_out=("own/mine.csv", "plan.xlsx")),
        Circumstances("asked from another folder", from_above=True),
        Circumstances("CRLF", lines="\r\n"),
        Circumstances("keys in another order", keys=tuple(reversed(KEYS)), left_out=("plan.xlsx",)),
        Circumstances("two threads", options=("--threads", "2"), left_out=("scenario.resolved.yaml", "plan.xlsx")),
    ]
    # 5 locales, 4 zones and 3 seeds have no common divisor, so each of the 60 combinations occurs once.
    mixed = (
        Circumstances(f"hash {seed}, {place}, {zone}", _environment(seed, place, zone))
        for seed, place, zone in itertools.islice(
            zip(itertools.cycle(SEEDS), itertools.cycle(LOCALES), itertools.cycle(ZONES), strict=False), 60
        )
    )
    return [*alone, *mixed][:n]


def absent_locales() -> list[str]:
    """Locales that are not installed; runs under them use a fallback."""
    before, absent = locale.setlocale(locale.LC_ALL), []
    for name in LOCALES:
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            absent.append(name)
    locale.setlocale(locale.LC_ALL, before)
    return absent


def all_at_once() -> list[Circumstances]:
    """Two circumstances that differ in everything, for a quick check."""
    other = Circumstances(
        "all at once",
        _environment("1", "de_DE.UTF-8", "Asia/Shanghai"),
        lines="\r\n",
        keys=tuple(reversed(KEYS)),
        shuffled=1,
        from_above=True,
        left_out=("own/mine.csv", "plan.xlsx"),
    )
    return [circumstances(1)[0], other]


def _environment(seed: str, place: str, zone: str) -> dict[str, str]:
    return {"PYTHONHASHSEED": seed, "LC_ALL": place, "LANG": place, "TZ": zone}


def files_of(desk: Path, requested: Circumstances) -> dict[str, str]:
    """Run the scenario under these circumstances and return file → hash."""
    desk.mkdir(parents=True)
    header, *rows = (ROOT / "data" / "plants" / "chemicals.csv").read_text(encoding="utf-8").splitlines()
    if requested.shuffled is not None:
        random.Random(requested.shuffled).shuffle(rows)
    (desk / "mine.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    text = requested.lines.join([*(f"{key}: {KEYS[key]}" for key in requested.keys), ""])
    (desk / "same.yaml").write_bytes(text.encode())
    where = desk.parent if requested.from_above else desk
    scenario = os.path.relpath(desk / "same.yaml", where)
    out = os.path.relpath(desk / "run", where)
    _requested(["optimize", scenario, "--out", out, "-q", *requested.options], where, requested)
    found = {}
    for path in sorted((desk / "run").rglob("*")):
        name = path.relative_to(desk / "run").as_posix()
        if path.is_file() and name not in (*DATED, *requested.left_out):
            found[name] = path.read_bytes()
    # Comments state file and line of each value, with the path given on the command line.
    found["scenario.resolved.yaml"] = re.sub(rb"  # \S.*", b"", found.get("scenario.resolved.yaml", b""))
    if "scenario.resolved.yaml" in requested.left_out:
        del found["scenario.resolved.yaml"]
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in found.items()}


def pilots_of(desk: Path, requested: Circumstances) -> dict[str, str]:
    """Hashes of the outputs of `replay --json` and `calibrate`."""
    desk.mkdir(parents=True, exist_ok=True)
    case = ROOT / "scenarios" / "pilots"
    cases = [os.path.relpath(path, desk) for path in sorted(case.glob("*.yaml"))[:1]]
    reported = _requested(["replay", *cases, "--json"], desk, requested)
    _requested(["calibrate", "-o", "calibration.json"], desk, requested)
    fitted = (desk / "calibration.json").read_bytes()
    return {"replay --json": hashlib.sha256(reported).hexdigest(), "calibrate": hashlib.sha256(fitted).hexdigest()}


def _requested(words: Sequence[str], where: Path, requested: Circumstances) -> bytes:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **requested.environment}
    line = [sys.executable, "-m", "ccs_model", *words]
    ended = subprocess.run(line, cwd=where, env=environment, capture_output=True, check=False)
    if ended.returncode not in (0, 7):  # a pilot case may be expected to fail
        raise RuntimeError(f"{' '.join(words)}: ended with {ended.returncode}: {ended.stderr.decode(errors='replace')}")
    return ended.stdout


def differences(
    folder: Path, every: Sequence[Circumstances], ask: Callable[[Path, Circumstances], dict[str, str]]
) -> list[str]:
    """One sentence for each file that differs from the first run."""
    first: dict[str, str] = {}
    wrong = []
    for n, requested in enumerate(every):
        found = ask(folder / f"{ask.__name__}-{n}", requested)
        first = first or found
        names = [name for name in first if name not in requested.left_out]
        changed = [name for name in names if found.get(name) != first[name]] + [
            name for name in found if name not in first
        ]
        wrong += [f"{requested.words}: {name} differs" for name in changed]
        shutil.rmtree(folder / f"{ask.__name__}-{n}", ignore_errors=True)
        sys.stderr.write(f"{n + 1} of {len(every)}: {requested.words}: {len(names) - len(changed)} files the same\n")
    return wrong


LOADS, QUOTAS = (0, 2, 8), (1.0, 0.5, 0.25)
_TURN_S = 0.05


def under_load(scenario: Path, n_runs: int) -> list[str]:
    """One sentence for each run under load whose tables or plan differ from those of the first run."""
    first: dict[str, str] = {}
    wrong = []
    combinations = itertools.islice(itertools.cycle(itertools.product(LOADS, QUOTAS)), n_runs)
    for load, quota in combinations:
        with tempfile.TemporaryDirectory() as home:
            found = _loaded(scenario, Path(home) / "run", load, quota)
        first = first or found
        changed = [name for name in first if found.get(name) != first[name]]
        wrong += [f"{load} busy processes, {quota:.0%} of the processor: {name} differs" for name in changed]
        sys.stderr.write(f"{load} busy processes, {quota:.0%}: {len(first) - len(changed)} files the same\n")
    return wrong


def _loaded(scenario: Path, out: Path, load: int, quota: float) -> dict[str, str]:
    """Hashes of the files of a run beside busy processes and with a share of the processor."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(load)]
    line = [sys.executable, "-m", "ccs_model", "optimize", str(scenario), "--out", str(out), "-q"]
    try:
        running = subprocess.Popen(line, cwd=ROOT)
        while running.poll() is None:
            if quota < 1:
                running.send_signal(signal.SIGSTOP)
                time.sleep(_TURN_S * (1 / quota - 1))
                running.send_signal(signal.SIGCONT)
            time.sleep(_TURN_S)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    if running.returncode not in (0, 5):
        raise RuntimeError(f"{scenario}: ended with {running.returncode}")
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in DATED]
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    """Parse the command line, run the comparison, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.reproducibility", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--pilot-runs", type=int, default=4, help="of replay and calibrate")
    parser.add_argument("--quick", action="store_true", help="two runs that differ in everything")
    parser.add_argument("--loads", type=int, default=0, metavar="N", help="N runs under load instead")
    parser.add_argument("--scenario", type=Path, default=ROOT / "scenarios" / "hebei.yaml", help="for --loads")
    requested = parser.parse_args()
    if requested.loads:
        wrong = under_load(requested.scenario, requested.loads)
        sys.stdout.write(json.dumps({"runs": requested.loads, "differences": wrong}, indent=1) + "\n")
        return 1 if wrong else 0
    every = all_at_once() if requested.quick else circumstances(requested.runs)
    with tempfile.TemporaryDirectory() as home:
        wrong = differences(Path(home), every, files_of)
        surroundings = [each for each in circumstances(200) if each.environment][: requested.pilot_runs]
        wrong += differences(Path(home), surroundings, pilots_of)
    counts = {
        "runs": len(every),
        "pilot_runs": requested.pilot_runs,
        "absent_locales": absent_locales(),
        "differences": wrong,
    }
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
