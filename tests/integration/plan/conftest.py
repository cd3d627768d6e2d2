"""Problems by hand for the tests of plans."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccs_model.mip import Matrix
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from tests import hand_network


@pytest.fixture
def ring_problem(hand_problem: Callable[..., Problem]) -> Callable[[float], tuple[Problem, Matrix]]:
    """A ring of three plants over three periods with a budget, half of which may be spent in the first."""

    def make(budget: float) -> tuple[Problem, Matrix]:
        changes = {**hand_network.STAGED, "budget.total_mn": budget, "budget.cumulative_mn": {2026: budget / 2}}
        problem = hand_problem(changes, plants=hand_network.PLANTS, sites=hand_network.SITES, links=hand_network.RING)
        return problem, matrix_of(build_model(problem))

    return make
