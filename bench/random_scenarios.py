"""`python -m bench.random_scenarios [--check 20000] [--optimize 2000]`: random scenarios through the commands.

Scenarios are drawn from the schema by `tests/unit/properties/test_untrusted_input.py`. `check` and `optimize --effort
quick` must end with a documented exit code and without an internal error. Prints the counts by exit code as JSON, with
the scenarios that failed and those that reached the time limit without a plan. Stderr reports these immediately.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, seed, settings
from ruamel.yaml import YAML

from bench.measurement import report_progress
from ccs_model.cli import group, outcome_of
from tests.unit.properties.test_untrusted_input import SCENARIOS

# Documented exit codes with a result. Other codes are failures, except that of a limit without a plan.
_DOCUMENTED_CODES = (0, 2, 3, 4, 5)
_LIMIT_CODE = 6
_TIME_LIMIT_S = 20


def draw_scenarios(n: int, first_seed: int, handle: Callable[[dict[str, Any]], object]) -> None:
    """Call `handle` with `n` random scenarios."""
    if not n:
        return

    @seed(first_seed)
    @settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(values=SCENARIOS)
    def handle_each(values: dict[str, Any]) -> None:
        handle(values)

    handle_each()


class ScenarioRuns:
    """Runs commands on random scenarios in one folder, and records exit codes and failures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.codes: dict[str, Counter[str]] = {}
        self.failed: list[dict[str, Any]] = []
        self.limited: list[dict[str, Any]] = []

    def _run(self, command: str, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(group, [command, *arguments], standalone_mode=False)
        code, output = result.exit_code, result.output
        if isinstance(result.exception, Exception):
            code, text = outcome_of(result.exception)
            output += text
        self.codes.setdefault(command, Counter())[str(code)] += 1
        return code, output

    def check(self, values: dict[str, Any]) -> int:
        """Run `check`."""
        path = self.folder / "scenario.yaml"
        with path.open("w", encoding="utf-8") as file:
            YAML().dump(values, file)
        code, output = self._run("check", str(path))
        self._record_failure("check", code, output, values)
        return code

    def optimize(self, values: dict[str, Any]) -> None:
        """Run `optimize` if `check` finds no error."""
        if self.check(values):
            return
        run = self.folder / f"run-{sum(self.codes.get('optimize', Counter()).values())}"
        limits = ["--effort", "quick", "--time-limit", str(_TIME_LIMIT_S), "-q"]
        code, output = self._run("optimize", str(self.folder / "scenario.yaml"), "--out", str(run), *limits)
        self._record_failure("optimize", code, output, values)

    def _record_failure(self, command: str, code: int, output: str, values: dict[str, Any]) -> None:
        """Record a scenario that failed, or that reached the time limit without a plan."""
        if code == _LIMIT_CODE or code not in _DOCUMENTED_CODES or "internal error" in output:
            records = self.limited if code == _LIMIT_CODE else self.failed
            records.append({"command": command, "code": code, "scenario": values, "output": output[-2_000:]})
            report_progress(json.dumps(records[-1], default=str))


def main() -> None:
    """Draw scenarios, run the commands, and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.random_scenarios",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", type=int, default=20_000, help="number of scenarios for check")
    parser.add_argument("--optimize", type=int, default=2_000, help="number of scenarios for optimize")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = ScenarioRuns(Path(folder))
        draw_scenarios(args.check, args.seed, runs.check)
        draw_scenarios(args.optimize, args.seed + 1, runs.optimize)
    sys.stdout.write(
        json.dumps({"exit_codes": runs.codes, "failed": runs.failed, "limited": runs.limited}, indent=1, default=str)
        + "\n"
    )


if __name__ == "__main__":
    main()
