"""Which decisions may move in a small search."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.mip.search import candidate_list

LOSS = np.array([5.0, 1.0, 2.0, 9.0, 8.0, 7.0, 0.5])
CHOICE = np.array([3, 3, 3, 0, 0, 0, -1])


def test_the_best_of_every_choice_and_the_next_best_of_all_may_move() -> None:
    # The two of smallest loss are 6 and 1; of choice 3 the best is 1, of choice 0 it is 5.
    assert np.flatnonzero(candidate_list(LOSS, CHOICE, of_each=1, of_all=2)).tolist() == [1, 5, 6]
    assert np.flatnonzero(candidate_list(LOSS, CHOICE, of_each=2, of_all=0)).tolist() == [1, 2, 4, 5]
    assert np.flatnonzero(candidate_list(LOSS, CHOICE, of_each=0, of_all=3)).tolist() == [1, 2, 6]


def test_equal_losses_go_by_position() -> None:
    assert candidate_list(np.zeros(4), np.array([1, 1, 0, 0]), of_each=1, of_all=0).tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert not len(candidate_list(np.zeros(0), np.zeros(0, dtype=np.int64), of_each=1, of_all=1))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(-1, 4)), min_size=1, max_size=30),
    st.integers(0, 4),
    st.integers(0, 30),
)
def test_nothing_left_out_loses_less_than_what_is_within_reach(
    made: list[tuple[int, int]], of_each: int, of_all: int
) -> None:
    reduced_cost_gap, choice = np.array([float(each) for each, _ in made]), np.array([number for _, number in made])
    near = candidate_list(reduced_cost_gap, choice, of_each=of_each, of_all=of_all)
    assert near.sum() >= min(of_all, len(reduced_cost_gap))
    for number in set(choice.tolist()) - {-1}:
        theirs = choice == number
        assert near[theirs].sum() >= min(of_each, theirs.sum())
        if of_all == 0:
            assert near[theirs].sum() == min(of_each, theirs.sum())
        within, without = reduced_cost_gap[theirs & near], reduced_cost_gap[theirs & ~near]
        assert within.max(initial=-1.0) <= without.min(initial=np.inf) or of_all > 0
