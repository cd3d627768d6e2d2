"""Errors passed between processes keep their message and attributes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ccs_model.errors import (
    CheckError,
    FileError,
    InfeasibleError,
    InputError,
    Issue,
    MissingExtraError,
    NoPlanError,
    NoPlanInRunError,
)


@pytest.mark.parametrize(
    "error",
    [
        InputError([Issue("scenario.yaml:3", "is not a number", "enter a number"), Issue("a.csv:7", "is empty")]),
        InfeasibleError(["budget: 5 % more"], folder=Path("runs/a"), tables={"nearest_retrofits": [1, 2]}),
        MissingExtraError("the page", "report", ["altair"]),
        CheckError("a row is violated", program=b"NAME"),
        NoPlanError("the solver failed"),
        NoPlanInRunError("runs/a"),
        FileError("runs/a: is locked"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_unpickled_error_has_the_same_type_message_and_attributes(error):
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is type(error) and str(other) == str(error) and vars(other) == vars(error)
    assert other.exit_code == error.exit_code
