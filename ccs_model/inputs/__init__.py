"""Input data: tables read and validated against their declaration, each number with its reference."""

from ccs_model.inputs.load import Inputs, load_inputs

__all__ = ["Inputs", "load_inputs"]
