"""Every shipped scenario is valid, builds a problem, and has a question as its description."""

import pytest

import ccs_model as ccs
from ccs_model.paths import scenarios_folder

SHIPPED = sorted(scenarios_folder().glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenario_builds_a_problem_and_describes_its_question(path):
    scenario = ccs.read_scenario(path)
    assert scenario.description.strip().endswith("?")
    problem = ccs.build_problem(scenario, ccs.load_inputs(scenario))
    assert len(problem.routes) > 0


def test_pilot_zones_hebei_and_shanxi_are_shipped():
    assert {"pilot-zones", "hebei", "shanxi"} <= {path.stem for path in SHIPPED}
