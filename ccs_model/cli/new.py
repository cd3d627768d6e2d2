"""`ccs-model new DIR`: a scenario that runs as it is, an inventory to fill in and the editor's schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ccs_model.cli.new_files import write_new
from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Example:
  ccs-model new my-zone
  ccs-model optimize my-zone/scenario.yaml

Exit codes: 0 done, 8 a file is there already or cannot be written.
"""
)
@click.argument("dir", metavar="DIR", type=click.Path(path_type=Path))
def new(dir: Path) -> int:
    """Write scenario.yaml, plants.xlsx and scenario.schema.json into DIR. Nothing is overwritten."""
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.template import template
    from ccs_model.scenario import json_schema
    from ccs_model.scenario.starter import starter

    name = "".join(sign for sign in dir.resolve().name if sign.isprintable()).strip()[:100] or "My scenario"
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    write_new(
        dir,
        {
            "scenario.yaml": starter(name).encode(),
            "plants.xlsx": template(load_inputs()),
            "scenario.schema.json": schema.encode(),
        },
    )
    click.echo(
        f"{dir}: scenario.yaml (runs as it is), plants.xlsx (an inventory to fill in), scenario.schema.json\n"
        f"Next: ccs-model optimize {dir / 'scenario.yaml'}"
    )
    return DONE
