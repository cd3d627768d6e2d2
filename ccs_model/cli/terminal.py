"""Commands whose answer is no single plan: their common options, and an answer that is there already."""

from __future__ import annotations

import math
import shutil
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ccs_model.mip import Progress
    from ccs_model.plan.cache_key import RunKey

Command = TypeVar("Command", bound=Callable[..., Any])


def answer_options(stem: str) -> Callable[[Command], Command]:
    """--out, --json, --force, --allow-outside and -q of a command whose document is `stem`.json."""
    options = (
        click.option("--out", type=click.Path(path_type=Path), help=f"Folder (default: runs/<name>-{stem}-<hash>)."),
        click.option("--json", "as_json", is_flag=True, help=f"Print {stem}.json and nothing else on stdout."),
        click.option("--force", is_flag=True, help="Make it again even if it is there already."),
        click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder."),
        click.option("-q", "--quiet", is_flag=True, help="No progress, no summary."),
    )

    def with_options(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def answered(folder: Path, key: RunKey, stem: str, title: str, ask: Callable[[], Any], *, force: bool) -> str:
    """The document as text: the one in `folder` where it answers the same question, else what `ask` finds, written.

    `title` is of the workbook and holds `{}` for the scenario's name. Raises FileError before anything is asked where
    the folder holds something else.
    """
    from ccs_model.runs.result_folder import answer_in, write_answer
    from ccs_model.runs.run_writer import validate_overwrite

    text = None if force else answer_in(folder, key, stem)
    if text is not None:
        return text
    validate_overwrite(folder, force)
    found = ask()
    message = title.format(found.about["scenario"])
    return write_answer(folder, key, stem, message, found.to_dict(), found.tables(), force=force)


# How wide the screen and a text on it are.

# Where the width of the terminal is not known, as in a file.
USUAL_WIDTH = 120
WIDEST_TEXT = 140


def columns() -> int:
    """Columns of the terminal, and at most WIDEST_TEXT."""
    return min(shutil.get_terminal_size((USUAL_WIDTH, 24)).columns, WIDEST_TEXT)


def width_of(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut_to(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it is wider."""
    if width_of(text) <= width:
        return text
    kept = text
    while width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def filled(text: str, width: int, indent: str = "") -> str:
    """The words in lines no wider than `width`, later lines indented."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if width_of(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return "\n".join(lines)


# Talk on stderr: progress on a terminal, silence elsewhere.


class ProgressLine:
    """One line that is written over while a solver works; nothing at all where stderr is not a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._width = 0

    def show(self, words: str) -> None:
        """Replace the line."""
        if self._shown:
            click.echo("\r" + words.ljust(self._width), err=True, nl=False)
            self._width = len(words)

    def on_progress(self, progress: Progress) -> None:
        """Show how far a solve is."""
        best = f"{progress.incumbent:,.0f}" if math.isfinite(progress.incumbent) else "none yet"
        bound = f"{progress.bound:,.0f}" if math.isfinite(progress.bound) else "none yet"
        gap = f"{progress.gap_share:.2%}" if math.isfinite(progress.gap_share) else "open"
        self.show(f"  {progress.stage}: {progress.seconds:4.1f} s  best {best}  bound {bound}  gap {gap}")

    def done(self) -> None:
        """Clear the line."""
        if self._shown and self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0
