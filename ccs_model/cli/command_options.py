"""Options and groups that several commands share, and cached answers of the analysis commands."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ccs_model.bounded_reading import is_workbook
from ccs_model.cli.terminal import ProgressLine, end_lines, print_json_text
from ccs_model.errors import FileError, InputError, Issue

if TYPE_CHECKING:
    from ccs_model.plan.cache_key import RunKey

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


class _NonEmptyPath(click.Path):
    """A path; an empty text would otherwise be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty path.", param, ctx)
        return super().convert(value, param, ctx)


class _Finite(click.FloatRange):
    """A finite number in a range; click.FloatRange accepts nan and inf."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def finite_range(
    low: float | None = None, high: float | None = None, *, above: bool = False, below: bool = False
) -> click.FloatRange:
    """Return the type of a finite number from `low` (or `above` it) to `high` (or `below` it)."""
    return _Finite(min=low, min_open=above, max=high, max_open=below)


PATH = _NonEmptyPath(path_type=Path)
POSITIVE = finite_range(0, above=True)
CACHED = "Results are cached by input hash; use --force to re-run."

scenario_argument = click.argument("scenario", type=PATH)
scenario_or_run_argument = click.argument("requested", metavar="SCENARIO_OR_RUN", type=PATH)
run_argument = click.argument("run", type=PATH)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
force_option = click.option("--force", is_flag=True, help="Re-run and replace a cached result.")
replace_file_option = click.option("--force", is_flag=True, help="Replace an existing file of the same kind.")
allow_outside_option = click.option(
    "--allow-outside", is_flag=True, help="Allow input files outside the scenario's folder."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print neither progress nor summary.")
jobs_option = click.option("--jobs", type=click.IntRange(1, 512), help="Number of processes (default: one per core).")
changes_options: tuple[Decorator[Any], ...] = (
    click.option("--set", "sets", multiple=True, metavar="KEY=V1,V2,…|KEY=start:stop:n",
                 help="Values of a scenario key; several keys are combined."),
    click.option("--list", "listed", type=PATH, help="CSV or YAML file with one set of changes per row."),
)  # fmt: skip


_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^/\s]+:[0-9]+")


def scheduler_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --scheduler and --tls-ca, --tls-cert, --tls-key, which the command receives as its argument `scheduler`."""

    @functools.wraps(command)
    def with_scheduler(**values: Any) -> Any:
        address = values.pop("scheduler")
        files = {name: values.pop(name) for name in ("tls_ca", "tls_cert", "tls_key")}
        given = [path for path in files.values() if path is not None]
        if address is not None and not _ADDRESS.fullmatch(address):
            raise click.UsageError(
                f"--scheduler '{address}' is no address; expected tls://HOST:PORT or tcp://HOST:PORT"
            )
        is_tls = address is not None and address.startswith("tls://")
        if is_tls and len(given) < len(files):
            raise click.UsageError("--scheduler tls://… needs --tls-ca, --tls-cert and --tls-key")
        if given and not is_tls:
            raise click.UsageError("--tls-ca, --tls-cert and --tls-key need --scheduler tls://…")
        if address is None:
            return command(scheduler=None, **values)
        from ccs_model.analysis.jobs import Scheduler

        return command(scheduler=Scheduler(address, **files), **values)

    help = "Run on the workers of a Dask scheduler: tls://head:8786, or tcp://head:8786 in a network that you trust."
    return with_options(
        click.option("--scheduler", metavar="ADDR", help=help),
        click.option("--tls-ca", type=PATH, help="Certificate authority of a scheduler with tls:// (PEM)."),
        click.option("--tls-cert", type=PATH, help="Your certificate of that authority (PEM)."),
        click.option("--tls-key", type=PATH, help="Key of your certificate (PEM, without password)."),
    )(with_scheduler)


def lang_option(of: str, *, default: str | None = "en") -> Decorator[Any]:
    """Return --lang, the language of the workbook or page named by `of`; `of` says what applies without a default."""
    return click.option(
        "--lang",
        type=click.Choice(["en", "zh", "both"]),
        default=default,
        show_default=default is not None,
        help=f"Language of the {of}.",
    )


effort_option = click.option(
    "--effort",
    type=click.Choice(["quick", "normal", "thorough"]),
    help="How long to search, in deterministic effort (solver.effort; default: the scenario's).",
)


def time_limit_option(help: str, default: float | None = None) -> Decorator[Any]:
    """Return --time-limit in seconds."""
    return click.option(
        "--time-limit", type=POSITIVE, default=default, show_default=default is not None, help=help
    )  # fmt: skip


def with_options(*options: Decorator[Any]) -> Decorator[Any]:
    """Return one decorator that applies `options` in the order in which --help lists them."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@dataclass(frozen=True)
class Output:
    """Where and how a command reports its result: the values of --out, --json, --force, --allow-outside and -q."""

    out: Path | None
    as_json: bool
    allow_outside: bool
    quiet: bool
    force: bool = False

    @functools.cached_property
    def line(self) -> ProgressLine:
        """The progress line of the command."""
        return ProgressLine(quiet=self.quiet)

    def folder(self, name: str) -> Path:
        """Return --out, or `name` in the folder runs."""
        return self.out if self.out is not None else Path("runs") / name

    def report_analysis(
        self, key: RunKey, stem: str, title: str, solve: Callable[[], Any], text: Callable[[Any, Path], str]
    ) -> Any:
        """Report an analysis, cached in its folder or solved and written there, and return its document.

        Parameters
        ----------
        key
            The key that a cached result must have.
        stem
            File name of the document and workbook, without suffix.
        title
            Title of the workbook; `{}` stands for the scenario's name.
        solve
            Called if there is no cached result; returns an object with `about`, `to_dict`, `tables`.
        text
            Returns the summary of the document in its folder.

        Raises
        ------
        FileError
            Before anything is solved, if the folder holds other files or another process writes it.
        """
        from ccs_model.plan.cache_key import is_incomplete
        from ccs_model.runs.folder_writer import hold_lock, remove_leftovers, validate_overwrite
        from ccs_model.runs.run_writer import cached_document, write_result

        folder = self.folder(key.folder_name)
        found = None if self.force else cached_document(folder, key, stem)
        if found is not None:
            remove_leftovers(folder)
        else:
            with hold_lock(folder):
                # Another process may have finished the same analysis before it released the lock.
                found = None if self.force else cached_document(folder, key, stem)
                if found is None:
                    force = self.force or is_incomplete(folder, key)
                    validate_overwrite(folder, force)
                    made = solve()
                    name = title.format(made.about["scenario"])
                    found = write_result(folder, key, stem, name, made.to_dict(), made.tables(), force=force)
        document = json.loads(found)
        self.report(found, lambda: text(document, folder))
        return document

    def report(self, document: str, summary: Callable[[], str]) -> None:
        """Print the JSON text `document` with --json; otherwise the summary, unless -q is given."""
        self.line.clear()
        if self.as_json:
            print_json_text(document)
        elif not self.quiet:
            click.echo(summary())


CachedAnswer = Callable[[Output, Mapping[str, Any]], int | None]


def output_options(
    kind: str = "", *, force: bool = True, cached: CachedAnswer | None = None, workbooks: bool = False
) -> Decorator[Any]:
    """Return --out, --json, --force, --allow-outside and -q, which the command receives as its argument `output`.

    `kind` is the part of the default folder name between scenario and hash. `cached` is called with the output and the
    other arguments before any table is read; unless it returns None, the command ends with its exit code. With
    `workbooks`, the scenario may be a workbook of ccs-model.
    """
    name = f"runs/<scenario file>-{kind}-<hash>" if kind else "runs/<scenario file>-<hash>"
    out_option = click.option("--out", type=PATH, help=f"Folder to write (default: {name}).")
    options = [out_option, json_option, force_option, allow_outside_option, quiet_option]
    if not force:
        options.remove(force_option)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_output(**values: Any) -> Any:
            output = Output(**{each.name: values.pop(each.name) for each in fields(Output) if each.name in values})
            if output.out is not None:
                _validate_out(output.out, values)
            if cached is not None and (code := cached(output, values)) is not None:
                return code
            if isinstance(scenario := _scenario_file(values), Path):
                # Before the solver is imported, so that an invalid scenario is rejected at once.
                try:
                    _reject_invalid(scenario, output.allow_outside, workbooks)
                    return command(output=output, **values)
                except InputError as first:
                    raise with_every_issue(scenario, first, output.allow_outside) from None
            return command(output=output, **values)

        return with_options(*options)(with_output)

    return decorate


def _scenario_file(arguments: Mapping[str, Any]) -> Path | None:
    """Return the scenario file among the arguments; None if the command takes a run instead."""
    scenario, requested = arguments.get("scenario"), arguments.get("requested")
    return requested if isinstance(requested, Path) and not requested.is_dir() else scenario


def with_every_issue(scenario: Path, first: InputError, allow_outside: bool) -> InputError:
    """Return the error, with the issues that later checks find if the scenario file names tables of its own."""
    from ccs_model.inputs.checked_scenario import has_own_tables

    if is_workbook(scenario) or not has_own_tables(scenario, allow_outside=allow_outside):
        return first
    from ccs_model.problem import build_problem
    from ccs_model.problem.scenario_names import every_issue

    return every_issue(scenario, first, build_problem, allow_outside=allow_outside)


def _reject_invalid(scenario: Path, allow_outside: bool, workbooks: bool) -> None:
    """Raise the errors of a scenario file; a workbook is read later, by a command that takes `workbooks`."""
    if not is_workbook(scenario):
        from ccs_model.inputs.checked_scenario import reject_invalid

        reject_invalid(scenario, allow_outside=allow_outside)
    elif not workbooks:
        hint = "ccs-model optimize solves a workbook again; other commands take the scenario.resolved.yaml of its run"
        raise InputError([Issue(str(scenario), "is a workbook, expected a scenario file", hint)])


def _validate_out(out: Path, arguments: Mapping[str, Any]) -> None:
    """Raise unless --out may be written; the paths among the arguments are inputs, as are the scenario's files."""
    from ccs_model.cli.output_guard import scenario_files, validate_output_folder

    inputs = [value for value in arguments.values() if isinstance(value, Path)]
    if out.is_dir() and isinstance(scenario := _scenario_file(arguments), Path):
        inputs += scenario_files(scenario)
    validate_output_folder(out, inputs=inputs)


def requested_changes(
    scenario: Path, sets: Sequence[str], listed: Path | None, *, allow_outside: bool
) -> list[dict[str, Any]]:
    """Return every combination of the rows of --list with the values of --set, and warn of changes without effect.

    Raises click.UsageError for neither, and InputError for an invalid scenario.
    """
    if not sets and listed is None:
        from ccs_model.scenario import read_scenario

        has_futures = bool(read_scenario(scenario, allow_outside=allow_outside).futures)
        of_file = "; the futures of the scenario are planned for by ccs-model stochastic" if has_futures else ""
        raise click.UsageError(f"give --set KEY=V1,V2 or --list FILE{of_file}")
    from ccs_model.scenario.variations import ListedChanges, grid_of, read_changes

    grid = grid_of(sets)
    changes: list[dict[str, Any]] = list(map(dict, grid))
    if listed is not None:
        changes = [ListedChanges({**row, **each}, row.place) for row in read_changes(listed) for each in grid]
    warn_of_unused(scenario, changes, allow_outside=allow_outside)
    return changes


def warn_of_unused(path: Path, changes: Sequence[Mapping[str, Any]] | None = None, *, allow_outside: bool) -> None:
    """Print a warning of changes without effect, by default those of the scenario's futures."""
    from ccs_model.inputs.checked_scenario import read_checked
    from ccs_model.problem.unused_inputs import unused_changes

    if changes is not None and not any(key.startswith("policy.") for each in changes for key in each):
        return
    scenario = read_checked(path, allow_outside=allow_outside)[0]
    for text in unused_changes(scenario, changes or [each.changes for each in scenario.futures.values()]):
        click.echo(f"warning: {text}", err=True)


def require_xlsx(path: Path | None, param_hint: str) -> None:
    """Raise click.BadParameter unless `path` is None or ends in .xlsx."""
    if path is not None and path.suffix.lower() != ".xlsx":
        raise click.BadParameter(f"'{path}' does not end in .xlsx", param_hint=param_hint)


def require_new(path: Path | None, hint: str) -> None:
    """Raise FileError if `path` exists."""
    if path is not None and (path.exists() or path.is_symlink()):
        raise FileError(f"{path}: already exists and is left unchanged; {hint}")


class OutputClosedError(Exception):
    """The reader of the output has closed it, as `head` does; click would end the process with exit code 1."""


class SectionedGroup(click.Group):
    """A group that lists its commands in sections and answers a former command name with the present one."""

    def __init__(self, *args: Any, renamed: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._renamed = renamed
        self._sections: dict[str, list[click.Command]] = {}

    def add_section(self, title: str, commands: Sequence[click.Command]) -> None:
        """Add `commands` under a heading of the help text."""
        self._sections[title] = list(commands)
        for command in commands:
            self.add_command(command)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments; raise OutputClosedError if the help text cannot be printed."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError as error:
            raise OutputClosedError from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and end its progress lines; raise OutputClosedError if its output cannot be printed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputClosedError from error
        finally:
            end_lines()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # fmt: skip
        """Find the command; raise click.UsageError with the present name for a former one."""
        if args and args[0] in self._renamed:
            raise click.UsageError(f"'{args[0]}' is now '{self._renamed[args[0]]}'", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands per section."""
        width = max(len(name) for name in self.commands)
        limit = formatter.width - 6 - width
        for title, commands in self._sections.items():
            with formatter.section(title):
                rows = [(str(each.name).ljust(width), each.get_short_help_str(limit)) for each in commands]
                formatter.write_dl(rows)


class DefaultGroup(click.Group):
    """A group that runs `default` unless its first argument names a subcommand.

    `ccs-model sweep SCENARIO` and `ccs-model sweep merge DIR` share one name. A scenario file that is called like a
    subcommand needs a path: `./merge`.
    """

    default = "run"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default subcommand where none is named."""
        if not args or args[0] not in self.commands:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class _GroupContext(click.Context):
    """The context of a default subcommand, whose usage and hints name the group alone."""

    @property
    def command_path(self) -> str:
        """The path of the group."""
        return self.parent.command_path if self.parent is not None else super().command_path


class DefaultCommand(click.Command):
    """The default subcommand of a `DefaultGroup`."""

    context_class = _GroupContext
