"""Tiers and fixtures of all tests: the shipped tables, and small scenarios that solve within a second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from ccs_model.inputs import Inputs, load_inputs
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve

# Text columns without pyarrow, as without the extra "fast"; a third faster. Separate processes use what is installed.
pd.set_option("mode.string_storage", "python")

_TESTS = Path(__file__).parent
_SLOW = (_TESTS / "slow", _TESTS / "integration" / "faults")
_ORDER = ("slow", "integration", "unit")


def pytest_configure(config: pytest.Config) -> None:
    """Load the Hypothesis profile: few examples where slow tests are deselected, all of them elsewhere."""
    # The same examples in every run, so that a failure repeats.
    repeatable = settings(derandomize=True, deadline=None, database=None)
    settings.register_profile("default", repeatable, max_examples=10)
    settings.register_profile("full", repeatable, max_examples=30)
    chosen = "default" if "not slow" in config.getoption("markexpr") else "full"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", chosen))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folders of slow tests where slow tests are deselected."""
    return True if collection_path in _SLOW and "not slow" in config.getoption("markexpr") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below the folders of slow tests as slow, before tests are selected by marker.

    Unit tests come last, so that several processes end together.
    """
    for item in items:
        if not set(_SLOW).isdisjoint(item.path.parents):
            item.add_marker("slow")
    items.sort(key=lambda item: _ORDER.index(item.path.relative_to(_TESTS).parts[0]))


@pytest.fixture(scope="session")
def ended_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# Five coal-chemical plants of Shanxi, two periods of five years, solved to the end.
SMALL: Mapping[str, Any] = MappingProxyType(
    {
        "name": "Small",
        "years": [2026, 2031],
        "plants": {"inventory": ["chemicals"], "provinces": ["Shanxi"], "min_emissions_ktpa": 1_200},
        "transport": {"shared_trunklines": False, "pipe_costs": "dea"},
        # One grid factor a province, so that results can be checked by hand.
        "policy": {"non_fossil_share": {2023: 0.19}},
        "budget": {"total_mn": 2_000},
        "solver": {"mip_gap": 0.0, "threads": 1},
    }
)
# One ammonia plant of Hebei, its pure vent, one site.
ONE_VENT: Mapping[str, Any] = MappingProxyType(
    {
        "name": "One vent",
        "plants.provinces": ["Hebei"],
        "plants.min_emissions_ktpa": 1_650,
        "plants.exclude": ["NH3_29", "NH3_80"],
        "capture.technologies": ["compression"],
        "storage.sites": ["jinxian_sag"],
    }
)
# One steel works of Hebei with plain amine, one site; the longest pipe is about 50 km.
ONE_MILL: Mapping[str, Any] = MappingProxyType(
    {
        "name": "One mill",
        "plants.inventory": ["steel"],
        "plants.provinces": ["Hebei"],
        "plants.min_emissions_ktpa": 20_000,
        "capture.technologies": ["amine"],
        "storage.sites": ["nanpu"],
        "budget.total_mn": 3_000,
    }
)

# Plants whose costs are given, in the money of the pipe classes, so that every number can be checked by hand.
BY_HAND: Mapping[str, Any] = MappingProxyType(
    {
        "name": "By hand",
        "currency": "EUR",
        "price_year": 2015,
        "years": "static",
        "capital_recovery_share": 0.1,
        "plants": {"inventory": ["sources"]},
        "transport": {"candidate_links": "given", "trucks": False, "pipe_costs": "dea"},
        "budget": {"total_mn": None},
        "objective": "min_cost",
        "solver": {"mip_gap": 0.0, "threads": 1},
    }
)
_OF_ROW: Mapping[str, Any] = MappingProxyType(
    {"currency": "EUR", "price_year": 2015, "reference": "OWN", "quality": "reported", "lat_deg": 38.0}
)
_OF_PLANT: Mapping[str, Any] = MappingProxyType(
    {
        "inventory": "sources",
        "sector": "",
        "status": "operating",
        "capture_capex_mn": 0.0,
        "fixed_om_mn_pa": 0.0,
        "capture_cost_per_t": 0.0,
        "life_yr": 20,
    }
)
_OF_SITE: Mapping[str, Any] = MappingProxyType(
    {"well_injectivity_ktpa": 1_000.0, "n_wells_max": 100, "storage_cost_per_t": 0.0, "is_offshore": "no"}
)

Changes = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """The shipped tables."""
    return load_inputs()


@pytest.fixture(scope="session")
def small() -> Callable[..., Scenario]:
    """A small scenario with changes by dotted key."""

    def make(*changes: Changes) -> Scenario:
        merged = {key: value for each in changes for key, value in each.items()}
        return Scenario.from_dict(SMALL).with_changes(merged)

    return make


@pytest.fixture(scope="session")
def measure_tables(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Inputs:
    """The shipped tables, which have no measures, with two of a user."""
    common = {
        "fixed_om_share": 0.03, "saving_per_t": 280.0, "currency": "CNY", "price_year": 2024.0, "first_year": 2026.0,
        "lead_yr": 1.0, "life_yr": 15.0, "min_life_yr": 5.0, "reference": "DESIGN", "quality": "assumed", "note": "",
    }  # fmt: skip
    rows = [
        {"measure": "sinter_fuel_saving", "name": "Deeper beds and hot-air sintering", "stream": "sinter_plant",
         "shrink_share": 0.06, "capex_per_tpa": 900.0, "line": 2},
        {"measure": "boiler_efficiency", "name": "Economisers and better firing", "stream": "boiler_flue_gas",
         "shrink_share": 0.05, "capex_per_tpa": 700.0, "line": 3},
    ]  # fmt: skip
    columns = inputs["technologies/measures"].columns
    return with_tables({"technologies/measures": pd.DataFrame([{**common, **row} for row in rows])[columns]})


@pytest.fixture(scope="session")
def problem_of(inputs: Inputs, measure_tables: Inputs, small: Callable[..., Scenario]) -> Callable[..., Problem]:
    """The problem of a small scenario with changes; `tables` stands in for the shipped ones."""

    def make(*changes: Changes, tables: Inputs | None = None) -> Problem:
        scenario = small(*changes)
        standard = measure_tables if scenario.capture.measures else inputs
        return build_problem(scenario, tables or standard)

    return make


@pytest.fixture(scope="session")
def solved(problem_of: Callable[..., Problem]) -> Callable[..., Plan]:
    """The plan of a small scenario with changes."""

    def make(*changes: Changes, tables: Inputs | None = None) -> Plan:
        return solve(problem_of(*changes, tables=tables))

    return make


@pytest.fixture(scope="session")
def small_plan(solved: Callable[..., Plan]) -> Plan:
    """The integer plan of the small scenario."""
    return solved()


@pytest.fixture(scope="session")
def with_tables(inputs: Inputs) -> Callable[..., Inputs]:
    """The shipped tables with some frames replaced."""

    def make(frames: Mapping[str, pd.DataFrame]) -> Inputs:
        return Inputs(MappingProxyType({**inputs.tables, **frames}), inputs.sha256, inputs.folder_name)

    return make


@pytest.fixture(scope="session")
def shuffled(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Inputs:
    """The shipped tables, the rows of each in another order."""
    return with_tables(
        {name: frame.sample(frac=1, random_state=17).reset_index(drop=True) for name, frame in inputs.tables.items()}
    )


@pytest.fixture(scope="session")
def one_vent() -> Changes:
    """Changes that leave one ammonia plant with its product-grade vent, one technology and one site."""
    return ONE_VENT


@pytest.fixture(scope="session")
def one_mill() -> Changes:
    """Changes that leave one steel works with plain amine and one site."""
    return ONE_MILL


@pytest.fixture(scope="session")
def hand_tables(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Callable[..., Inputs]:
    """Tables with only these plants (of given costs), sites and links, each by its id; what is left out is 0.

    A link's id is its two ends: `A-S`. Nothing that pumps draw has a price or emits.
    """

    def make(plants: Rows, sites: Rows, links: Rows, **tables: pd.DataFrame) -> Inputs:
        def frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
            return pd.DataFrame(rows, columns=inputs[table].columns)

        capacities = ("capacity_low_kt", "capacity_mid_kt", "capacity_high_kt")
        at = {name: 115.0 + 0.2 * k for k, name in enumerate([*plants, *sites])}

        def place(kind: str, name: str) -> dict[str, Any]:
            return {**_OF_ROW, kind: name, "name": name, "province": "Here", "lon_deg": at[name]}

        return with_tables(
            {
                "plants/sources": frame(
                    "plants/sources", [place("plant", name) | {**_OF_PLANT, **row} for name, row in plants.items()]
                ),
                "storage/sites": frame(
                    "storage/sites",
                    [
                        place("site", name) | dict.fromkeys(capacities, 1e6) | {**_OF_SITE, "basin": "B", **row}
                        for name, row in sites.items()
                    ],
                ),
                "storage/site_costs": inputs["storage/site_costs"].iloc[:0],
                "transport/links": frame(
                    "transport/links",
                    [
                        {**_OF_ROW, "link": name, "node_a": name.split("-")[0], "node_b": name.split("-")[1], **row}
                        for name, row in links.items()
                    ],
                ),
                **{name.replace("__", "/"): table for name, table in tables.items()},
            }
        )

    return make


@pytest.fixture(scope="session")
def hand_problem(hand_tables: Callable[..., Inputs]) -> Callable[..., Problem]:
    """The problem of a static year (or of other changes) on `hand_tables`."""

    def make(changes: Changes, **tables: Any) -> Problem:
        return build_problem(Scenario.from_dict(BY_HAND).with_changes(changes), hand_tables(**tables))

    return make


@pytest.fixture(scope="session")
def hand_solved(hand_problem: Callable[..., Problem]) -> Callable[..., Plan]:
    """Its plan."""

    def make(changes: Changes, **tables: Any) -> Plan:
        return solve(hand_problem(changes, **tables))

    return make
