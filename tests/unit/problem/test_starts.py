"""Committed retrofits start in their year alone and take the place of all other options of their stream."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from ccs_model.problem.starts import Starts, name_without_vintage, starts_of
from tests.hand_network import LINKS, PLANTS, SITES

Changes = dict[str, object]
Posed = Callable[..., Problem]
Found = Callable[..., Starts]
Works = Callable[..., dict[str, list[list[float]]]]
SHARED: Changes = {}
STEPS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 1_000,
}  # fmt: skip
OWN: Changes = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}
NEVER, ALWAYS = [0.0, 0.0], [1.0, 1.0]


@pytest.fixture(scope="module")
def posed(hand_problem: Posed, inputs: Inputs) -> Posed:
    """The small network with own or shared pipes, whose pumps draw no power, which has no price here."""
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    known: dict[str, Problem] = {}

    def made(changes: Changes, plant: Changes | None = None) -> Problem:
        key = f"{changes} {plant}"
        if key not in known:
            tables = {"plants": {**PLANTS, "B": {**PLANTS["B"], **(plant or {})}}, "sites": SITES, "links": LINKS}
            known[key] = hand_problem(STEPS | changes, **tables, transport__pipes=pipes)
        return known[key]

    return made


@pytest.fixture(scope="module")
def starts(posed: Posed) -> Found:
    """Starts of the options of a problem after further changes of its scenario."""

    def made(base: Changes, *changes: Changes, plant: Changes | None = None) -> Starts:
        problem = posed(base, plant)
        scenario = problem.scenario.with_changes({key: value for each in changes for key, value in each.items()})
        tables = (problem.plants, problem.streams, problem.routes, problem.periods)
        return starts_of(scenario, problem.inputs, *tables)

    return made


@pytest.fixture(scope="module")
def running(posed: Posed, starts: Found) -> Works:
    """Share of each period [start, year] in which an option works."""

    def made(base: Changes, *changes: Changes, plant: Changes | None = None) -> dict[str, list[list[float]]]:
        names = posed(base, plant).routes["route"]
        return dict(zip(names, starts(base, *changes, plant=plant).running.tolist(), strict=True))

    return made


def issue_of(starts: Found, base: Changes, *changes: Changes, plant: Changes | None = None) -> Issue:
    with pytest.raises(InputError) as caught:
        starts(base, *changes, plant=plant)
    (issue,) = caught.value.issues
    return issue


def committed(**years: int) -> Changes:
    return {"plants.committed": {name.replace("__", "/all/given/full@"): year for name, year in years.items()}}


def test_a_committed_retrofit_starts_in_its_year_alone(posed: Posed) -> None:
    problem = posed({"plants.committed": {"B/all/given/full": 2031}})
    works = dict(zip(problem.routes["route"], problem.running_share.tolist(), strict=True))
    assert works["B/all/given/full"] == [NEVER, [0.0, 1.0]]
    assert works["A/all/given/full"] == [ALWAYS, [0.0, 1.0]]
    assert problem.committed == (("B/all/given/full", 2031),) and problem.committed_plants == {"B"}


def test_it_takes_its_stream_from_all_other_options(running: Works) -> None:
    works = running(OWN, committed(B__S=2026))
    assert works["B/all/given/full@S"] == [ALWAYS, NEVER]
    assert works["B/all/given/full@T"] == [NEVER, NEVER]
    assert works["A/all/given/full@T"] == [ALWAYS, [0.0, 1.0]]


def test_it_starts_before_the_year_that_not_before_names(running: Works) -> None:
    later: Changes = {"plants.not_before": {"B": 2031}}
    assert running(SHARED, later)["B/all/given/full"] == [NEVER, [0.0, 1.0]]
    built: Changes = {"plants.committed": {"B/all/given/full": 2026}}
    assert running(SHARED, later, built)["B/all/given/full"] == [ALWAYS, NEVER]


def test_options_of_a_site_that_opens_later_wait_for_it(running: Works, starts: Found) -> None:
    later: Changes = {"storage.not_before": {"S": 2031}}
    works = running(OWN, later)
    for plant in "ABC":
        assert works[f"{plant}/all/given/full@S"] == [NEVER, [0.0, 1.0]]
        assert works[f"{plant}/all/given/full@T"] == [ALWAYS, [0.0, 1.0]]
    assert starts(OWN, later).waits_for_site == {"A", "B", "C"} and not starts(OWN, later).delayed
    # In a shared network the site waits, and not the capture unit.
    assert not starts(SHARED, later).waits_for_site


def test_a_unit_starts_in_a_period_with_a_turnaround_of_its_plant(posed: Posed) -> None:
    # B stands still in 2032 and 2033, C until 2029.
    problem = posed(SHARED)
    plants = problem.plants.assign(turnaround_from=[np.nan, 2032, np.nan], turnaround_until=[np.nan, 2033, 2029])
    tables = (plants, problem.streams, problem.routes, problem.periods)
    found = starts_of(problem.scenario, problem.inputs, *tables)
    assert found.may_start.tolist() == [[True, True], [False, True], [True, False]]
    assert found.waits == {"B", "C"}
    # A unit that may not start does not run; one that is committed does not wait.
    assert found.running[1, 0].tolist() == NEVER
    built = problem.scenario.with_changes({"plants.committed": {"B/all/given/full": 2026}})
    assert starts_of(built, problem.inputs, *tables).may_start[1].tolist() == [True, False]


def test_a_static_year_models_no_time_of_construction(posed: Posed) -> None:
    problem = posed({**SHARED, "years": "static", "capital_recovery_share": 0.1})
    # Neither lead times, first years nor turnarounds count.
    routes = problem.routes.assign(lead_yr=3, first_year=2090)
    plants = problem.plants.assign(turnaround_from=2090.0)
    found = starts_of(problem.scenario, problem.inputs, plants, problem.streams, routes, problem.periods)
    assert not found.lead_yr.any() and found.may_start.all() and (found.running == 1).all()
    # Over years, a unit of 20 years with three of construction lasts 20 from the end of it.
    staged = posed(SHARED)
    later = staged.routes.assign(lead_yr=3)
    moved = starts_of(staged.scenario, staged.inputs, staged.plants, staged.streams, later, staged.periods)
    assert moved.ends[0].tolist() == [2026 + 3 + 20, 2031 + 3 + 20] and moved.lasts[0].tolist() == [20, 20]
    assert moved.running[0].tolist() == [[pytest.approx(0.4), 1.0], [0.0, pytest.approx(0.4)]]


@pytest.mark.parametrize(
    ("window", "may_start"),
    [
        ({"first_year": 2026, "last_year": 2031}, [True, True]),
        ({"first_year": 2027, "last_year": 2030}, [False, False]),
        ({"first_year": 2031}, [False, True]),
        ({"last_year": 2026}, [True, False]),
        ({"min_life_yr": 20}, [True, True]),
        ({"min_life_yr": 20.5}, [False, False]),
    ],
)
def test_an_option_is_on_offer_from_its_first_to_its_last_year(
    posed: Posed, window: Changes, may_start: list[bool]
) -> None:
    problem = posed(SHARED)
    tables = (problem.plants, problem.streams, problem.routes.assign(**window), problem.periods)
    assert starts_of(problem.scenario, problem.inputs, *tables).may_start[0].tolist() == may_start


def test_plants_that_only_reach_sites_that_open_too_late_are_not_eligible(posed: Posed) -> None:
    late: Changes = {"storage.not_before": {"S": 2032, "T": 2032}}
    assert set(posed(OWN | late).plants["reason"]) == {"storage sites in reach open too late for the horizon"}
    assert set(posed(OWN | {"storage.not_before": {"S": 2032, "T": 2031}}).plants["reason"]) == {""}


@pytest.mark.parametrize(
    ("name", "year", "what"),
    [
        ("B/all/given/full", 2028, "'B/all/given/full': no period starts in 2028"),
        ("B/all/given/half", 2026, "no retrofit option 'B/all/given/half'"),
    ],
)
def test_a_commitment_that_cannot_be_is_named(starts: Found, name: str, year: int, what: str) -> None:
    issue = issue_of(starts, SHARED, {"plants.committed": {name: year}})
    assert issue.what == what and issue.where == f"plants.committed.{name}"


def test_a_commitment_of_a_plant_that_is_not_eligible_tells_why(posed: Posed) -> None:
    with pytest.raises(InputError, match="plant 'B' cannot be retrofitted: excluded by the scenario"):
        posed({"plants.exclude": ["B"], "plants.committed": {"B/all/given/full": 2026}})


def test_an_option_with_a_site_belongs_to_own_pipes(starts: Found) -> None:
    issue = issue_of(starts, SHARED, committed(B__S=2026))
    assert issue.what == "no retrofit option 'B/all/given/full@S'"
    assert issue.hint == "an id with @ is that of an own pipeline, and this scenario has shared ones"
    # The nearest id is suggested where pipes are not shared.
    misspelt = issue_of(starts, OWN, {"plants.committed": {"B/all/given/ful@S": 2026}})
    assert misspelt.hint == "did you mean 'B/all/given/full@S'?"


def test_a_unit_that_never_works_cannot_be_committed(starts: Found, running: Works) -> None:
    last: Changes = {"plants.committed": {"B/all/given/full": 2031}}
    issue = issue_of(starts, SHARED, last, plant={"closing_year": 2031.0})
    assert issue.what == "'B/all/given/full' from 2031 works in no year of the horizon and of its plant"
    # One year of work is enough.
    assert running(SHARED, last, plant={"closing_year": 2032.0})["B/all/given/full"] == [NEVER, [0.0, 0.2]]


def test_its_site_is_open_by_its_year(starts: Found) -> None:
    issue = issue_of(starts, OWN, committed(B__S=2026), {"storage.not_before": {"S": 2027}})
    assert issue.what == "'B/all/given/full@S': its site S may not be opened before 2027 (storage.not_before)"
    for opens in (2026, 2025):
        found = starts(OWN, committed(B__S=2026), {"storage.not_before": {"S": opens}})
        assert found.committed == (("B/all/given/full@S", 2026),)


def test_one_stream_has_one_committed_retrofit(starts: Found) -> None:
    issue = issue_of(starts, OWN, committed(B__S=2026, B__T=2031))
    assert issue.what == "stream 'all' already has the committed retrofit 'B/all/given/full@S'"
    assert issue.hint == "keep one"
    # Streams of other plants are others.
    assert len(starts(OWN, committed(A__S=2026, B__T=2031)).committed) == 2


# Payments that depend on the start of a unit split each option into vintages.

PAID: Changes = {"policy.paid_per_captured_t": 30.0, "policy.paid_for_yr": 8}


@pytest.mark.parametrize("name", ["B/all/given/full", "B/all/given/full/built_2031"])
def test_the_vintage_of_a_committed_retrofit_is_its_year(running: Works, starts: Found, name: str) -> None:
    built: Changes = {"plants.committed": {name: 2031}}
    assert starts(PAID, built).committed == (("B/all/given/full/built_2031", 2031),)
    works = running(PAID, built)
    assert works["B/all/given/full/built_2031"] == [NEVER, [0.0, 1.0]]
    assert works["B/all/given/full/built_2026"] == [NEVER, NEVER]
    assert works["A/all/given/full/built_2026"] == [ALWAYS, NEVER]


def test_a_vintage_of_another_year_is_named(starts: Found) -> None:
    issue = issue_of(starts, PAID, {"plants.committed": {"B/all/given/full/built_2026": 2031}})
    assert issue.what == "'B/all/given/full/built_2026' is the option of 2026, but starts in 2031"
    assert issue.hint == "write 2026"


def test_the_year_of_construction_is_no_part_of_a_name() -> None:
    assert name_without_vintage("P/lime_kiln/amine/half/built_2031@S") == "P/lime_kiln/amine/half@S"
    assert name_without_vintage("P/lime_kiln/amine/half@S") == "P/lime_kiln/amine/half@S"
