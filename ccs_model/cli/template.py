"""`ccs-model template FILE.xlsx`: an inventory workbook to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from ccs_model.cli.new_files import write_new
from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Example:
  ccs-model template plants.xlsx

Fill in a row for each plant, name the file in your scenario (plants: {inventory: [plants.xlsx]}), then
run `ccs-model check scenario.yaml`. Exit codes: 0 done, 2 usage, 8 the file is there already or cannot be written.
"""
)
@click.argument("file", type=click.Path(path_type=Path))
def template(file: Path) -> int:
    """Write an inventory workbook with units, notes, drop-downs and an example row. Nothing is overwritten."""
    if file.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"'{file}' does not end in .xlsx", param_hint="FILE.xlsx")
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.template import template as workbook

    write_new(file.parent, {file.name: workbook(load_inputs())})
    click.echo(f"{file}: fill in a row for each plant, then name it in your scenario under plants: inventory:")
    return DONE
