"""Rules for modules and documents. The import contract in pyproject.toml states who may import which library."""

import ast
import re
import subprocess

import pytest

from ccs_model.cli import group
from ccs_model.model.names import CONSTRAINTS
from tests.paths import ROOT

PACKAGE = ROOT / "ccs_model"
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_module_has_a_docstring_a_specific_name_and_at_most_500_lines(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 500
    assert path.stem not in {"utils", "helpers", "common", "base", "manager"}


def test_the_top_level_holds_what_contributing_describes_only():
    """The tracked files; a clone may also hold runs and files of the user's own."""
    if not (ROOT / ".git").exists():
        return
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {path.split("/")[0] for path in listed.split("\0") if path and not path.startswith(".")} <= {
        "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md", "bench",
        "ccs_model", "constraints", "data", "docs", "pyproject.toml", "scenarios", "tests",
    }  # fmt: skip


def test_every_command_is_in_the_readme_and_has_an_example_in_its_help():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in group.commands.items():
        assert f"`ccs-model {name}" in readme
        assert "ccs-model" in (command.epilog or ""), name


def test_readme_starts_with_the_commands_of_a_run_and_of_the_tests():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```sh\n(.+?)\n```", readme, re.DOTALL)[:2]
    install = "python3 -m venv .venv && .venv/bin/python -m pip install -e "
    assert first == f"{install}. && .venv/bin/ccs-model optimize scenarios/pilot-zones.yaml"
    assert second == f'{install}".[test]" && .venv/bin/python -m pytest'


def test_the_readme_names_every_exit_code():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = readme.split("Exit codes:")[1].split("\n\n")[0]
    for code in ("0", "2", "3", "4", "5", "6", "7", "8", "130"):
        assert re.search(rf"\b{code} \w", line), code


def test_links_in_the_documents_resolve():
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "data/README.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_shipped_scenario_is_in_the_readme_of_the_scenarios():
    text = (ROOT / "scenarios" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "scenarios").glob("*.yaml"):
        assert path.name in text


def test_every_constraint_has_a_docstring_and_is_declared():
    for path in (PACKAGE / "model").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_constraint = isinstance(node, ast.FunctionDef) and any(
                "Constraint" in ast.unparse(decorator) for decorator in node.decorator_list
            )
            if is_constraint:
                assert ast.get_docstring(node), node.name
                assert node.name in CONSTRAINTS, node.name
