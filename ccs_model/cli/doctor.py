"""`ccs-model doctor`: versions, solver, data: what a bug report should hold."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from ccs_model import __version__
from ccs_model.errors import DONE

LIBRARIES = (
    "click", "highspy", "numpy", "openpyxl", "pandas", "pydantic", "pyomo", "ruamel.yaml", "scipy", "XlsxWriter",
)  # fmt: skip


@click.command(
    epilog="""\b
Example:
  ccs-model doctor
"""
)
def doctor() -> int:
    """Print versions, and whether the solver and the data answer."""
    from ccs_model.inputs import load_inputs
    from ccs_model.solver.trial import solver_answers

    click.echo(f"ccs-model {__version__} on Python {platform.python_version()}, {platform.system()}")
    for name in LIBRARIES:
        click.echo(f"  {name:<14}{metadata.version(name)}")
    click.echo(f"solver: {'answers' if solver_answers() else 'gives a wrong answer to a program of two lines'}")
    inputs = load_inputs()
    click.echo(f"data: {len(inputs.tables)} tables read and checked, from {inputs.folder_name}")
    return DONE
