"""Places that share a node, neighbours that keep a link, connected plants and sites, and files of corridors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem.candidate_network import (
    Network,
    SearchRadii,
    candidate_pairs,
    corridor_rows,
    places_as_nodes,
    validate_sites_reachable,
)
from ccs_model.scenario import Scenario

NO_HUBS = pd.DataFrame({"hub": [], "lat_deg": [], "lon_deg": []})
NO_RADIUS = {"link_max_km": 1e6, "n_neighbours": 0, "n_direct_sites": 0, "prune_factor": 1e6, "hub_diameter_km": 0.0,
             "hub_plants_min": 4}  # fmt: skip
KM = 1 / 111.195  # degrees of latitude


def radii(**changes: float) -> SearchRadii:
    """No links but the spanning tree and those of the changes."""
    return SearchRadii(**{**NO_RADIUS, **changes})


def line(kind: str, **km: float) -> pd.DataFrame:
    """Places north of 36° N 112° E, km from there."""
    rows = [(name, 36 + far * KM, 112.0) for name, far in km.items()]
    return pd.DataFrame(rows, columns=[kind, "lat_deg", "lon_deg"])


def nodes_of(plants: pd.DataFrame, sites: pd.DataFrame | None = None, **changes: float) -> pd.DataFrame:
    none = line("site") if sites is None else sites
    return places_as_nodes(plants, none, NO_HUBS, radii(**changes))


def links_of(nodes: pd.DataFrame, **changes: float) -> set[str]:
    names = nodes["node"].to_numpy(object)
    return {"".join(sorted((names[a], names[b]))) for a, b in candidate_pairs(nodes, radii(**changes))}


# Nodes


@pytest.mark.parametrize(("apart_km", "n_nodes"), [(0.0, 1), (0.09, 1), (0.11, 2), (0.9, 2)])
def test_plants_within_a_hundred_metres_share_a_node(apart_km: float, n_nodes: int) -> None:
    nodes = nodes_of(line("plant", A=0, B=apart_km))
    assert len(nodes) == n_nodes
    assert sorted(plant for members in nodes["members"] for plant in members) == ["A", "B"]


def test_a_row_of_near_plants_is_no_single_place() -> None:
    # 60 m from one to the next, but 120 m from the first to the last.
    nodes = nodes_of(line("plant", A=0, B=0.06, C=0.12))
    assert len(nodes) == 2


@pytest.mark.parametrize(
    ("plants_min", "diameter_km", "n_hubs"),
    [
        (3, 20.1, 1),
        (3, 19.9, 0),  # 20 km from the first to the last
        (4, 20.1, 0),
        (2, 20.1, 1),
        (3, 0.0, 0),
    ],
)
def test_a_hub_gathers_plants_that_all_lie_within_its_diameter(
    plants_min: int, diameter_km: float, n_hubs: int
) -> None:
    plants = line("plant", B=0, A=10, C=20)
    nodes = nodes_of(plants, hub_plants_min=plants_min, hub_diameter_km=diameter_km)
    hubs = nodes[nodes["kind"] == "hub"]
    assert len(hubs) == n_hubs
    if n_hubs:
        assert hubs["node"].tolist() == ["hub A"]
        assert hubs["lat_deg"].tolist() == pytest.approx([36 + 10 * KM])
    # One plant has no middle.
    assert len(nodes_of(plants[:1], hub_plants_min=1, hub_diameter_km=50)) == 1


# Links


def test_a_row_of_places_is_joined_by_its_spanning_tree() -> None:
    nodes = nodes_of(line("plant", A=0, B=10, C=30, D=60))
    assert links_of(nodes) == {"AB", "BC", "CD"}


def test_each_place_keeps_its_nearest_neighbours() -> None:
    # The nearest two: A has B and C; B, A and C; C, B (20) and A or D (30); D, C and B.
    nodes = nodes_of(line("plant", A=0, B=10, C=30, D=65))
    assert links_of(nodes, n_neighbours=1) == {"AB", "BC", "CD"}
    assert links_of(nodes, n_neighbours=2) == {"AB", "BC", "CD", "AC", "BD"}
    assert links_of(nodes, n_neighbours=3) == links_of(nodes, n_neighbours=9)
    assert len(links_of(nodes, n_neighbours=9)) == 6


def test_each_plant_keeps_straight_links_to_its_nearest_sites() -> None:
    plants, sites = line("plant", A=0, B=10), line("site", S=30, T=70)
    nodes = nodes_of(plants, sites)
    assert links_of(nodes) == {"AB", "BS", "ST"}
    assert links_of(nodes, n_direct_sites=1) == {"AB", "BS", "ST", "AS"}
    assert links_of(nodes, n_direct_sites=2) == {"AB", "BS", "ST", "AS", "AT", "BT"}


def test_no_link_is_longer_than_allowed() -> None:
    nodes = nodes_of(line("plant", A=0, B=10, C=30))
    assert links_of(nodes, link_max_km=20.1) == {"AB", "BC"}
    assert links_of(nodes, link_max_km=19.9) == {"AB"}


# A connected network


def network(links: dict[str, tuple[str, str]], lines: list[str]) -> Network:
    """Plants A, B and C at nodes of their own, sites S and T."""
    frame = pd.DataFrame([(name, *ends) for name, ends in links.items()], columns=["link", "node_a", "node_b"])
    nodes = pd.DataFrame({"node": list("ABCST")})
    options = pd.DataFrame({"link": lines, "line": lines, "is_free": False})
    return Network(nodes, frame, options, {name: name for name in "ABC"}, {name: name for name in "ST"})


def test_a_plant_is_served_if_links_with_a_pipe_lead_to_a_site() -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    whole = network(links, ["AB", "BS", "CT"])
    assert whole.plants_with_a_site() == {"A", "B", "C"} and whole.sites_with_a_plant() == {"S", "T"}
    # A link for which no size is of use connects nothing.
    cut = network(links, ["AB", "BS"])
    assert cut.plants_with_a_site() == {"A", "B"} and cut.sites_with_a_plant() == {"S"}
    apart = network(links, ["AB"])
    assert apart.plants_with_a_site() == apart.sites_with_a_plant() == set()


def test_a_site_that_is_named_and_out_of_reach_is_told(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    plants, sites = line("plant", A=0, B=10), line("site", S=30, T=70, U=700).assign(basin=["S", "T", "Sea"])

    def issues(*named: str, reach_km: float | None = None) -> list[Issue]:
        scenario = small({"storage.sites": list(named), "storage.site_reach_km": reach_km})
        try:
            validate_sites_reachable(scenario, inputs, network(links, ["AB", "BS"]), plants, sites)
        except InputError as error:
            return list(error.issues)
        return []

    assert issues() == issues("S") == issues("Sea") == []
    (no_link,) = issues("S", "T")
    assert no_link.where == "storage.sites[1]"
    assert no_link.what == (
        "storage.sites: site 'T' cannot be reached: nearest plant is B, 60 km away, no candidate link leads to it"
    )
    (too_far,) = issues("U")
    assert too_far.what.endswith("nearest plant is B, 690 km away, site_reach_km is 450")
    (asked,) = issues("U", reach_km=500)
    assert asked.what.endswith("site_reach_km is 500")


# Files of corridors

LINKS = ["A – B", "A – S", "B – S"]


@pytest.fixture
def rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Inputs, small: Callable[..., Scenario]
) -> Callable[..., list[int]]:
    """Places among the candidate links of those in a file with this text."""
    monkeypatch.chdir(tmp_path)
    scenario = small({"transport.shared_trunklines": True, "transport.corridors": "ways.csv"})

    def made(text: str, links: list[str] = LINKS) -> list[int]:
        (tmp_path / "ways.csv").write_text(text, encoding="utf-8")
        found = corridor_rows(scenario, inputs, links)
        assert found.dtype == np.int64
        return list(found)

    return made


def test_a_file_names_candidate_links_in_any_order_and_column(rows: Callable[..., list[int]]) -> None:
    assert rows("link\nB – S\nA – B\nB – S\n") == [0, 2]
    assert rows("length_km,link\n5,A – S\n") == [1]
    # Without a shared network there is nothing to choose from.
    assert rows("link\nB – S\nX – Y\n", []) == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("link\nA – B\nX – Y\nA – S\nY – Z\n", ["ways.csv:3", "ways.csv:5"]),
        ("name\nA – B\n", ["ways.csv:1"]),
        ("link\n", ["ways.csv"]),
    ],
)
def test_a_file_of_no_use_is_told_with_its_lines(rows: Callable[..., list[int]], text: str, places: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        rows(text)
    assert [issue.where for issue in caught.value.issues] == places
    assert {issue.hint for issue in caught.value.issues} == {"tables/links.csv of a run lists them"}
