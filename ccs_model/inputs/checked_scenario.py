"""Reads a scenario with its tables, and rejects an invalid one early.

Commands validate the scenario before they import the solver, and pandas only if the scenario names tables of its own,
so that an invalid scenario takes a second and not three.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from ccs_model.errors import CcsModelError, FileError, InputError, Issue
from ccs_model.inputs.names_of_scenario import Column, issues_of, known_names, shipped_column, with_names_of_tables
from ccs_model.scenario.read import Reading, read

if TYPE_CHECKING:
    from ccs_model.inputs.load import Inputs
    from ccs_model.scenario import Scenario


def reject_invalid(path: str | PathLike[str], *, allow_outside: bool = False) -> None:
    """Raise the errors that can be found without most tables; a scenario that passes is read by `read_checked`.

    Parameters
    ----------
    path
        The scenario file.
    allow_outside
        Whether files outside its folder may be read.

    Raises
    ------
    InputError
        With the same issues as `read_checked`, if the values of the scenario are invalid, or if it names no tables of
        its own and a name is in no shipped table or an amount is implausible.
    FileError
        If the file cannot be read.
    """
    reading = read(path, allow_outside=allow_outside)
    if not reading.has_own_tables:
        _validated(reading, shipped_column)
    elif reading.issues():  # errors of the own tables are reported with them
        read_checked(path, allow_outside=allow_outside)


def has_own_tables(path: str | PathLike[str], *, allow_outside: bool = False) -> bool:
    """Return whether a scenario file names tables of the user's own; False for a file that cannot be read."""
    try:
        return read(path, allow_outside=allow_outside).has_own_tables
    except (InputError, FileError):
        return False


def read_checked(path: str | PathLike[str], *, allow_outside: bool = False) -> tuple[Scenario, Inputs]:
    """Return the scenario and its tables; issues of its values, names, amounts and tables are raised together.

    Names and amounts are compared with valid tables only.
    """
    from ccs_model.inputs.load import load_tables

    reading = read(path, allow_outside=allow_outside)
    try:
        inputs = load_tables(reading.own, allow_outside=allow_outside)
    except (InputError, FileError) as error:
        raise _with_those_of_the_file(reading, error) from error
    scenario, notices = with_names_of_tables(_validated(reading, inputs.column), known_names(inputs.column))
    return scenario, replace(inputs, notices=(*inputs.notices, *notices)) if notices else inputs


def _validated(reading: Reading, column: Column) -> Scenario:
    return reading.validated(issues_of(reading.document, known_names(column), column))


def _with_those_of_the_file(reading: Reading, error: InputError | FileError) -> CcsModelError:
    """Faults of the scenario first, then those of its tables; a file that cannot be read is one of them."""
    of_the_file = reading.issues()
    if not of_the_file:
        return error
    theirs = error.issues if isinstance(error, InputError) else (Issue("the tables", str(error)),)
    return InputError([*of_the_file, *theirs])
