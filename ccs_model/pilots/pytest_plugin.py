"""pytest plugin: collects pilot-zone cases as tests, one an expectation: `pytest scenarios/pilots`.

It is active only for case files or folders among the arguments, or with `--ccs-cases`, which collects every case file.
Heavy modules are imported only after a case file is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ccs_model.pilots.replay import ReplayContexts
    from ccs_model.scenario.case import Case, Expectation

_SUFFIXES = (".yaml", ".yml")
# A case has these keys and a scenario none of them; one is enough, since another may be misspelt.
_IS_CASE = re.compile(rb"^(case|kind|expect):", re.MULTILINE)
# Cases are small, and larger files are rejected where they are read.
_MOST_BYTES = 1_000_000
_CONTEXTS: pytest.StashKey[ReplayContexts] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--ccs-cases`."""
    group = parser.getgroup("ccs-model")
    group.addoption("--ccs-cases", action="store_true", help="Collect pilot-zone case files (.yaml) as tests.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    """Collect a case file that the options select."""
    if file_path.suffix not in _SUFFIXES or not _is_selected(file_path, parent.config):
        return None
    if not _is_named(file_path, parent.config) and not _is_case(file_path):
        return None
    return CaseFile.from_parent(parent, path=file_path)


def _is_selected(path: Path, config: pytest.Config) -> bool:
    if config.getoption("--ccs-cases"):
        return True
    return _is_named(path, config) or _is_named(path.parent, config)


def _is_named(path: Path, config: pytest.Config) -> bool:
    """Whether an argument of pytest names the file or folder."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return False
    return path.resolve() in {(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args}


def _is_case(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(_IS_CASE.search(file.read(_MOST_BYTES)))


class CaseFile(pytest.File):
    """One case; its zone is fitted or solved once, before its first expectation."""

    case: Case
    _found: tuple[Mapping[str, float], str] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """One test an expectation."""
        from ccs_model.errors import CcsModelError
        from ccs_model.scenario.case import read_case

        try:
            self.case = read_case(self.path)
        except CcsModelError as error:
            raise self.CollectError(str(error)) from error
        for n, each in enumerate(self.case.expect, 1):
            name = f"{n:02d}-{each.quantity}" + ("-must-fail" if each.expected_to_fail else "")
            yield ExpectationItem.from_parent(self, name=name, expectation=each)

    def find_quantities(self) -> tuple[Mapping[str, float], str]:
        """Every quantity of the case, or why there is none."""
        from ccs_model.pilots.replay import find_quantities

        if self._found is None:
            self._found = find_quantities(self.case, _contexts(self.config).of(self.case))
        return self._found


class ExpectationItem(pytest.Item):
    """One expectation of a case."""

    def __init__(self, *, expectation: Expectation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expectation = expectation

    def runtest(self) -> None:
        """Fails where the value lies outside its band, or a control inside it."""
        from ccs_model.pilots.replay import judge_expectation

        assert isinstance(self.parent, CaseFile)
        found, why = self.parent.find_quantities()
        row = judge_expectation(self.parent.case, self.expectation, found, why)
        if not row.as_expected:
            must = "must not lie" if row.expected_to_fail else "must lie"
            band = f"{row.quantity} = {row.value} {must} {_band(row.low, row.high)}"
            raise ExpectationError(f"{row.case}, zone {row.zone}: {row.why or band}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kwargs: Any) -> Any:
        """A failed expectation is said in a line, without a traceback."""
        from ccs_model.errors import CcsModelError

        if isinstance(excinfo.value, ExpectationError | CcsModelError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        return self.path, None, f"{self.path.stem}: {self.name}"


def _band(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at or below {high}" if low is None else f"at or above {low}"
    return f"in {low} … {high}"


class ExpectationError(AssertionError):
    """An expectation of a case did not hold."""


def _contexts(config: pytest.Config) -> ReplayContexts:
    """The tables and fits that all cases of a session share."""
    from ccs_model.pilots.replay import ReplayContexts

    if _CONTEXTS not in config.stash:
        config.stash[_CONTEXTS] = ReplayContexts()
    return config.stash[_CONTEXTS]
