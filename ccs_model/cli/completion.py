"""`ccs-model --install-completion`: the shell completes commands, options and files."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ccs_model.atomic_files import write_atomic
from ccs_model.errors import FileError

PROGRAM, VARIABLE = "ccs-model", "_CCS_MODEL_COMPLETE"
# Shell → the file with the completion, and the start file of the shell that must read it (fish reads it by itself).
_FILES = {
    "bash": (".local/share/ccs-model/complete.bash", ".bashrc"),
    "zsh": (".local/share/ccs-model/complete.zsh", ".zshrc"),
    "fish": (".config/fish/completions/ccs-model.fish", None),
}


def install_completion(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Write the completion script of the shell in SHELL, and a line in its start file that reads it."""
    if not wanted or context.resilient_parsing:
        return
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in _FILES:
        named = f"'{shell}'" if shell else "an unknown shell (SHELL is not set)"
        raise click.UsageError(f"no completion for {named}; set SHELL to one of {', '.join(_FILES)}")
    script, start = (None if name is None else Path.home() / name for name in _FILES[shell])
    assert script is not None
    completion = get_completion_class(shell)
    assert completion is not None
    # Bash needs no check of its version: what the script uses is older than the versions in use.
    source = completion.source_template % completion(context.command, {}, PROGRAM, VARIABLE).source_vars()
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(script, source.encode())
        click.echo(f"{script}: completion for {shell}")
        if start is not None:
            _add_line(start, f'. "{script}"')
            click.echo(f"{start}: reads it; open a new terminal")
    except OSError as error:
        raise FileError(f"{error.filename or script}: cannot be written: {error.strerror}") from error
    context.exit()


def _add_line(path: Path, line: str) -> None:
    """Append a line to a start file unless it is there."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line in text.splitlines():
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")
