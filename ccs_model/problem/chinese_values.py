"""Notices of shipped values of China on which a plan without a plant in China rests."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

import pandas as pd

from ccs_model.inputs.source_checks import chinese_references
from ccs_model.problem.pipe_costs import DEA
from ccs_model.problem.problem import Problem
from ccs_model.problem.storage_sites import ALL_IN, STORAGE_MONEY, WELL_MONEY
from ccs_model.scenario.fields import HOME, HOME_CURRENCY
from ccs_model.scenario.validation import shown_text
from ccs_model.units import join_first_names

_TECHNOLOGIES, _LAWS, _CLASSES = "technologies/technologies", "transport/pipe_laws", "storage/class_costs"
_SOCIAL_RATE = "policy.social_discount_rate"
# Keys of the owners' accounts, and how their values are shown.
_OF_OWNERS = (("discount_rate", 100, "%"), ("finance.tax_share", 100, "%"), ("finance.depreciation_yr", 1, "years"))
_MOST_NAMED = 6


def notices_of_chinese_values(problem: Problem) -> Iterator[str]:
    """Notices of sites, costs, required returns and a social discount rate of China; none with a plant in China."""
    if problem.is_in_china:
        return
    yield from _sites(problem)
    yield from _costs(problem)
    if not problem.is_static:  # a representative year has no accounts of owners and society
        yield from _required_returns(problem)
        yield from _social_discount_rate(problem)
        yield from _rates_of_owners(problem)


def _sites(problem: Problem) -> Iterator[str]:
    """Shipped sites that are too far from every plant, where the user's tables have none."""
    table, network = problem.inputs["storage/sites"], problem.network
    reached = set(problem.routes["site"]) - {""} if network is None else set(network.node_of_site)
    is_own = any(problem.inputs.is_own("storage/sites", row) for row in range(len(table)))
    if not reached and not is_own and len(problem.sites):
        yield (
            f"storage/sites: none of the {len(problem.sites)} shipped sites, which are in China, is in reach of a "
            "plant; add sites of the country to a table of your own"
        )


def _costs(problem: Problem) -> Iterator[str]:
    """Costs of technologies, pipelines, wells and sites, in one notice."""
    parts = {
        _TECHNOLOGIES: _technologies(problem),
        _LAWS: ["pipelines"] if _has_chinese_pipes(problem) else [],
        _CLASSES: _storage(problem),
    }
    if parts := {table: found for table, found in parts.items() if found}:
        items = join_first_names([each for found in parts.values() for each in found], _MOST_NAMED)
        what = f"costs of China apply to {items}, though no plant is in China"
        yield f"{', '.join(parts)}: {what}; add rows of the country to tables of your own"


def _technologies(problem: Problem) -> list[str]:
    """Technologies with options, except at plants whose province has a location factor."""
    options, located = problem.options, set(problem.inputs["technologies/location_factors"]["province"])
    offered = set(options.loc[~options["province"].isin(located), "technology"]) if len(options) else set()
    rows = _chinese_costs(problem, _TECHNOLOGIES)
    return [shown_text(name) for name in rows["technology"] if name in offered]


def _has_chinese_pipes(problem: Problem) -> bool:
    """Whether the Chinese law of pipelines gives the cost of a candidate pipeline."""
    inputs, chosen, network = problem.inputs, problem.scenario.transport.pipe_costs, problem.network
    laws = _chinese_costs(problem, _LAWS)
    if chosen == DEA or len(inputs["transport/trends"]) or not (laws["pipe_costs"] == chosen).any():
        return False
    if network is None:
        return bool(problem.captures.any())
    quoted = inputs["transport/line_costs"]
    built = network.lines.loc[network.built, "line"]
    return not built.isin(quoted["link"] + " | " + quoted["pipe"]).all()


def _storage(problem: Problem) -> list[str]:
    """Wells and sites in reach by class, where the costs of the class hold."""
    inputs, network = problem.inputs, problem.network
    table = inputs["storage/sites"]
    has_costs = table[[*STORAGE_MONEY, ALL_IN]].notna().any(axis=1)
    has_costs |= table["site"].isin(inputs["storage/site_costs"]["site"])
    reached = set(problem.routes["site"]) if network is None else set(network.node_of_site)
    by_class = problem.sites["site"].isin(reached - set(table.loc[has_costs, "site"]))
    rows = _chinese_costs(problem, _CLASSES)
    rows = rows[rows["reservoir_class"].isin(problem.sites.loc[by_class, "cost_class"])]
    is_well = rows["cost"].isin(WELL_MONEY)
    parts = {"wells": rows[is_well], "storage sites": rows[~is_well]}
    return [f"{name} ({', '.join(dict.fromkeys(of['reservoir_class']))})" for name, of in parts.items() if len(of)]


def _required_returns(problem: Problem) -> Iterator[str]:
    """Required returns of products of candidate plants."""
    plants = problem.plants
    made = set(plants.loc[plants["is_candidate"], "product"]) - {""}
    rows = _shipped_rows(problem, "finance/hurdle_rates")
    of_china = chinese_references(problem.inputs["references"])
    rows = rows[rows["product"].isin(made) & rows["reference"].isin(of_china)]
    if len(rows):
        shares = [
            f"{name} ({100 * share:g} %)" for name, share in zip(rows["product"], rows["hurdle_share"], strict=True)
        ]
        named = join_first_names(shares, _MOST_NAMED)
        what = f"required returns of China apply to {named}, though no plant is in China"
        yield f"finance/hurdle_rates: {what}; add rows of the country to a table of your own"


def _social_discount_rate(problem: Problem) -> Iterator[str]:
    scenario = problem.scenario
    if scenario.source_path is not None and _SOCIAL_RATE not in scenario.places:
        rate = f"{100 * problem.accounts.social_discount_rate:g} %"
        yield f"{_SOCIAL_RATE} is not given: the rate of China, {rate}, applies, though no plant is in China"


def _rates_of_owners(problem: Problem) -> Iterator[str]:
    """Rates and years of the owners' accounts that the scenario leaves at their defaults."""
    scenario = problem.scenario
    if scenario.source_path is None:
        return
    for key, scale, unit in _OF_OWNERS:
        if key not in scenario.places:
            value = f"{scale * attrgetter(key)(scenario):g} {unit}"
            yield f"{key} is not given: the value of China, {value}, applies, though no plant is in China"


def _chinese_costs(problem: Problem, table: str) -> pd.DataFrame:
    """Shipped rows of a table of costs in Chinese money, or from projects in China."""
    rows, references = _shipped_rows(problem, table), problem.inputs["references"]
    built = references.loc[references["projects_in"] == HOME, "reference"]
    return rows[(rows["currency"] == HOME_CURRENCY) | rows["reference"].isin(built)]


def _shipped_rows(problem: Problem, table: str) -> pd.DataFrame:
    frame = problem.inputs[table]
    return frame[[not problem.inputs.is_own(table, row) for row in range(len(frame))]]
