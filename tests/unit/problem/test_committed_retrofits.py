"""Periods in which retrofits may start; committed retrofits start only in their year and exclude other options."""

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
MakeProblem = Callable[..., Problem]
FindStarts = Callable[..., Starts]
RunningShares = Callable[..., dict[str, list[list[float]]]]
SHARED: Changes = {}
TWO_PERIODS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "budget.total_mn": 1_000,
}  # fmt: skip
OWN_PIPES: Changes = {"transport.shared_trunklines": False, "transport.candidate_links": "made_and_given"}
NEVER, ALWAYS = [0.0, 0.0], [1.0, 1.0]


@pytest.fixture(scope="module")
def make_problem(hand_problem: MakeProblem, inputs: Inputs) -> MakeProblem:
    """The small network with own or shared pipes; pumps draw no power, as power has no price here."""
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    cache: dict[str, Problem] = {}

    def make(changes: Changes, plant: Changes | None = None) -> Problem:
        key = f"{changes} {plant}"
        if key not in cache:
            tables = {"plants": {**PLANTS, "B": {**PLANTS["B"], **(plant or {})}}, "sites": SITES, "links": LINKS}
            cache[key] = hand_problem(TWO_PERIODS | changes, **tables, transport__pipes=pipes)
        return cache[key]

    return make


@pytest.fixture(scope="module")
def starts(make_problem: MakeProblem) -> FindStarts:
    """Find the starts of the options of a problem after further changes of its scenario."""

    def make(base: Changes, *changes: Changes, plant: Changes | None = None) -> Starts:
        problem = make_problem(base, plant)
        scenario = problem.scenario.with_changes({key: value for each in changes for key, value in each.items()})
        tables = (problem.plants, problem.streams, problem.routes, problem.periods)
        return starts_of(scenario, problem.inputs, *tables)

    return make


@pytest.fixture(scope="module")
def running(make_problem: MakeProblem, starts: FindStarts) -> RunningShares:
    """Return the share of each period [start, period] in which an option operates."""

    def make(base: Changes, *changes: Changes, plant: Changes | None = None) -> dict[str, list[list[float]]]:
        names = make_problem(base, plant).routes["route"]
        return dict(zip(names, starts(base, *changes, plant=plant).running.tolist(), strict=True))

    return make


def issue_of(starts: FindStarts, base: Changes, *changes: Changes, plant: Changes | None = None) -> Issue:
    with pytest.raises(InputError) as caught:
        starts(base, *changes, plant=plant)
    (issue,) = caught.value.issues
    return issue


def committed(**years: int) -> Changes:
    return {"plants.committed": {name.replace("__", "/all/given/full@"): year for name, year in years.items()}}


def test_committed_retrofit_starts_only_in_its_year(make_problem: MakeProblem) -> None:
    problem = make_problem({"plants.committed": {"B/all/given/full": 2031}})
    shares = dict(zip(problem.routes["route"], problem.running_share.tolist(), strict=True))
    assert shares["B/all/given/full"] == [NEVER, [0.0, 1.0]]
    assert shares["A/all/given/full"] == [ALWAYS, [0.0, 1.0]]
    assert problem.committed == (("B/all/given/full", 2031),) and problem.committed_plants == {"B"}


@pytest.mark.slow
def test_committed_retrofit_excludes_the_other_options_of_its_stream(running: RunningShares) -> None:
    shares = running(OWN_PIPES, committed(B__S=2026))
    assert shares["B/all/given/full@S"] == [ALWAYS, NEVER]
    assert shares["B/all/given/full@T"] == [NEVER, NEVER]
    assert shares["A/all/given/full@T"] == [ALWAYS, [0.0, 1.0]]


def test_committed_retrofit_may_start_before_its_not_before_year(running: RunningShares) -> None:
    later: Changes = {"plants.not_before": {"B": 2031}}
    assert running(SHARED, later)["B/all/given/full"] == [NEVER, [0.0, 1.0]]
    commitment: Changes = {"plants.committed": {"B/all/given/full": 2026}}
    assert running(SHARED, later, commitment)["B/all/given/full"] == [ALWAYS, NEVER]


def test_own_pipe_options_wait_for_a_site_that_opens_later(running: RunningShares, starts: FindStarts) -> None:
    later: Changes = {"storage.not_before": {"S": 2031}}
    shares = running(OWN_PIPES, later)
    for plant in "ABC":
        assert shares[f"{plant}/all/given/full@S"] == [NEVER, [0.0, 1.0]]
        assert shares[f"{plant}/all/given/full@T"] == [ALWAYS, [0.0, 1.0]]
    assert starts(OWN_PIPES, later).waits_for_site == {"A", "B", "C"} and not starts(OWN_PIPES, later).delayed
    # On a shared network the site waits, not the capture unit.
    assert not starts(SHARED, later).waits_for_site


def test_unit_starts_only_in_a_period_with_a_turnaround_of_its_plant(make_problem: MakeProblem) -> None:
    # B has its turnaround in 2032 and 2033, C until 2029.
    problem = make_problem(SHARED)
    plants = problem.plants.assign(turnaround_from=[np.nan, 2032, np.nan], turnaround_until=[np.nan, 2033, 2029])
    tables = (plants, problem.streams, problem.routes, problem.periods)
    found = starts_of(problem.scenario, problem.inputs, *tables)
    assert found.may_start.tolist() == [[True, True], [False, True], [True, False]]
    assert found.waits == {"B", "C"}
    # A unit that may not start does not run; a committed unit does not wait.
    assert found.running[1, 0].tolist() == NEVER
    committed_scenario = problem.scenario.with_changes({"plants.committed": {"B/all/given/full": 2026}})
    assert starts_of(committed_scenario, problem.inputs, *tables).may_start[1].tolist() == [True, False]


def test_static_year_ignores_lead_times_first_years_and_turnarounds(make_problem: MakeProblem) -> None:
    problem = make_problem({**SHARED, "years": "static", "capital_recovery_share": 0.1})
    # Lead times, first years and turnarounds are ignored.
    routes = problem.routes.assign(lead_yr=3, first_year=2090)
    plants = problem.plants.assign(turnaround_from=2090.0)
    found = starts_of(problem.scenario, problem.inputs, plants, problem.streams, routes, problem.periods)
    assert not found.lead_yr.any() and found.may_start.all() and (found.running == 1).all()
    # Over several periods, a unit with a lead time of three years lasts 20 years from the end of construction.
    staged = make_problem(SHARED)
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
def test_option_may_start_within_its_offer_years_and_minimum_life(
    make_problem: MakeProblem, window: Changes, may_start: list[bool]
) -> None:
    problem = make_problem(SHARED)
    tables = (problem.plants, problem.streams, problem.routes.assign(**window), problem.periods)
    assert starts_of(problem.scenario, problem.inputs, *tables).may_start[0].tolist() == may_start


def test_plants_that_only_reach_sites_that_open_too_late_are_not_eligible(make_problem: MakeProblem) -> None:
    late: Changes = {"storage.not_before": {"S": 2032, "T": 2032}}
    assert set(make_problem(OWN_PIPES | late).plants["reason"]) == {
        "storage sites in reach open too late for the horizon"
    }
    assert set(make_problem(OWN_PIPES | {"storage.not_before": {"S": 2032, "T": 2031}}).plants["reason"]) == {""}


@pytest.mark.parametrize(
    ("name", "year", "what"),
    [
        ("B/all/given/full", 2028, "'B/all/given/full': no period starts in 2028"),
        ("B/all/given/half", 2026, "no retrofit option 'B/all/given/half'"),
    ],
)
def test_commitment_to_an_unknown_option_or_start_year_is_reported(
    starts: FindStarts, name: str, year: int, what: str
) -> None:
    issue = issue_of(starts, SHARED, {"plants.committed": {name: year}})
    assert issue.what == what and issue.where == f"plants.committed.{name}"


def test_commitment_of_an_ineligible_plant_is_reported_with_the_reason(make_problem: MakeProblem) -> None:
    with pytest.raises(InputError, match=r"plant 'B' cannot be retrofitted: excluded by the scenario \(leave its retr"):
        make_problem({"plants.exclude": ["B"], "plants.committed": {"B/all/given/full": 2026}})


def test_commitment_to_an_own_pipe_option_is_an_error_on_a_shared_network(starts: FindStarts) -> None:
    issue = issue_of(starts, SHARED, committed(B__S=2026))
    assert issue.what == "no retrofit option 'B/all/given/full@S'"
    assert issue.hint == "an id with @ is that of an own pipeline, and this scenario has shared ones"
    # The nearest id is suggested where pipes are not shared.
    misspelt = issue_of(starts, OWN_PIPES, {"plants.committed": {"B/all/given/ful@S": 2026}})
    assert misspelt.hint == "did you mean 'B/all/given/full@S'?"


@pytest.mark.parametrize(
    ("changes", "name", "hint"),
    [
        # The retrofits of a run with further technologies, and those of a run with shared pipelines.
        (SHARED, "B/all/compression/full", "'compression' is not among capture.technologies"),
        (OWN_PIPES, "B/all/given/full", "ids of own pipelines end in @SITE, and this scenario has no shared ones"),
        (SHARED, "B/all/gven/full", "did you mean 'B/all/given/full'?"),
    ],
)
def test_commitments_of_a_run_with_other_options_name_the_scenario_key(
    starts: FindStarts, changes: Changes, name: str, hint: str
) -> None:
    issue = issue_of(starts, changes, {"capture.technologies": ["amine"], "plants.committed": {name: 2026}})
    assert issue.hint == hint


def test_commitment_of_a_unit_that_never_operates_is_reported(starts: FindStarts, running: RunningShares) -> None:
    last: Changes = {"plants.committed": {"B/all/given/full": 2031}}
    issue = issue_of(starts, SHARED, last, plant={"closing_year": 2031.0})
    assert issue.what == "'B/all/given/full' from 2031 works in no year of the horizon and of its plant"
    # One operating year is enough.
    assert running(SHARED, last, plant={"closing_year": 2032.0})["B/all/given/full"] == [NEVER, [0.0, 0.2]]


def test_commitment_before_its_site_opens_is_reported(starts: FindStarts) -> None:
    issue = issue_of(starts, OWN_PIPES, committed(B__S=2026), {"storage.not_before": {"S": 2027}})
    assert issue.what == "'B/all/given/full@S': its site S may not be opened before 2027 (storage.not_before)"
    for opens in (2026, 2025):
        found = starts(OWN_PIPES, committed(B__S=2026), {"storage.not_before": {"S": opens}})
        assert found.committed == (("B/all/given/full@S", 2026),)


def test_second_commitment_of_a_stream_is_reported(starts: FindStarts) -> None:
    issue = issue_of(starts, OWN_PIPES, committed(B__S=2026, B__T=2031))
    assert issue.what == "stream 'all' already has the committed retrofit 'B/all/given/full@S'"
    assert issue.hint == "keep one"
    # Streams of other plants do not conflict.
    assert len(starts(OWN_PIPES, committed(A__S=2026, B__T=2031)).committed) == 2


# Payments that depend on the start of a unit split each option into vintages.

PAID: Changes = {"policy.paid_per_captured_t": 30.0, "policy.paid_for_yr": 8}


@pytest.mark.parametrize("name", ["B/all/given/full", "B/all/given/full/built_2031"])
def test_committed_retrofit_uses_the_vintage_of_its_year(running: RunningShares, starts: FindStarts, name: str) -> None:
    commitment: Changes = {"plants.committed": {name: 2031}}
    assert starts(PAID, commitment).committed == (("B/all/given/full/built_2031", 2031),)
    shares = running(PAID, commitment)
    assert shares["B/all/given/full/built_2031"] == [NEVER, [0.0, 1.0]]
    assert shares["B/all/given/full/built_2026"] == [NEVER, NEVER]
    assert shares["A/all/given/full/built_2026"] == [ALWAYS, NEVER]


def test_commitment_to_a_vintage_of_another_year_is_reported(starts: FindStarts) -> None:
    issue = issue_of(starts, PAID, {"plants.committed": {"B/all/given/full/built_2026": 2031}})
    assert issue.what == "'B/all/given/full/built_2026' is the option of 2026, but starts in 2031"
    assert issue.hint == "write 2026"


def test_name_without_vintage_omits_the_construction_year() -> None:
    assert name_without_vintage("P/lime_kiln/amine/half/built_2031@S") == "P/lime_kiln/amine/half@S"
    assert name_without_vintage("P/lime_kiln/amine/half@S") == "P/lime_kiln/amine/half@S"
