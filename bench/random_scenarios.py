"""`python -m bench.random_scenarios [--check 20000] [--optimize 2000]`: random scenarios through the commands.

Scenarios are drawn from the schema by `tests/unit/properties/test_untrusted_input.py`. `check` and `optimize --effort
quick` must end with a documented exit code and never with an internal error; a plan with a failed check ends with
another one. The counts by exit code are printed as JSON, with the scenarios that failed and those without a plan
within the limit, which stderr has at once.
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

# Success, options, input, infeasible; anything else is a failure, or a limit that came before a plan.
_DOCUMENTED = (0, 2, 3, 4, 5)
_LIMIT = 6
_SECONDS = 20


def drawn(n: int, first: int, use: Callable[[dict[str, Any]], object]) -> None:
    """Give `n` scenarios to `use`."""
    if not n:
        return

    @seed(first)
    @settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(values=SCENARIOS)
    def each(values: dict[str, Any]) -> None:
        use(values)

    each()


class Runs:
    """Commands on random scenarios in one folder: exit codes, and what failed."""

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
        self._judge("check", code, output, values)
        return code

    def optimize(self, values: dict[str, Any]) -> None:
        """Run `optimize` where `check` finds no error."""
        if self.check(values):
            return
        run = self.folder / f"run-{sum(self.codes.get('optimize', Counter()).values())}"
        limits = ["--effort", "quick", "--time-limit", str(_SECONDS), "-q"]
        code, output = self._run("optimize", str(self.folder / "scenario.yaml"), "--out", str(run), *limits)
        self._judge("optimize", code, output, values)

    def _judge(self, command: str, code: int, output: str, values: dict[str, Any]) -> None:
        """Keep a scenario that failed, or that met the limit without a plan."""
        if code == _LIMIT or code not in _DOCUMENTED or "internal error" in output:
            kept = self.limited if code == _LIMIT else self.failed
            kept.append({"command": command, "code": code, "scenario": values, "output": output[-2_000:]})
            report_progress(json.dumps(kept[-1], default=str))


def main() -> None:
    """Draw, run, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.random_scenarios")
    parser.add_argument("--check", type=int, default=20_000)
    parser.add_argument("--optimize", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        drawn(asked.check, asked.seed, runs.check)
        drawn(asked.optimize, asked.seed + 1, runs.optimize)
    sys.stdout.write(
        json.dumps({"exit_codes": runs.codes, "failed": runs.failed, "limited": runs.limited}, indent=1, default=str)
        + "\n"
    )


if __name__ == "__main__":
    main()
