"""`ccs-model data [TABLE]`: what ships, where each number comes from, how good it is."""

from __future__ import annotations

import click

from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Examples:
  ccs-model data
  ccs-model data technologies/technologies
"""
)
@click.argument("table", required=False)
def data(table: str | None) -> int:
    """List the shipped tables, or the columns and sources of one."""
    from ccs_model.inputs import load_inputs
    from ccs_model.inputs.dictionary import read_dictionary

    inputs, declared = load_inputs(), read_dictionary()
    if table is None:
        for name, frame in inputs.tables.items():
            kinds = frame["quality"].value_counts() if "quality" in frame else {}
            quality = ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds.keys()))
            click.echo(f"{name:<34}{len(frame):>5} rows   {quality}")
        return DONE
    if table not in inputs.tables:
        raise click.BadParameter(f"'{table}' is not a table; one of: {', '.join(inputs.tables)}", param_hint="TABLE")
    click.echo(f"{table}: {len(inputs[table])} rows\n")
    for column in declared[table]:
        unit = f" [{column.unit}]" if column.unit else ""
        click.echo(f"  {column.name:<30}{column.meaning}{unit}")
    if "reference" in inputs[table] and table != "references":
        references = inputs["references"].set_index("reference")
        click.echo("\nSources")
        for key in sorted(set(inputs[table]["reference"])):
            click.echo(f"  {key}: {references.at[key, 'citation']}")
    return DONE
