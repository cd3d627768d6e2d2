"""How numbers of a program answer to uncertain inputs: read off once, then a matrix product a future.

What a column costs, avoids or counts for is a sum of products of inputs: capital × its factor, heat × its price × the
need for it, tonnes × what is delivered of design. With inputs at double their planned value, alone and together, the
differences give each product's part, so that nothing is stated here that the levers and the model's terms do not say
themselves. The share delivered may stand in a part as itself or as one over it.

    number = Σ over products of inputs P, and h in {1, share − 1, 1 / share − 1}: part × Π over P: (input − 1) × h

with inputs and share as parts of the planned ones. Whether that holds is tried at futures; where it does not, nothing
is read off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]

# Evaluates [vector, column] at values of inputs by name and a share of the planned share.
Evaluate = Callable[[Mapping[str, float], float], Floats]

# An input at double its planned value, and the share at a half and a quarter: exact in binary numbers.
_TWICE, _SHARES = 2.0, (0.5, 0.25)
# What rounding leaves of a difference, as a share of the numbers it is taken from.
_ROUNDED = 1e-13
_SAME = 1e-10
# No number hangs on more inputs than so many at once.
_ORDER_MAX = 5

Product = tuple[tuple[str, ...], int]


@dataclass(frozen=True, eq=False)
class Responses:
    """`products` [part] are inputs and how the share stands in it (0 not, 1 as itself, 2 as one over it).

    `parts` [vector] each [column, part].
    """

    products: tuple[Product, ...]
    parts: tuple[sparse.csr_array, ...]

    @classmethod
    def of(
        cls, evaluate: Evaluate, names: Sequence[str], tried: Sequence[tuple[Mapping[str, float], float]]
    ) -> Responses | None:
        """From what `evaluate` gives; None where that is no sum of such products at the futures `tried`."""
        known: dict[tuple[tuple[str, ...], float], Floats] = {}

        def at(together: tuple[str, ...], share: float) -> Floats:
            key = (together, share)
            if key not in known:
                known[key] = evaluate(dict.fromkeys(together, _TWICE), share)
            return known[key]

        planned = at((), 1.0)
        size = np.abs(planned)
        found: dict[Product, Floats] = {((), 0): planned}

        def part(together: tuple[str, ...], share: float) -> Floats:
            total = np.zeros_like(planned)
            for n in range(len(together) + 1):
                for some in combinations(together, n):
                    total += (-1.0) ** (len(together) - n) * at(some, share)
            return total

        def kept(together: tuple[str, ...]) -> bool:
            np.maximum(size, np.abs(at(together, 1.0)), out=size)
            number = part(together, 1.0)
            number[np.abs(number) <= _ROUNDED * 2 ** len(together) * size] = 0.0
            if together and number.any():
                found[together, 0] = number
            return bool(number.any())

        level: list[tuple[str, ...]] = [(name,) for name in names if kept((name,))]
        there = set(level)
        by_share: list[tuple[str, ...]] = [(), *level]
        for order in range(2, _ORDER_MAX + 1):
            singles = sorted({name for each in level for name in each}, key=list(names).index)
            asked = [
                each for each in combinations(singles, order)
                if all(some in there for some in combinations(each, order - 1)) and _meet(found, each)
            ]  # fmt: skip
            level = [each for each in asked if kept(each)]
            there |= set(level)
            by_share += level
            if not level:
                break
        for together in by_share:
            base = part(together, 1.0)
            half, quarter = (part(together, share) - base for share in _SHARES)
            # With s − 1 and 1 / s − 1 at a half −1/2 and 1, at a quarter −3/4 and 3.
            itself = (4.0 / 3.0) * (quarter - 3.0 * half)
            over = half + 0.5 * itself
            for how, number in ((1, itself), (2, over)):
                number[np.abs(number) <= 16 * _ROUNDED * 2 ** len(together) * size] = 0.0
                if number.any():
                    found[together, how] = number
        products = tuple(found)
        parts = tuple(
            sparse.csr_array(np.column_stack([found[product][k] for product in products])) for k in range(len(planned))
        )
        made = cls(products, parts)
        for values, share in tried:
            there_is, ours = evaluate(values, share), made.numbers(values, share)
            most = np.maximum(np.abs(there_is), size)
            if (np.abs(there_is - ours) > _SAME * most).any():
                return None
        return made

    def weights(self, values: Mapping[str, float], share: float) -> Floats:
        """[part] what each product is worth at values of inputs and a share, both as parts of the planned ones."""
        how = (1.0, share - 1.0, 1.0 / share - 1.0)
        return np.array(
            [how[h] * np.prod([values.get(name, 1.0) - 1.0 for name in names]) for names, h in self.products]
        )

    def numbers(self, values: Mapping[str, float], share: float) -> Floats:
        """[vector, column]"""
        weights = self.weights(values, share)
        return np.vstack([part @ weights for part in self.parts])


def _meet(found: Mapping[Product, Floats], together: tuple[str, ...]) -> bool:
    """Whether any number hangs on each of these inputs."""
    meeting = np.ones(1, dtype=bool)
    for name in together:
        meeting = meeting & (found[(name,), 0] != 0)
    return bool(meeting.any())
