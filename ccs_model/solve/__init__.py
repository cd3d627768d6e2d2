"""Problem to Plan: driver, search strategies, infeasibility diagnosis, tie-breaking and marginal values."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccs_model.plan.plan import Plan


class _Solve(ModuleType):
    """The package as the public function of the same name: `ccs_model.solve(problem)`.

    Importing a module below the package binds `ccs_model.solve` to the package, in place of the function.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Plan:
        from ccs_model.solve.driver import solve

        return solve(*arguments, **options)


sys.modules[__name__].__class__ = _Solve
