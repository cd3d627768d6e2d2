"""Run the commands of docs/tutorial/first-plan.md and write their output into the page.

    python docs/replay_tutorial.py

Every block `sh` below the installation is run in an empty folder; a block `text` behind it is its output. The name of
the run's folder is filled in everywhere. A test runs the same and compares.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "tutorial" / "first-plan.md"
WIDTH = 120
# Commands, and the output behind them; a paragraph may stand between.
_BLOCK = re.compile(
    r"```sh\n(?P<commands>.+?)```\n(?:(?P<prose>(?:(?!```|\n## ).)*)```text\n(?P<output>.*?)```\n)?", re.DOTALL
)
_FIRST = "## 2."
_RUN = re.compile(r"runs/my-zone-[0-9a-f]{8}")


def replayed(page: str, folder: Path) -> str:
    """Return the page with the output of its commands, which are run in `folder`.

    Raises RuntimeError if a command fails.
    """
    found: list[str] = []

    def block(match: re.Match[str]) -> str:
        commands = _with_run(match["commands"], found)
        output = "".join(_output(line, folder) for line in commands.splitlines())
        found.extend(_RUN.findall(output)[:1])
        shown = f"{match['prose']}```text\n{output.strip()}\n```\n" if match["output"] else ""
        return f"```sh\n{commands}```\n{shown}"

    before, first, after = page.partition(_FIRST)
    return _with_run(f"{before}{first}{_BLOCK.sub(block, after)}", found)


def _with_run(text: str, found: list[str]) -> str:
    return _RUN.sub(found[0], text) if found else text


def _output(line: str, folder: Path) -> str:
    name, *arguments = shlex.split(line, comments=True)
    if name != "ccs-model":
        raise RuntimeError(f"the tutorial runs {name}, expected ccs-model")
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "ccs_model", *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise RuntimeError(f"{line}: exit code {ran.returncode}\n{ran.stderr}")
    return "\n".join(each.rstrip() for each in ran.stdout.splitlines()) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(replayed(PAGE.read_text(encoding="utf-8"), Path(scratch)), encoding="utf-8")
