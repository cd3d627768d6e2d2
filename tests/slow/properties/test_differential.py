"""Small random problems have the optimum of a model that is written without the model package."""

from __future__ import annotations

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")


def test_random_problems_have_the_optimum_of_an_independent_model() -> None:
    # `python -m bench.differential` compares any number of problems.
    from bench.differential import INFEASIBLE, compare

    # In case 286 a retrofit that captures nothing in the first period is not connected to a site.
    found = {n: compare(n) for n in (*range(8), 286)}
    assert all(each.agrees for each in found.values()), found
    assert sum(each.outcome == INFEASIBLE for each in found.values()) <= 2
