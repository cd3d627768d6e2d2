"""`ccs-model doctor`: versions, extras, solver, data: what a bug report should hold."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata

import click

from ccs_model import __version__
from ccs_model.errors import DONE, NO_PLAN, NoPlanError

LIBRARIES = (
    "click", "highspy", "numpy", "openpyxl", "pandas", "pydantic", "pyomo", "ruamel.yaml", "scipy", "XlsxWriter",
)  # fmt: skip
# Extra → what it is for, and its libraries, as pyproject.toml has them.
EXTRAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "report": ("the page: ccs-model report", ("altair", "vl-convert-python")),
    "fast": ("tables as parquet, large workbooks read quickly", ("pyarrow", "python-calamine")),
    "verify": ("the workbook computed again: ccs-model verify", ("formualizer",)),
    "cluster": ("sweeps and draws on many machines: --scheduler", ("distributed",)),
    "docs": ("the documentation as a site: mkdocs build", ("mkdocs", "mkdocs-material", "mkdocstrings")),
    "fuzz": ("strangers' bytes for the readers: tests/fuzz/search.py", ("atheris",)),
    "test": ("the project's tests: python -m pytest", ("hypothesis", "pytest", "pytest-xdist")),
}


@click.command(
    epilog="""\b
Example:
  ccs-model doctor

Exit codes: 0 done, 6 the solver is missing, too old, or gives a wrong answer.
"""
)
def doctor() -> int:
    """Print versions, which extras are there, and whether the solver and the data answer."""
    from ccs_model.inputs import load_inputs

    click.echo(f"ccs-model {__version__} on Python {platform.python_version()}, {platform.system()}")
    for name in LIBRARIES:
        click.echo(f"  {name:<14}{version_of(name) or 'not installed'}")
    click.echo("extras:")
    for line in extras_lines():
        click.echo(f"  {line}")
    inputs = load_inputs()
    click.echo(f"data: {len(inputs.tables)} tables read and checked, from {inputs.folder_name}")
    fault = _fault_of_solver()
    click.echo(f"solver: {fault or 'answers'}")
    return NO_PLAN if fault else DONE


def extras_lines() -> Iterator[str]:
    """A line an extra: what it brings, and its libraries or the line that installs them."""
    for extra, (brings, libraries) in EXTRAS.items():
        missing = [name for name in libraries if version_of(name) is None]
        there = ", ".join(f"{name} {version_of(name)}" for name in libraries if name not in missing)
        said = f'missing {", ".join(missing)}: python -m pip install "ccs-model[{extra}]"' if missing else there
        yield f"{extra:<14}{brings}; {said}"


def version_of(name: str) -> str | None:
    """The installed version of a library; None where it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fault_of_solver() -> str:
    """Why nothing can be solved here; empty where the solver answers."""
    try:
        from ccs_model.solver.trial import solver_answers
    except NoPlanError as error:
        return str(error)
    return "" if solver_answers() else "gives a wrong answer to a program of two lines"
