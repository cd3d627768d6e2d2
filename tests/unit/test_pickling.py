"""Frozen objects with read-only mappings can be pickled and copied."""

from __future__ import annotations

import copy
import pickle
from types import MappingProxyType

import pytest

import ccs_model as ccs
from ccs_model.plan.plan import Plan
from ccs_model.solve import driver


@pytest.fixture(scope="module")
def plan() -> Plan:
    plants = {"inventory": ["chemicals"], "provinces": ["Shanxi"], "min_emissions_ktpa": 2_000}
    values = {"name": "One", "years": [2026, 2030], "plants": plants, "budget": {"total_mn": 900}}
    return ccs.optimize({**values, "transport": {"shared_trunklines": False}})


def test_pickled_and_copied_plan_equals_the_original(plan: Plan) -> None:
    for other in (pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
        assert other.totals == plan.totals and isinstance(other.totals, MappingProxyType)
        assert other.problem.scenario == plan.problem.scenario
        assert other.retrofits.equals(plan.retrofits) and other.summary() == plan.summary()


def test_solve_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(ccs.solve)) is driver.solve
