"""`ccs-model doctor` lists extras with their purpose, and reports a missing or old solver with its install command."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from ccs_model.cli.shipped import EXTRAS, doctor, extras_lines
from ccs_model.errors import NO_PLAN, NoPlanError
from ccs_model.mip import availability
from ccs_model.paths import scenarios_folder
from tests.paths import ROOT

# The package exports commands under the names of their modules; the tests need the module.
shipped_commands = importlib.import_module("ccs_model.cli.shipped")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def set_highspy_version(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    installed_version = metadata.version

    def replaced_version(name: str) -> str:
        if name != "highspy":
            return installed_version(name)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(availability.metadata, "version", replaced_version)


def test_extras_are_listed_with_their_purpose_and_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"altair": "6.3.0", "pyarrow": "26.0.1", "python-calamine": "0.9.1"}
    monkeypatch.setattr(shipped_commands, "version_of", installed.get)
    lines = list(extras_lines())
    assert [line.split()[0] for line in lines] == list(EXTRAS)
    assert lines[0] == (
        "report        HTML page: ccs-model report; missing vl-convert-python: "
        'python -m pip install "ccs-model[report]"'
    )
    assert lines[1].endswith("large workbooks; pyarrow 26.0.1, python-calamine 0.9.1")
    assert 'missing formualizer: python -m pip install "ccs-model[verify]"' in "\n".join(lines)


def test_extras_match_pyproject() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    for extra, requirements in extras.items():
        if extra != "dev":
            libraries = [re.split(r"[><=[]", each)[0] for each in requirements if not each.startswith("ccs-model[")]
            assert list(EXTRAS[extra][1]) == libraries


def test_the_oldest_solver_version_matches_pyproject() -> None:
    (solver,) = [each for each in PYPROJECT["project"]["dependencies"] if each.startswith("highspy")]
    assert solver.split(",")[0] == f"highspy>={availability.OLDEST}"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, 'the solver is not installed: python -m pip install "highspy>=1.11"'),
        ("1.9.0", "the solver is too old (highspy 1.9.0, at least 1.11 is needed): "
         'python -m pip install "highspy>=1.11"'),
    ],
)  # fmt: skip
def test_a_missing_or_old_solver_is_reported_with_the_install_command(
    version: str | None, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_highspy_version(monkeypatch, version)
    with pytest.raises(NoPlanError) as raised:
        availability.validate_solver()
    assert str(raised.value) == message and raised.value.exit_code == 6

    def solver_issue() -> str:
        return availability.find_solver_defect()

    monkeypatch.setattr(shipped_commands, "_solver_issue", solver_issue)
    assert doctor.main([], standalone_mode=False) == NO_PLAN
    assert f"solver: {message}" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["1.11", "1.11.0", "1.16.0.dev1+local7", "2.0"])
def test_a_recent_solver_version_is_accepted(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_highspy_version(monkeypatch, version)
    availability.validate_solver()


def test_doctor_prints_the_version_extras_and_solver_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([], standalone_mode=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ccs-model ")
    assert "extras:" in lines and lines[-1] == "solver: works"


def test_optimize_without_a_solver_ends_with_the_install_command() -> None:
    script = (
        "import importlib.metadata as m, sys\n"
        "asked = m.version\n"
        "def version(name):\n"
        "    if name == 'highspy':\n"
        "        raise m.PackageNotFoundError(name)\n"
        "    return asked(name)\n"
        "m.version = version\n"
        "from ccs_model.cli import main\n"
        f"sys.argv = ['ccs-model', 'optimize', {str(scenarios_folder() / 'shanxi.yaml')!r}]\n"
        "main()\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8")
    assert answer.returncode == NO_PLAN
    assert answer.stderr == 'ccs-model: the solver is not installed: python -m pip install "highspy>=1.11"\n'
