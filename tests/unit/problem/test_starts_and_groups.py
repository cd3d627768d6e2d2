"""Starts within minimum lives, groups of plants, and annual costs of sites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.problem import Problem
from ccs_model.problem.problem import is_in_group
from tests.hand_network import LINKS, PLANTS, SITES

PERIODS = {"years": [2026, 2031], "capital_recovery_share": None, "targets.captured_ktpa": 100}


@pytest.fixture(scope="module")
def make_problem(hand_problem: Callable[..., Problem]) -> Callable[..., Problem]:
    """Build the problem of the small network with changes, and with other values of plant A and site S."""

    def make(changes: dict[str, object], plant: dict[str, object] | None = None, site: dict[str, object] | None = None):
        plants = {**PLANTS, "A": {**PLANTS["A"], **(plant or {})}}
        sites = {**SITES, "S": {**SITES["S"], **(site or {})}}
        return hand_problem(PERIODS | changes, plants=plants, sites=sites, links=LINKS)

    return make


def starts_of(problem: Problem, plant: str) -> list[bool]:
    """Return whether the plant's unit may start in each period."""
    route = problem.routes["plant"].tolist().index(plant)
    return (problem.running_share[route].sum(axis=1) > 0).tolist()


@pytest.mark.slow
def test_unit_may_start_if_exactly_its_minimum_life_remains(make_problem: Callable[..., Problem]) -> None:
    # The minimum life is one year: closing in 2027 allows a start in 2026, closing in 2032 also one in 2031.
    for closing, expected in ((2027, [True, False]), (2026, [False, False]), (2032, [True, True])):
        problem = make_problem({}, plant={"closing_year": closing})
        found = starts_of(problem, "A") if "A" in set(problem.routes["plant"]) else [False, False]
        assert found == expected, closing


def test_a_group_is_a_sector_a_province_or_all(make_problem: Callable[..., Problem]) -> None:
    plants = make_problem({}).plants
    for group, expected in (("", 3), ("sources", 3), ("Here", 3), ("steel", 0)):
        assert int(np.sum(is_in_group(plants, group))) == expected, group


def test_open_site_costs_its_om_and_a_sinking_fund_for_closure(make_problem: Callable[..., Problem]) -> None:
    site = {"site_om_mn_pa": 1.0, "monitoring_mn_pa": 0.5, "closure_mn": 30.0, "post_injection_mn": 10.0}
    # The sinking fund that grows to 40 in 30 years at 8 %.
    sinking_fund = 40 * 0.08 / (1.08**30 - 1)
    for years, expected in (("static", 1.5), ([2026, 2031], 1.5 + sinking_fund)):
        problem = make_problem({"years": years}, site=site)
        row = problem.sites[problem.sites["site"] == "S"]
        assert problem.storage_yearly_mn(row, row["life_yr"]) == pytest.approx([expected], rel=1e-12)
