"""Which decisions may move in a small search around a plan: those that lose least, and the best of each choice.

The smallest losses alone are often those of few choices in many variants (another year, another size), which leaves
all other choices no way to give room or to take it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def within_reach(loss: Floats, choice: Ints, *, of_each: int, of_all: int) -> Mask:
    """The `of_all` decisions of the smallest loss, and the `of_each` of every choice.

    `loss` [decision] is what the relaxation's value falls by if it is taken, `choice` [decision] a number for what
    excludes each other, −1 for what is no choice. Ties go by position.
    """
    near = np.zeros(len(loss), dtype=bool)
    near[np.argsort(loss, kind="stable")[:of_all]] = True
    order = np.lexsort((loss, choice))
    sorted_choice = choice[order]
    first = np.searchsorted(sorted_choice, sorted_choice, side="left")
    best = np.arange(len(order)) - first < of_each
    near[order[best & (sorted_choice >= 0)]] = True
    return near
