"""Commands whose answer is no single plan: their common options, and an answer that is there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ccs_model.plan.run_key import RunKey

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
    from ccs_model.analysis.answer_folder import answer_in, write_answer
    from ccs_model.report.run_folder import refuse_to_overwrite

    text = None if force else answer_in(folder, key, stem)
    if text is not None:
        return text
    refuse_to_overwrite(folder, force)
    found = ask()
    said = title.format(found.about["scenario"])
    return write_answer(folder, key, stem, said, found.to_dict(), found.tables(), force=force)
