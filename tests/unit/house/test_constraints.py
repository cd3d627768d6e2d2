"""The versions that CI installs satisfy the bounds of the package, for every Python of the workflow."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT

WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", WORKFLOW)[1])
# Their last major release changed names or types that this package uses, or this package uses their private names.
BOUNDED = {"click", "numpy", "openpyxl", "pandas", "pydantic", "pyomo", "ruamel-yaml", "highspy"}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_pinned_within_its_bounds(python: str) -> None:
    lines = (ROOT / "constraints" / f"python-{python}.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    for text in (*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]):
        wanted = Requirement(text)
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), text


def test_constraint_files_are_those_of_the_workflow() -> None:
    assert PYTHONS and "-c constraints/python-${{ matrix.python }}.txt" in WORKFLOW
    assert {path.stem for path in (ROOT / "constraints").iterdir()} == {f"python-{each}" for each in PYTHONS}


def test_libraries_with_breaking_releases_have_an_upper_bound() -> None:
    bounded = {
        canonicalize_name(wanted.name)
        for wanted in map(Requirement, PROJECT["project"]["dependencies"])
        if any(each.operator == "<" for each in wanted.specifier)
    }
    assert bounded >= BOUNDED
