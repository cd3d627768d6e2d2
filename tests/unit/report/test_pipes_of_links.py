"""Several pipelines of one link: pipes.csv, the map, the page and the summary list the same pipelines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.export.formats import geojson_text
from ccs_model.report.page.html import PageLanguage
from ccs_model.report.page.page_sections import pipelines, timeline
from ccs_model.report.page.plan_map import flows_of_pipe
from ccs_model.report.pipe_tables import links_in_use, pipes_by_vintage
from ccs_model.report.summary import summary_text
from ccs_model.runs.run_reader import run_of
from tests.hand_network import LINKS, PLANTS, SITES, STAGED

# One path for all plants, so that its capacity grows.
CHAIN = {"A-B": {"length_km": 20}, "B-C": {"length_km": 30, "existing_ktpa": 400}, "C-T": {"length_km": 40}}


@pytest.fixture(scope="module")
def plan(hand_solved: Callable[..., Plan]) -> Plan:
    targets = {2026: 0.05, 2031: 0.3, 2036: 0.6}
    changes = STAGED | {"objective": "min_cost", "targets.abatement_share": targets}
    return hand_solved(changes, plants=PLANTS, sites={"T": SITES["T"]}, links=CHAIN)


def test_the_map_has_the_pipelines_of_the_table(plan: Plan) -> None:
    pipes = pipes_by_vintage(plan)
    assert pipes[["link", "pipe", "built_year"]].to_numpy(object).tolist() == [
        ["A-B", "small", 2026], ["B-C", "existing", None], ["C-T", "medium", 2026], ["C-T", "medium", 2036],
    ]  # fmt: skip
    features = [each["properties"] for each in json.loads(geojson_text(plan))["features"]]
    drawn = [each for each in features if each["kind"] == "pipe"]
    assert [each["id"] for each in drawn] == pipes["link"].tolist()
    for name in ("built_year", "capacity_ktpa", "flow_ktpa", "diameter_mm", "used_share"):
        found = [each[name] for each in drawn]
        assert found == pytest.approx([None if value != value else value for value in pipes[name]]), name
    assert [each["capex_mn"] for each in drawn] == pytest.approx(pipes["pipe_capex_mn"].tolist())


def test_the_diameter_of_an_existing_pipeline_is_unknown(plan: Plan) -> None:
    flows, pipes = plan.flows.set_index("link"), pipes_by_vintage(plan).set_index("link")
    assert flows.loc["B-C":"B-C", "diameter_mm"].isna().all() and pipes.loc["B-C":"B-C", "diameter_mm"].isna().all()
    assert flows.drop("B-C")["diameter_mm"].notna().all() and pipes.drop("B-C")["diameter_mm"].notna().all()


def test_the_used_share_is_at_most_one(plan: Plan) -> None:
    flows = plan.flows.assign(flow_ktpa=plan.flows["flow_ktpa"] * (1 + 1e-9))
    assert links_in_use(replace(plan, flows=flows))["used_share"].max() == 1.0


def test_the_page_has_one_line_per_link_and_one_row_per_pipeline(plan: Plan) -> None:
    run = run_of(plan)
    lines = [each["properties"] for each in run.lines()]
    assert [each["id"] for each in lines] == ["A-B", "B-C", "C-T"]
    assert [each["flow_ktpa"] for each in lines] == pytest.approx([0, 0, 1_500])
    assert lines[2]["capex_mn"] == pytest.approx(plan.totals["pipe_capex_mn"] - lines[0]["capex_mn"])
    parallel = [each["properties"] for each in run.features("pipe") if each["properties"]["id"] == "C-T"]
    # The pipeline of 2026 carries the whole flow of the link until 2036, when one of the same size is added.
    first, second = (flows_of_pipe(run, each, parallel) for each in parallel)
    assert first == pytest.approx((125, 750, 750), rel=1e-6) and second == pytest.approx((0, 0, 750), rel=1e-6)
    shown = re.sub(r"<[^>]+>", " ", str(pipelines(run, PageLanguage("en", run.money))))
    assert shown.count("C → T") == 2 and "271" not in shown


@pytest.mark.slow
def test_a_representative_year_is_not_compared_with_other_periods(hand_solved: Callable[..., Plan]) -> None:
    run = run_of(hand_solved({"targets.captured_ktpa": 300}, plants=PLANTS, sites=SITES, links=LINKS))
    shown = re.sub(r"<[^>]+>", " ", str(timeline(run, PageLanguage("en", run.money))))
    assert "highest" not in shown and "Capital spending: " in shown and "In a representative year, 300 kt are" in shown
    text = PageLanguage("zh", run.money).sentence("In a representative year, 300 kt are captured and 300 kt avoided.")
    assert text == "代表年捕集 300 千吨，净减排 300 千吨。"


def test_the_summary_counts_pipelines_and_links(plan: Plan) -> None:
    text = " ".join(summary_text(plan.to_dict(), 100).split())
    assert "3 new pipelines of 100 km on 2 links, 1 existing pipeline of 30 km in use" in text
    document = plan.to_dict()
    new = [row for row in document["links"] if row["link"] != "B-C"]
    text = " ".join(summary_text({**document, "links": new}, 100).split())
    assert "3 pipelines of 100 km on 2 links, 1 storage site" in text
