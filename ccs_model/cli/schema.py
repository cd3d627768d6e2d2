"""`ccs-model schema`: the JSON Schema of a scenario, for editors."""

from __future__ import annotations

import json

import click

from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Example:
  ccs-model schema > scenario.schema.json
"""
)
def schema() -> int:
    """Print the JSON Schema of a scenario file."""
    from ccs_model.scenario import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return DONE
