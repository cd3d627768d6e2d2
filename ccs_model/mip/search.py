from __future__ import annotations

import numpy as np

from ccs_model._typing import Floats, Ints, Mask

# Which decisions may move in a small search around a plan: those that lose least, and the best of each choice.
#
# The smallest losses alone are often those of few choices in many variants (another year, another size), which leaves
# all other choices no way to give room or to take it.


def candidate_list(reduced_cost_gap: Floats, choice: Ints, *, of_each: int, of_all: int) -> Mask:
    """The `of_all` decisions of the smallest loss, and the `of_each` of every choice.

    `loss` [decision] is what the relaxation's value falls by if it is taken, `choice` [decision] a number for what
    excludes each other, −1 for what is no choice. Ties go by position.
    """
    near = np.zeros(len(reduced_cost_gap), dtype=bool)
    near[np.argsort(reduced_cost_gap, kind="stable")[:of_all]] = True
    order = np.lexsort((reduced_cost_gap, choice))
    sorted_choice = choice[order]
    first = np.searchsorted(sorted_choice, sorted_choice, side="left")
    best = np.arange(len(order)) - first < of_each
    near[order[best & (sorted_choice >= 0)]] = True
    return near
