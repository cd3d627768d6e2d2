"""A planned matrix times what differs in a future: powers of delivered share, heat need and room, and sums anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.solver import Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Powers:
    """How some numbers grow: `alike` (which, power of share, power of heat), and `of_room` with a site's room."""

    alike: tuple[tuple[Ints, int, int], ...]
    of_room: Ints
    site: Ints
    room: Floats

    @classmethod
    def of(cls, powers: Ints, sites: Ints) -> Powers:
        """From powers [share, heat, room] of each number, −1, 0 or 1, and its site."""
        alike = []
        for share in (-1, 0, 1):
            for heat in (-1, 0, 1):
                which = np.flatnonzero((powers[0] == share) & (powers[1] == heat))
                if len(which) and (share or heat):
                    alike.append((which, share, heat))
        of_room = np.flatnonzero(powers[2])
        return cls(tuple(alike), of_room, sites[of_room], powers[2][of_room].astype(float))

    def scaled(self, planned: Floats, share: float, heat: float, room: Floats) -> Floats:
        """The numbers where share, heat and room [site] are so many times the planned ones."""
        found = planned.copy()
        for which, of_share, of_heat in self.alike:
            found[which] *= float(share) ** of_share * float(heat) ** of_heat
        if len(self.of_room):
            found[self.of_room] *= room[self.site] ** self.room
        return found


@dataclass(frozen=True, eq=False)
class Products:
    """What a future's matrix is made from.

    `of_limits` by the limit's name in the matrix; `of_capex` are entries that are capital and `capex` [column] the
    planned one; `targets` each the entries of a row of tonnes, which are summed anew.
    """

    planned: Matrix
    of_data: Powers
    of_limits: Mapping[str, Powers]
    of_capex: Ints
    capex: Floats
    targets: tuple[Ints, ...]

    def matrix(
        self, share: float, heat: float, room: Floats, capex: Floats, targets: Sequence[Floats], first: Floats
    ) -> Matrix:
        """The matrix where delivered share, heat need and room [site] are so many times the planned ones.

        `capex` [column] of 1 of each column, `targets` each [column] what 1 gives to a target, `first` the objective.
        """
        planned, rows = self.planned, self.planned.rows
        column_of = np.repeat(np.arange(rows.shape[1]), np.diff(rows.indptr))
        data = self.of_data.scaled(rows.data, share, heat, room)
        ratio = np.divide(capex, self.capex, out=np.ones_like(capex), where=self.capex != 0)
        data[self.of_capex] *= ratio[column_of[self.of_capex]]
        for entries, numbers in zip(self.targets, targets, strict=True):
            data[entries] = numbers[column_of[entries]]

        def limit(name: str) -> Floats:
            return self.of_limits[name].scaled(getattr(planned, name), share, heat, room)

        return replace(
            planned,
            rows=sparse.csc_array((data, rows.indices, rows.indptr), shape=rows.shape),
            costs=np.vstack([first, planned.costs[1:]]),
            row_lower=limit("row_lower"),
            row_upper=limit("row_upper"),
            lower=limit("lower"),
            upper=limit("upper"),
        )
