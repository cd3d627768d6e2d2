"""The bill of materials of a wheel lists its run-time dependencies, without those of tests and extras."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ccs_model
from tests.paths import ROOT

SBOM = ROOT / ".ci" / "sbom"
pytestmark = pytest.mark.skipif(not SBOM.is_file(), reason=".ci/ is not part of this distribution")


def test_the_bill_of_materials_lists_every_package_that_a_wheel_needs(tmp_path: Path) -> None:
    wheel = tmp_path / f"ccs_model-{ccs_model.__version__}-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    completed = subprocess.run([sys.executable, SBOM, wheel], capture_output=True, check=True)
    bill = json.loads(completed.stdout)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    root = bill["metadata"]["component"]
    assert root["purl"] == f"pkg:pypi/ccs-model@{ccs_model.__version__}"
    assert root["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"wheel").hexdigest()}]
    names = {each["name"] for each in bill["components"]}
    required = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    direct = {re.split(r"[<>=~!\[ ]", each)[0].lower().replace(".", "-") for each in required}
    assert direct <= names
    assert {"python-dateutil", "markupsafe", "pydantic-core"} <= names  # indirect dependencies
    assert not {"pytest", "hypothesis", "ruff", "distributed"} & names
    assert all(each["purl"] == each["bom-ref"] and each["version"] for each in bill["components"])
    assert all(each.get("licenses") for each in bill["components"] if each["name"] in direct)
    references = [root["bom-ref"], *(each["bom-ref"] for each in bill["components"])]
    assert len(set(references)) == len(references)
    assert {each["ref"] for each in bill["dependencies"]} == set(references)
    assert {need for each in bill["dependencies"] for need in each["dependsOn"]} <= set(references)


def test_wheel_of_another_version_is_rejected(tmp_path: Path) -> None:
    wheel = tmp_path / "ccs_model-0.0.1-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    completed = subprocess.run([sys.executable, SBOM, wheel], capture_output=True, text=True, check=False)
    assert completed.returncode == 1 and "install the wheel first" in completed.stderr
