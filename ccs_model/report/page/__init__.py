"""The page of a run: one HTML file with a map, charts and tables that loads nothing from the network.

Importing the package without the extra `report` raises MissingExtraError.
"""

from importlib.util import find_spec

from ccs_model.errors import MissingExtraError

if find_spec("altair") is None or find_spec("vl_convert") is None:
    raise MissingExtraError("report", "report", ["altair", "vl-convert-python"])
