"""Scenarios: the YAML reader, the schema, and validation."""

from __future__ import annotations

from ccs_model.scenario.read import read_scenario
from ccs_model.scenario.schema import Scenario, json_schema

__all__ = ["Scenario", "json_schema", "read_scenario"]
