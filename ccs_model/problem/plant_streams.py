"""The streams of the plants of one sector, as finely as the scenario asks."""

from __future__ import annotations

import pandas as pd

from ccs_model.engineering.captive_power import HELD_IN, captive_streams
from ccs_model.engineering.furnaces import retiring_stoves, stoves_by_furnace
from ccs_model.engineering.streams import chemical_streams, given_streams, is_operating, steel_streams
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import GIVEN_SOURCES

_OF_SECTOR = {"steel": steel_streams, "chemicals": chemical_streams}


def streams_of(sector: str, plants: pd.DataFrame, scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """Streams of `plants`, which are of one sector and operate."""
    if sector == GIVEN_SOURCES:
        return given_streams(plants)
    streams = _OF_SECTOR[sector](plants, inputs)
    if scenario.plants.captive_units:
        every = inputs.plants_of(sector)
        every = every[is_operating(every)].reset_index(drop=True)
        all_streams = _OF_SECTOR[sector](every, inputs)
        held = all_streams[all_streams["stream"] == HELD_IN[sector]].groupby("plant")["co2_ktpa"].sum()
        captive = captive_streams(plants, streams, every, held, inputs)
        streams = pd.concat([streams, captive], ignore_index=True) if len(captive) else streams
    return stoves_by_furnace(streams, inputs) if scenario.plants.furnace_streams else streams


def with_notes(sector: str, plants: pd.DataFrame, scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """The plants, their notes saying which furnaces are left out where stoves are split by furnace."""
    if sector != "steel" or not scenario.plants.furnace_streams:
        return plants
    said = retiring_stoves(plants, inputs)
    both = (plants["note"] != "") & (said != "")
    return plants.assign(note=plants["note"] + pd.Series("; ", plants.index).where(both, "") + said)
