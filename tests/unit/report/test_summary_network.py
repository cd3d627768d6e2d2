"""The summary of a shared network, with pipelines and with trucks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.summary import summary_text
from tests.hand_network import LINKS, PLANTS, SITES


@pytest.fixture(scope="module")
def document(hand_solved: Callable[..., Plan]) -> dict[str, Any]:
    """plan.json of a small network."""
    tables = {"plants": PLANTS, "sites": SITES, "links": LINKS}
    return hand_solved({"targets.captured_ktpa": 300}, **tables).to_dict()


def test_pipelines_sites_and_wells_are_counted(document: dict[str, Any]) -> None:
    pipes = [row for row in document["links"] if row["kind"] == "pipe"]
    length = sum(row["length_km"] for row in pipes)
    text = " ".join(summary_text(document, 100).split())
    plural = "s" if len(pipes) > 1 else ""
    assert pipes and f"{len(pipes)} pipeline{plural} of {length:,.0f} km in total, 1 storage site with" in text


def test_the_retrofits_capture_and_not_their_pipelines_and_wells(document: dict[str, Any]) -> None:
    for n, words in ((1, "the retrofit captures"), (2, "the retrofits capture")):
        counted = {**document, "totals": {**document["totals"], "n_retrofits": n}}
        assert words in " ".join(summary_text(counted, 100).split())


def test_existing_pipelines_are_counted_separately_from_new_ones(document: dict[str, Any]) -> None:
    (first, *_) = (row for row in document["links"] if row["kind"] == "pipe")
    new = {**first, "link": "A", "length_km": 20.0, "pipe": "small", "built_mn": 3.0}
    old = {**first, "link": "B", "length_km": 330.0, "pipe": "existing", "built_mn": 0.0, "year": 1900}
    parallel = {**first, "link": "C", "length_km": 80.0, "pipe": "existing, small", "built_mn": 2.0}
    for links, expected in (
        ([new, old], "1 new pipeline of 20 km, 1 existing pipeline of 330 km in use, 1 storage site"),
        ([new, old, parallel], "2 new pipelines of 100 km, 2 existing pipelines of 410 km in use, 1 storage site"),
        ([old], "1 existing pipeline of 330 km in use, 1 storage site"),
    ):
        assert expected in " ".join(summary_text({**document, "links": links}, 100).split())


@pytest.mark.parametrize(
    ("n", "counted"), [(1, "1 truck route, 1 storage site"), (2, "2 truck routes, 1 storage site")]
)
def test_truck_routes_without_pipelines_are_not_reported_as_pipelines_of_0_km(
    document: dict[str, Any], n: int, counted: str
) -> None:
    # The last road is used in the first period only, the one beside them not at all.
    flows = [*[10.0] * (n - 1), 0.0, 10.0]
    roads = [
        {**document["links"][0], "kind": "truck", "link": f"road {k}", "flow_ktpa": kt} for k, kt in enumerate(flows)
    ]
    roads[-1]["year"] = document["context"]["periods"][0]["year"]
    text = " ".join(summary_text({**document, "links": roads}, 100).split())
    assert counted in text and "km in total" not in text
