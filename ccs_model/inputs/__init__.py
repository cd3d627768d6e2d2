"""Input data: tables read and validated against their declaration, each number with its reference.

Names are imported on first use, so that a scenario can be validated without pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ccs_model.inputs.load import Inputs, load_inputs

__all__ = ["Inputs", "load_inputs"]

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module 'ccs_model.inputs' has no attribute {name!r}")
        from ccs_model.inputs import load

        return getattr(load, name)
