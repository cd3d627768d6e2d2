"""The candidate list: the decisions that a restricted search may change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.mip.search import candidate_list

REDUCED_COST_GAP = np.array([5.0, 1.0, 2.0, 9.0, 8.0, 7.0, 0.5])
CHOICE = np.array([3, 3, 3, 0, 0, 0, -1])


def test_candidates_are_the_best_of_each_choice_and_the_best_of_all() -> None:
    # The two smallest gaps are those of 6 and 1; the best of choice 3 is 1, the best of choice 0 is 5.
    assert np.flatnonzero(candidate_list(REDUCED_COST_GAP, CHOICE, of_each=1, of_all=2)).tolist() == [1, 5, 6]
    assert np.flatnonzero(candidate_list(REDUCED_COST_GAP, CHOICE, of_each=2, of_all=0)).tolist() == [1, 2, 4, 5]
    assert np.flatnonzero(candidate_list(REDUCED_COST_GAP, CHOICE, of_each=0, of_all=3)).tolist() == [1, 2, 6]


def test_equal_gaps_are_ranked_by_position() -> None:
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
def test_no_omitted_decision_has_a_smaller_gap_than_a_candidate_of_its_choice(
    pairs: list[tuple[int, int]], of_each: int, of_all: int
) -> None:
    reduced_cost_gap, choice = np.array([float(each) for each, _ in pairs]), np.array([number for _, number in pairs])
    is_candidate = candidate_list(reduced_cost_gap, choice, of_each=of_each, of_all=of_all)
    assert is_candidate.sum() >= min(of_all, len(reduced_cost_gap))
    for number in set(choice.tolist()) - {-1}:
        of_choice = choice == number
        assert is_candidate[of_choice].sum() >= min(of_each, of_choice.sum())
        if of_all == 0:
            assert is_candidate[of_choice].sum() == min(of_each, of_choice.sum())
        inside, outside = reduced_cost_gap[of_choice & is_candidate], reduced_cost_gap[of_choice & ~is_candidate]
        assert inside.max(initial=-1.0) <= outside.min(initial=np.inf) or of_all > 0
