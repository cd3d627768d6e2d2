"""Talk on stderr: progress on a terminal, silence elsewhere."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ccs_model.solver import Progress


class ProgressLine:
    """One line that is written over while a solver works; nothing at all where stderr is not a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._width = 0

    def say(self, words: str) -> None:
        """Replace the line."""
        if self._shown:
            click.echo("\r" + words.ljust(self._width), err=True, nl=False)
            self._width = len(words)

    def tell(self, progress: Progress) -> None:
        """Show how far a solve is."""
        best = f"{progress.incumbent:,.0f}" if math.isfinite(progress.incumbent) else "none yet"
        bound = f"{progress.bound:,.0f}" if math.isfinite(progress.bound) else "none yet"
        gap = f"{progress.gap_share:.2%}" if math.isfinite(progress.gap_share) else "open"
        self.say(f"  {progress.doing}: {progress.seconds:4.1f} s  best {best}  bound {bound}  gap {gap}")

    def done(self) -> None:
        """Clear the line."""
        if self._shown and self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0
