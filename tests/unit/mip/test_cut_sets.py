"""Cut-set inequalities on a line of two plants and a site, whose minimum cuts are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.cut_sets import CUT_SET, Connections, Cut, Demand, Relax, select_tight_cuts, with_cuts
from tests.hand_matrix import hand_matrix

# Plants at nodes 0 and 1 and a site at node 2; a pipe joins each node to the next.
# Columns: both pipes, the site, and the use of both plants.
PIPES = (0, 1)
SITE, FIRST, SECOND = 2, 3, 4


def line(*, exists: tuple[bool, bool] = (False, False)) -> Connections:
    demands = tuple(Demand(node, 0, np.array([column]), np.ones(1)) for node, column in ((0, FIRST), (1, SECOND)))
    pipes = tuple((np.array([column]),) for column in PIPES)
    opened = {2: (np.array([SITE]),)}
    return Connections(3, np.array([0, 1]), np.array([1, 2]), pipes, np.array(exists), opened, demands)


def rows(cuts: list[Cut]) -> list[dict[int, float]]:
    return [dict(zip(columns.tolist(), coefficients.tolist(), strict=True)) for columns, coefficients in cuts]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        # Pipes at 0.8 and 0.3, site at 0.6: the second pipe cuts the first plant at 0.5; the second plant at 0.25 fits.
        ([0.8, 0.3, 0.6, 0.5, 0.25], [{FIRST: 1.0, 1: -1.0}]),
        ([0.8, 0.3, 0.6, 0.5, 0.4], [{FIRST: 1.0, 1: -1.0}, {SECOND: 1.0, 1: -1.0}]),
        # Cut at the first pipe, and at the site.
        ([0.2, 0.9, 0.9, 0.5, 0.0], [{FIRST: 1.0, 0: -1.0}]),
        ([0.9, 1.0, 0.6, 0.0, 0.9], [{SECOND: 1.0, SITE: -1.0}]),
        # All plants in use have a path; a plant that is not in use needs none.
        ([0.5, 0.9, 0.9, 0.5, 0.4], []),
        ([0.0, 0.0, 0.0, 0.0, 0.0], []),
    ],
)
def test_minimum_cut_around_a_source_gives_the_violated_inequality(
    x: list[float], expected: list[dict[int, float]]
) -> None:
    assert rows(line().find_violated_cuts(np.array(x))) == expected


def test_existing_pipe_needs_no_column_in_a_cut() -> None:
    x = np.array([0.0, 0.0, 0.3, 0.5, 0.0])
    # If both pipes exist, the minimum cut is the site.
    assert rows(line(exists=(True, True)).find_violated_cuts(x)) == [{FIRST: 1.0, SITE: -1.0}]


def test_directed_cut_counts_only_arcs_that_leave_the_node_set() -> None:
    # Columns 5 and 6 are forward arcs, 7 and 8 reverse arcs. The second pipe is built, but 0.9 of it is reverse.
    directed = replace(line(), ways=np.array([[[5, 6]], [[7, 8]]]))
    x = np.array([1.0, 1.0, 1.0, 0.5, 0.0, 1.0, 0.1, 0.0, 0.9])
    assert line().find_violated_cuts(x[:5]) == []
    assert rows(directed.find_violated_cuts(x)) == [{FIRST: 1.0, 6: -1.0}]


def test_cuts_that_hold_with_equality_are_tight() -> None:
    first, second = (np.array([FIRST, 0]), np.array([1.0, -1.0])), (np.array([FIRST, 1]), np.array([1.0, -1.0]))
    assert select_tight_cuts([first, second], np.array([0.5, 0.7, 0.0, 0.5, 0.0])) == [first]


def test_rounds_of_cuts_make_the_relaxation_pay_for_whole_pipes() -> None:
    # The first plant is worth 10 and needs half of each pipe (4 and 3) and of the site (1) in the relaxation.
    table = np.zeros((3, 5))
    for k, column in enumerate((*PIPES, SITE)):
        table[k, FIRST], table[k, column] = 1.0, -2.0
    matrix = hand_matrix(table, 0.0, [-4.0, -3.0, -1.0, 10.0, 0.0], upper=[1.0, 1.0, 1.0, 1.0, 0.0])
    options = SolverOptions(gap_share=0.0, threads=1)
    # Without cuts 10 − 8 / 2; with those of both pipes and the site 10 − 8.
    for n_rounds, value in ((0, 6.0), (8, 2.0)):
        cuts, outcome = Relax(cut_rounds=n_rounds).solve(Highs(matrix, options), line(), 20.0, "test")
        assert (outcome.status, outcome.objective) == ("optimal", pytest.approx(value))
    expected_cuts: list[dict[int, float]] = [{FIRST: 1.0, column: -1.0} for column in (*PIPES, SITE)]
    assert sorted(rows(cuts), key=min) == sorted(expected_cuts, key=min)
    strengthened = with_cuts(matrix, cuts)
    assert [name for name, _ in strengthened.row_constraints] == ["row"] * 3 + [CUT_SET] * 3
    highs = Highs.lp_relaxation(strengthened, options)
    assert highs.run(10, "with cuts").objective == pytest.approx(2.0)
    assert with_cuts(matrix, []) is matrix


@pytest.mark.parametrize(("n_idle", "value"), [(1, 6.0), (2, 16.0)])
def test_cuts_end_after_two_rounds_in_a_row_without_gain(
    monkeypatch: pytest.MonkeyPatch, n_idle: int, value: float
) -> None:
    # Projects of value 10 and 6. The idle cut limits the second by a column of no value and leaves the bound at 16;
    # the last one excludes the first project.
    matrix = hand_matrix([[1.0, 1.0, 0.0]], [2.0], [10.0, 6.0, 0.0], is_integer=False)
    idle, last = (np.array([1, 2]), np.array([1.0, -1.0])), (np.array([0]), np.array([1.0]))
    rounds = iter([*[[idle]] * n_idle, [last], []])
    monkeypatch.setattr(Connections, "find_violated_cuts", lambda *_: next(rounds))
    highs = Highs(matrix, SolverOptions(gap_share=0.0, threads=1))
    assert Relax(idle_rounds=2).solve(highs, line(), 20.0, "test")[1].objective == pytest.approx(value)
