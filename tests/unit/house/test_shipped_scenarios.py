"""Every shipped scenario is read and posed without a fault, and asks a question in words."""

import pytest

import ccs_model as ccs
from ccs_model.paths import scenarios_folder

SHIPPED = sorted(scenarios_folder().glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_can_be_asked(path):
    scenario = ccs.read_scenario(path)
    assert scenario.description.strip().endswith("?")
    problem = ccs.build_problem(scenario, ccs.load_inputs(scenario))
    assert len(problem.routes) > 0


def test_the_three_of_the_first_form_are_there():
    assert {"pilot-zones", "hebei", "shanxi"} <= {path.stem for path in SHIPPED}
