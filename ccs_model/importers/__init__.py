"""Importers of other tools' data: each returns tables in the units of this package."""

from ccs_model.importers.earlier_import import discarded_capacities, with_own_rows
from ccs_model.importers.gem import GemTracker, gem_place, read_gem
from ccs_model.importers.gem_chemicals import GemChemicals
from ccs_model.importers.gem_scenario import (
    CAPACITIES,
    INSTEAD,
    PACK,
    gem_advice,
    gem_files,
    gem_needs,
    gem_pack,
    gem_trial,
)
from ccs_model.importers.simccs import SimccsFolder, read_simccs
from ccs_model.importers.simccs_tables import (
    SimccsCase,
    simccs_notices,
    simccs_place,
    simccs_scenario,
    simccs_tables,
    target_issues,
)
from ccs_model.importers.storage_resources import read_storage, storage_files

__all__ = [
    "CAPACITIES",
    "INSTEAD",
    "PACK",
    "GemChemicals",
    "GemTracker",
    "SimccsCase",
    "SimccsFolder",
    "discarded_capacities",
    "gem_advice",
    "gem_files",
    "gem_needs",
    "gem_pack",
    "gem_place",
    "gem_trial",
    "read_gem",
    "read_simccs",
    "read_storage",
    "simccs_notices",
    "simccs_place",
    "simccs_scenario",
    "simccs_tables",
    "storage_files",
    "target_issues",
    "with_own_rows",
]
