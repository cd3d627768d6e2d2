"""`storage.exclude` removes sites and basins from the problem."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccs_model.errors import InputError
from ccs_model.problem import Problem

MakeProblem = Callable[..., Problem]


def test_excluded_sites_and_basins_are_not_in_the_problem(problem_of: MakeProblem) -> None:
    every = problem_of({"storage.sites": ["Qinshui", "Ordos"]}).sites
    without = problem_of({"storage.sites": ["Qinshui", "Ordos"], "storage.exclude": ["qinshui"]}).sites
    assert set(every["site"]) - set(without["site"]) == {"qinshui"}
    remaining = problem_of({"storage.exclude": ["Ordos"]}).sites
    assert "Ordos" not in set(remaining["basin"]) and "qinshui" in set(remaining["site"])


@pytest.mark.parametrize(
    ("exclude", "what"), [(["Qinshui"], "excludes every storage site"), (["qinshuii"], "storage.exclude.*'qinshuii'")]
)
def test_excluding_all_sites_or_an_unknown_site_is_an_error(
    problem_of: MakeProblem, exclude: list[str], what: str
) -> None:
    with pytest.raises(InputError, match=what):
        problem_of({"storage.sites": ["qinshui"], "storage.exclude": exclude})
