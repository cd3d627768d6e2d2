"""Problem to Plan: driver, search strategies, infeasibility diagnosis, tie-breaking and marginal values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import Signature, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccs_model.plan.plan import Plan


class _Solve(ModuleType):
    # The package as the public function of the same name, `ccs_model.solve(problem)`, with its signature and docstring:
    # importing a module below the package binds `ccs_model.solve` to the package, in place of the function.

    def __call__(self, *arguments: Any, **options: Any) -> Plan:
        return _function()(*arguments, **options)

    def __reduce__(self) -> tuple[Callable[[], Callable[..., Plan]], tuple[()]]:
        return _function, ()

    @property
    def __signature__(self) -> Signature:
        return signature(_function())

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return _function().__doc__


def _function() -> Callable[..., Plan]:
    from ccs_model.solve.driver import solve

    return solve


sys.modules[__name__].__class__ = _Solve
