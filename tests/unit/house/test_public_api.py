"""The public names: declared once, typed, imported on first use, with former names that warn."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ccs_model as ccs
from ccs_model.errors import InputError
from ccs_model.plan.plan import Plan
from tests.paths import ROOT

WITH_EXAMPLES = sorted(
    path for path in (ROOT / "ccs_model").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)


def declared_for_type_checkers() -> list[str]:
    tree = ast.parse(Path(ccs.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return sorted(alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names)


def test_public_names_are_sorted_documented_and_declared_for_type_checkers() -> None:
    assert ccs.__all__ == sorted(ccs.__all__) == declared_for_type_checkers()
    assert set(ccs.__all__) <= set(dir(ccs))
    for name in ccs.__all__:
        assert getattr(ccs, name).__doc__, name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = ccs.nothing  # type: ignore[attr-defined]


def test_import_loads_no_library() -> None:
    script = "import sys, ccs_model; print({'numpy', 'pandas', 'pyomo', 'pydantic', 'click'} & set(sys.modules))"
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert completed.stdout.strip() == "set()"


def test_solve_is_a_function_although_a_package_has_its_name() -> None:
    import_module("ccs_model.solve.driver")
    assert callable(ccs.solve)
    with pytest.raises(TypeError, match="problem"):
        ccs.solve()  # type: ignore[call-arg]


def test_solve_has_the_signature_and_docstring_of_the_function() -> None:
    from ccs_model.solve import driver

    # Importing a module of the package binds the name to the package.
    assert inspect.signature(ccs.solve) == inspect.signature(driver.solve)
    assert ccs.solve.__doc__ == driver.solve.__doc__


@pytest.mark.parametrize(
    ("former", "name"), [("pose", "build_problem"), ("alternatives", "near_optimal"), ("hedge", "stochastic")]
)
def test_a_former_name_warns_and_gives_the_new_one(former: str, name: str) -> None:
    assert former not in ccs.__all__
    with pytest.warns(DeprecationWarning, match=f"ccs_model.{former} is deprecated .* use ccs_model.{name}") as warned:
        assert getattr(ccs, former) is getattr(ccs, name)
    assert warned[0].filename == __file__


def test_arguments_of_a_wrong_type_or_value_are_reported(small_plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="expected a Scenario, got str: read_scenario"):
        ccs.load_inputs("scenario.yaml")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Problem, got str: build_problem"):
        ccs.build_model("scenario.yaml")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"plan\.csv' does not end in \.xlsx"):
        small_plan.to_excel(f"{tmp_path}/plan.csv")
    with pytest.raises(InputError, match="n_plans: expected a whole number of at least 1, got 0"):
        ccs.near_optimal(small_plan, n_plans=0)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_in_docstrings_run(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0 and result.failed == 0


TYPED = """
from typing import assert_type
import ccs_model as ccs

scenario = ccs.read_scenario("scenario.yaml")
assert_type(scenario, ccs.Scenario)
inputs = ccs.load_inputs(scenario)
assert_type(inputs, ccs.Inputs)
problem = ccs.build_problem(scenario, inputs)
assert_type(problem, ccs.Problem)
assert_type(ccs.solve(problem), ccs.Plan)
assert_type(ccs.optimize("scenario.yaml"), ccs.Plan)
ccs.nothing
"""


@pytest.mark.slow
def test_type_checkers_know_the_types_of_public_names(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(tmp_path)]
    completed = subprocess.run(
        [*mypy, str(tmp_path / "typed.py")], capture_output=True, text=True, check=False, cwd=ROOT, timeout=600
    )
    found = [line for line in completed.stdout.splitlines() if "typed.py" in line]
    assert len(found) == 1 and 'Module has no attribute "nothing"' in found[0], completed.stdout + completed.stderr
