"""Errors and doubtful values in network tables are reported together, each at its line with a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.errors import InputError
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.problem.unused_inputs import unused_inputs
from ccs_model.report.language import Language

MINE = ",USD,2024,MINE,assumed\n"
PLANTS = "plant,name,province,lat_deg,lon_deg,status,co2_ktpa,capture_capex_mn,fixed_om_mn_pa,capture_cost_per_t,"
PLANTS += "currency,price_year,reference,quality\n"
PLANTS += f"P1,One,Here,38.0,114.0,operating,500,100,5,20{MINE}"
PLANTS += f"P2,Two,Here,38.2,114.3,operating,700,150,6,20{MINE}"
PLANTS += f"P3,Three,Here,38.4,114.1,operating,300,80,4,20{MINE}"
SITES = "site,name,basin,province,lat_deg,lon_deg,kind,capacity_low_kt,capacity_mid_kt,capacity_high_kt,"
SITES += "well_injectivity_ktpa,n_wells_max,storage_cost_per_t,currency,price_year,reference,quality\n"
SITES += f"S1,Near,Basin,Here,38.9,114.6,saline,1e5,1e5,1e5,300,10,5{MINE}"
SITES += f"S2,Far,Basin,Here,30.0,104.0,saline,1e5,1e5,1e5,300,10,5{MINE}"
REFERENCES = "reference,citation,where,licence,use\nMINE,Mine,,mine,tests\n"
LINKS = "link,node_a,node_b,length_km,reference,quality\n"
HUBS = "hub,lat_deg,lon_deg,reference,quality\nH1,38.3,114.4,MINE,assumed\n"
COSTS = "link,pipe,fixed_mn,slope_mn_per_ktpa,currency,price_year,reference,quality\n"
SCENARIO = """name: Mine
currency: USD
years: static
plants: {inventory: [sources]}
data: my
transport: {SAYS}
storage: {sites: [SITES]}
objective: min_cost
targets: {captured_ktpa: 600}
"""
WriteScenario = Callable[..., Path]


@pytest.fixture
def write_scenario(tmp_path: Path) -> WriteScenario:
    """Writes a scenario with three own plants, two own sites and further tables, and returns its path."""

    def write(transport: str = "trucks: false", sites: str = "Basin", **tables: str) -> Path:
        contents = {"plants/sources": PLANTS, "storage/sites": SITES, "references": REFERENCES}
        contents |= {name.replace("__", "/"): text for name, text in tables.items()}
        for name, text in contents.items():
            path = tmp_path / "my" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        text = SCENARIO.replace("SAYS", transport).replace("SITES", sites)
        (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "scenario.yaml"

    return write


def problem_of(path: Path) -> Problem:
    return build_problem(*read_checked(path))


def reported_issues(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        problem_of(path)
    return [str(issue) for issue in caught.value.issues]


def test_own_links_and_quotations_enter_the_network(write_scenario):
    rows = "mine,P1,H1,40,MINE,assumed\n"
    costs = "mine,small,1,0.01,USD,2024,MINE,assumed\nP2 – S1,medium,2,0.02,USD,2024,MINE,assumed\n"
    problem = problem_of(
        write_scenario(transport__links=LINKS + rows, transport__hubs=HUBS, transport__line_costs=COSTS + costs)
    )
    lines = problem.network.lines.set_index("line")
    assert lines.at["mine | small", "fixed_mn"] == 1
    assert problem.network.links.set_index("link").at["mine", "length_km"] == 40


def test_quoted_pipe_size_is_offered_even_if_a_smaller_one_suffices(write_scenario):
    rows = "mine,P1,H1,40,MINE,assumed\n"

    def sizes(costs: str) -> dict[str, float]:
        problem = problem_of(
            write_scenario(transport__links=LINKS + rows, transport__hubs=HUBS, transport__line_costs=COSTS + costs)
        )
        lines = problem.network.lines
        return dict(lines.loc[lines["link"] == "mine", ["pipe", "fixed_mn"]].itertuples(index=False, name=None))

    listed = sizes("mine,small,1,0.01,USD,2024,MINE,assumed\n")
    assert "trunk" not in listed
    quoted = sizes("mine,trunk,0.5,0,USD,2024,MINE,assumed\n")
    assert set(quoted) == {*listed, "trunk"} and quoted["trunk"] == 0.5


def test_unknown_ends_of_links_are_reported_together_at_their_lines(write_scenario):
    rows = "a,P1,S11,40,MINE,assumed\nb,P1,P2,-3,MINE,assumed\nc,nowhere,H1,,MINE,assumed\n"
    # Ranges are checked before the ends of links.
    assert reported_issues(write_scenario(transport__links=LINKS + rows, transport__hubs=HUBS)) == [
        "my/transport/links.csv:3:length_km: -3 is outside the range 0 to 5000 "
        "(pipeline length; empty means the straight-line distance times the detour factor)"
    ]
    rows = rows.replace("-3", "3") + "d,P2,P2,,MINE,assumed\n"
    costs = "e,small,1,0.01,USD,2024,MINE,assumed\nb,tiny,1,0.01,USD,2024,MINE,assumed\n"
    issues = reported_issues(
        write_scenario(transport__links=LINKS + rows, transport__hubs=HUBS, transport__line_costs=COSTS + costs)
    )
    assert [issue.split(" (")[0] for issue in issues] == [
        "my/transport/line_costs.csv:2:link: there is no link 'e'",
        "my/transport/line_costs.csv:3:pipe: there is no size 'tiny' in transport/pipe_sizes",
        "my/transport/links.csv:2:node_b: 'S11' is not a plant, site or hub",
        "my/transport/links.csv:4:node_a: 'nowhere' is not a plant, site or hub",
        "my/transport/links.csv:5:node_b: the link joins 'P2' to itself",
    ]
    assert "did you mean 'S1'?" in issues[2]
    assert "transport/hubs" in issues[3]


def test_quotation_for_a_named_link_under_its_default_name_is_reported(write_scenario):
    path = write_scenario(
        transport__links=LINKS + "trunk,S1,P1,120,MINE,assumed\n",
        transport__line_costs=COSTS + "P1 – S1,small,1,0.01,USD,2024,MINE,assumed\n",
    )
    assert reported_issues(path) == [
        "my/transport/line_costs.csv:2:link: 'P1 – S1' is no candidate link (it is named 'trunk' in transport/links)"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["terrain: hills.asc", "terrain: hills.asc, shared_trunklines: false"])
def test_terrain_grid_that_no_pipeline_crosses_is_noticed(write_scenario, tmp_path, transport):
    plants_on_grid = PLANTS.replace("lon_deg,status", "lon_deg,grid,status").replace(",operating", ",Shanxi,operating")
    plants_on_grid = plants_on_grid.replace("Here", "Shanxi")

    def terrain_notices(west):
        rows = f"ncols 2\nnrows 2\nxllcorner {west}\nyllcorner 37\ncellsize 1.5\n1.2 1.3\n1 1\n"
        path = write_scenario(transport, plants__sources=plants_on_grid)
        (tmp_path / "hills.asc").write_text(rows)
        return [text for text in unused_inputs(problem_of(path)) if "terrain" in text]

    assert terrain_notices(113) == []
    (notice,) = terrain_notices(-113)
    assert notice.endswith("scenario.yaml:6: terrain without effect, since no candidate pipeline on land crosses it")
    assert Language("zh").sentence(notice) != notice


@pytest.mark.parametrize(("lat", "n"), [(38, 0), (-38, 1)])
def test_terrain_points_that_no_pipeline_crosses_are_noticed(write_scenario, lat, n):
    points = (
        f"lat_deg,lon_deg,cost_multiplier,reference,quality\n{lat},114,1.5,MINE,assumed\n{lat},115,1.5,MINE,assumed\n"
    )
    found = [text for text in unused_inputs(problem_of(write_scenario(transport__terrain=points))) if "terrain" in text]
    assert (
        found
        == ["my/transport/terrain.csv:2: terrain without effect, since no candidate pipeline on land crosses it"] * n
    )


def test_quotation_for_two_nodes_without_a_link_is_reported(write_scenario):
    costs = "P1 – S1,small,1,0.01,USD,2024,MINE,assumed\nS2 – P1,small,1,0.01,USD,2024,MINE,assumed\n"
    path = write_scenario(
        transport="trucks: false, candidate_links: given",
        transport__links=LINKS + "a,P1,P2,9,MINE,assumed\nb,P2,S1,9,MINE,assumed\n",
        transport__line_costs=COSTS + costs,
    )
    assert reported_issues(path) == [
        "my/transport/line_costs.csv:2:link: 'P1 – S1' is no candidate link (give it in transport/links as well)"
    ]


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("0,0", r"my/transport/hubs.csv:2:lat_deg: 'H1' is at (0, 0), in the sea off Africa"),
        ("138.3,38.3", "my/transport/hubs.csv:2:lat_deg: 138.3 is outside the range -90 to 90"),
        (
            "4356000,114.4",
            "my/transport/hubs.csv:2:lat_deg: 4356000 is outside the range -90 to 90 (these look like projected "
            "coordinates; give degrees, WGS84)",
        ),
        (
            "39°21'36\"N,114.4",
            "my/transport/hubs.csv:2:lat_deg: '39°21'36\"N' is not a finite number (give decimal degrees: 39.36)",
        ),
        (
            "38.3,3°30'W",
            "my/transport/hubs.csv:2:lon_deg: '3°30'W' is not a finite number (give decimal degrees: -3.5)",
        ),
    ],
)
def test_hub_with_invalid_coordinates_is_reported(write_scenario, place, what):
    issues = reported_issues(write_scenario(transport__hubs=HUBS.replace("38.3,114.4", place)))
    assert len(issues) == 1 and issues[0].startswith(what), issues


def test_site_with_swapped_coordinates_is_reported_as_swapped(write_scenario):
    plants = PLANTS.replace(",114.", ",-84.")
    sites = SITES.replace(",114.6", ",-84.6").replace("30.0,104.0", "-84.5,38.1")
    issues = reported_issues(
        write_scenario(plants__sources=plants, storage__sites=sites, transport__hubs=HUBS.replace("114.4", "-84.4"))
    )
    assert [issue.split(":")[:3] for issue in issues] == [["my/storage/sites.csv", "3", "lat_deg"]]
    assert issues[0].endswith("km from the centre of the plants (lat and lon look swapped)")


@pytest.mark.parametrize(
    ("province", "places"),
    [
        ("Spain", ((43.53, -5.74), (42.9, -5.6))),  # in Spain or in the sea
        ("Spain", ((39.66, -0.22), (39.4, -0.5))),  # in Spain or in Kenya
        ("Valencia", ((43.53, -5.74), (39.66, -0.22))),  # one of them in the sea, no outline of that name
    ],
)
def test_swapped_coordinates_of_all_plants_or_all_sites_are_reported_in_their_table(write_scenario, province, places):
    header, *rows = PLANTS.splitlines()
    sites = SITES.replace("38.9,114.6", "41.6,-0.9").replace("30.0,104.0", "42.4,-4.2").replace("Here", "Spain")

    def tables(is_swapped):
        lines = [header]
        for row, (lat, lon) in zip(rows[:2], places, strict=True):
            cells = row.split(",")
            cells[2:5] = [province, str(lon), str(lat)] if is_swapped else [province, str(lat), str(lon)]
            lines.append(",".join(cells))
        return {"plants__sources": "\n".join(lines) + "\n", "storage__sites": sites}

    issues = reported_issues(write_scenario(**tables(is_swapped=True)))
    assert [issue.split(":")[:3] for issue in issues] == [["my/plants/sources.csv", str(n), "lat_deg"] for n in (2, 3)]
    assert all(issue.endswith("km from the centre of the sites (lat and lon look swapped)") for issue in issues)
    correct = tables(is_swapped=False)
    correct["storage__sites"] = sites.replace("41.6,-0.9", "-0.9,41.6").replace("42.4,-4.2", "-4.2,42.4")
    issues = reported_issues(write_scenario(**correct))
    assert [issue.split(":")[0] for issue in issues] == ["my/storage/sites.csv"] * 2
    assert issues[0].endswith("km from the centre of the plants (lat and lon look swapped)")


def test_plant_with_the_wrong_sign_of_longitude_is_noticed(write_scenario):
    american = {
        "plants__sources": PLANTS.replace(",114.", ",-92."),
        "storage__sites": SITES.replace(",114.6", ",-92.6"),
    }
    american["storage__sites"] = american["storage__sites"].replace("30.0,104.0", "30.0,-93.0")
    assert read_checked(write_scenario(**american))
    american["plants__sources"] = american["plants__sources"].replace("38.2,-92.3", "38.2,92.3")
    (notice,) = (each for each in read_checked(write_scenario(**american))[1].notices if "check the sign" in each)
    assert notice.startswith("my/plants/sources.csv:3: 'P2' lies in or near China, ")
    assert notice.endswith(
        "km from the other places of Here; with lon_deg -92.3 it would lie among them: check the sign"
    )


def test_places_that_all_have_the_wrong_sign_of_longitude_are_reported(write_scenario):
    grid = "province,year,grid_kg_per_kwh,reference,quality\nUnited States,2024,0.4,MINE,assumed\n"
    tables = {"plants__sources": PLANTS.replace(",114.", ",92."), "prices__grid_factors": grid}
    tables["storage__sites"] = SITES.replace(",114.6", ",92.6").replace("30.0,104.0", "30.0,93.0")
    (issue,) = (each for each in reported_issues(write_scenario(**tables)) if "check the sign" in each)
    assert issue.startswith("my/plants/sources.csv:2:lon_deg: no place of your tables lies in United States, for which")
    assert issue.endswith(
        "'P1' lies in or near China (with lon_deg -92 it would lie there, as most would: check the sign)"
    )


def test_site_with_the_wrong_sign_of_longitude_is_reported_outside_its_country(write_scenario):
    sites = SITES.replace("Here,38.9,114.6", "United States,38.9,92.6")
    issue = next(each for each in reported_issues(write_scenario(storage__sites=sites)) if "onshore" in each)
    assert issue.endswith("km outside United States (check the sign of lon_deg)")


def test_links_shorter_than_the_straight_line_are_noticed(write_scenario):
    # P1 and P2 are 34 km apart, P1 and S1 113 km.
    links = LINKS + "A,P1,P2,21,MINE,assumed\nB,P1,S1,113.2,MINE,assumed\nC,P2,P3,30,SIMCCS,assumed\n"
    references = REFERENCES + "SIMCCS,SimCCS,,mine,tests\n"
    of_simccs, notice = read_checked(write_scenario(transport__links=links, references=references))[1].notices
    assert of_simccs == (
        "my/transport/links.csv:4:length_km: lengths of the links of SimCCS are weighted by cost, and its junctions "
        "may be drawn at assumed places"
    )
    assert Language("zh").sentence(of_simccs) != of_simccs
    assert notice == (
        "my/transport/links.csv:2:length_km: links shorter than the straight line between their ends: A (21 km, 34 km "
        "apart); length_km is in km (are these miles?)"
    )
    assert Language("zh").sentence(notice) != notice


def test_links_far_longer_than_the_straight_line_are_noticed(write_scenario):
    # P1 and P2 are 34 km apart, and five times that is 172 km; P1 and H1 are 48 km apart.
    links = LINKS + "A,P1,P2,180,MINE,assumed\nB,P2,P1,165,MINE,assumed\n"
    (notice,) = read_checked(write_scenario(transport__links=links, transport__hubs=HUBS))[1].notices
    assert notice == (
        "my/transport/links.csv:2:length_km: links far longer than the straight line between their ends: A (180 km, "
        "34 km apart); length_km is in km"
    )
    assert Language("zh").sentence(notice) != notice


def test_links_to_offshore_sites_with_an_empty_cost_factor_are_noticed(write_scenario):
    header, *rows = SITES.splitlines()
    offshore = "\n".join(
        [header + ",is_offshore", rows[0].replace("38.9,114.6", "38.9,119.2") + ",yes", rows[1] + ",no"]
    )
    links = LINKS.replace("length_km", "length_km,cost_factor")
    rows = "A,P1,S1,460,,MINE,assumed\nB,P2,S1,440,1.5,MINE,assumed\nC,P1,P2,35,,MINE,assumed\n"
    (notice,) = read_checked(write_scenario(transport__links=links + rows, storage__sites=offshore + "\n"))[1].notices
    assert notice == (
        "my/transport/links.csv:2:cost_factor: links to offshore sites whose empty cost_factor counts as 1, the cost "
        "on flat land: A"
    )
    assert Language("zh").sentence(notice) != notice


@pytest.mark.slow
def test_links_and_hubs_without_effect_are_noticed(write_scenario):
    tables = {
        "transport__hubs": HUBS,
        "transport__links": LINKS + "A,P1,H1,60,MINE,assumed\nB,H1,S2,1100,MINE,assumed\n",
        "transport__line_costs": COSTS + "A,small,1,0.01,USD,2024,MINE,assumed\n",
    }
    plants_on_grid = PLANTS.replace("lon_deg,status", "lon_deg,grid,status").replace(",operating", ",Shanxi,operating")
    tables["plants__sources"] = plants_on_grid.replace("Here", "Shanxi")
    for transport, sites, expected in (
        ("trucks: false", "Basin", []),
        ("trucks: false", "S1", [
            "my/transport/links.csv:3: links without effect, since an end takes no part in the network: B",
        ]),
        ("shared_trunklines: false", "Basin", [
            "my/transport/links.csv:2: links without effect, since transport.shared_trunklines is false: A, B",
            "my/transport/hubs.csv:2: hubs without effect, since transport.shared_trunklines is false: H1",
            "my/transport/line_costs.csv:2: costs of single pipelines without effect, since "
            "transport.shared_trunklines is false: A",
        ]),
    ):  # fmt: skip
        found = [
            text for text in unused_inputs(problem_of(write_scenario(transport, sites, **tables))) if "effect" in text
        ]
        assert found == expected
        assert all(Language("zh").sentence(text) != text for text in found)


def test_hub_with_the_id_of_a_plant_is_reported(write_scenario):
    issues = reported_issues(write_scenario(transport__hubs=HUBS.replace("H1", "P1")))
    assert issues == ["my/transport/hubs.csv:2:hub: 'P1' is already an id in plants/sources"]


@pytest.mark.slow
def test_id_of_a_generated_hub_link_or_road_is_rejected(write_scenario):
    near = PLANTS + f"P4,Four,Here,38.1,114.1,operating,300,80,4,20{MINE}"
    near = near.replace("38.2,114.3", "38.0,114.1").replace("38.4,114.1", "38.1,114.0")
    hubs = HUBS + "hub P1,38.2,114.4,MINE,assumed\n"
    assert reported_issues(write_scenario(plants__sources=near, transport__hubs=hubs)) == [
        "my/transport/hubs.csv:3:hub: 'hub P1' is also the id of a generated hub (give it another id)"
    ]
    hub = {"plants__sources": PLANTS, "transport__hubs": HUBS}
    for name, transport in (("P1 – S1", "trucks: false"), ("road P1 – S1", "trucks: true")):
        links = LINKS + f"{name},H1,S1,60,MINE,assumed\n"
        assert reported_issues(write_scenario(transport, transport__links=links, **hub)) == [
            f"my/transport/links.csv:2:link: '{name}' is also the id of a generated link (give it another id)"
        ]
    # A link between the same ends replaces the generated one.
    links = LINKS + "P1 – S1,S1,P1,150,MINE,assumed\n"
    network_links = problem_of(write_scenario(transport__links=links, **hub)).network.links.set_index("link")
    assert network_links.at["P1 – S1", "length_km"] == 150


@pytest.mark.slow
def test_selected_site_out_of_reach_of_all_plants_is_reported(write_scenario):
    issues = reported_issues(write_scenario(sites="S1, S2"))
    assert len(issues) == 1
    assert issues[0].startswith(str(write_scenario(sites="S1, S2")) + ":7")
    assert "site 'S2' cannot be reached: nearest plant is P1, " in issues[0]
    assert "km away, site_reach_km is 450" in issues[0]
    # A selected basin may have sites out of reach, and a given link reaches any site.
    assert list(problem_of(write_scenario(sites="Basin")).network.node_of_site) == ["S1"]
    linked = problem_of(write_scenario(sites="S1, S2", transport__links=LINKS + "long,P1,S2,1500,MINE,assumed\n"))
    assert set(linked.network.node_of_site) == {"S1", "S2"}


def test_selected_site_without_a_basin_and_out_of_reach_is_reported(write_scenario):
    header, *rows = (line.split(",") for line in SITES.splitlines())
    at = header.index("basin")
    sites = "".join(",".join(row[:at] + row[at + 1 :]) + "\n" for row in (header, *rows))
    issues = reported_issues(write_scenario(sites="S1, S2", storage__sites=sites))
    assert len(issues) == 1 and "site 'S2' cannot be reached: nearest plant is P1, " in issues[0]


def test_selected_site_without_capacity_is_reported(write_scenario):
    empty = SITES.replace("saline,1e5,1e5,1e5,300,10,5", "saline,0,0,0,300,10,5", 1)
    issues = reported_issues(write_scenario(sites="S1", storage__sites=empty))
    assert len(issues) == 1 and "km away, it takes no CO2 (leave it out, or give it capacity and wells" in issues[0]


@pytest.mark.slow
def test_sites_in_a_country_without_a_plant_are_noticed(write_scenario):
    abroad = f"S3,There,Basin,There,47.0,105.0,saline,1e5,1e5,1e5,300,10,5{MINE}"
    (notice,) = (
        text
        for text in unused_inputs(problem_of(write_scenario(storage__sites=SITES + abroad)))
        if "without a plant" in text
    )
    assert (
        notice
        == "my/storage/sites.csv:4: sites out of reach, in countries without a plant of the scenario: S3 (Mongolia)"
    )
    assert Language("zh").sentence(notice) != notice
    assert not [text for text in unused_inputs(problem_of(write_scenario())) if "without a plant" in text]


def test_selected_site_without_a_link_is_reported(write_scenario):
    path = write_scenario(
        "trucks: false, candidate_links: given", "S1", transport__links=LINKS + "a,P1,P2,9,MINE,assumed\n"
    )
    assert "no candidate link leads to it (add links to transport/links" in reported_issues(path)[0]


def test_source_inventory_without_rows_is_reported_at_the_scenario_line(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text("name: Mine\nplants: {inventory: [steel, sources], provinces: [Hebei]}\nbudget: {total_mn: 1}\n")
    issues = reported_issues(path)
    assert len(issues) == 1
    assert f"{path}:2:" in issues[0]
    assert "plants.inventory: 'sources' holds no plant" in issues[0]
    assert "plants/sources.csv" in issues[0]


def test_scenario_filters_accept_ids_and_provinces_of_sources(write_scenario):
    path = write_scenario()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[sources]", "[sources], require: [P1], exclude: [P2], provinces: [Here]"))
    assert problem_of(path).require == ("P1",)
