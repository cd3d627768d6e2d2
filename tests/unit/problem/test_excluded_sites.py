"""storage.exclude leaves out sites and basins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccs_model.errors import InputError
from ccs_model.problem import Problem

Posed = Callable[..., Problem]


def test_excluded_sites_and_basins_are_not_in_the_problem(problem_of: Posed) -> None:
    every = problem_of({"storage.sites": ["Qinshui", "Ordos"]}).sites
    without = problem_of({"storage.sites": ["Qinshui", "Ordos"], "storage.exclude": ["qinshui"]}).sites
    assert set(every["site"]) - set(without["site"]) == {"qinshui"}
    left = problem_of({"storage.exclude": ["Ordos"]}).sites
    assert "Ordos" not in set(left["basin"]) and "qinshui" in set(left["site"])


@pytest.mark.parametrize(
    ("exclude", "what"),
    [(["Qinshui"], "excludes every storage site"), (["qinshuii"], "storage.exclude.*'qinshuii'")],
)
def test_no_site_left_and_an_unknown_name_are_errors(problem_of: Posed, exclude: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        problem_of({"storage.sites": ["qinshui"], "storage.exclude": exclude})
