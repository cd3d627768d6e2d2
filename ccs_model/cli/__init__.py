"""The command line: thin commands over the package. Only this package prints and ends the process.

Commands import heavy libraries when they run, so that --help is fast.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ccs_model import __version__
from ccs_model.atomic_files import end_interrupted, was_interrupted, write_atomic
from ccs_model.cli.command_options import OutputClosedError, SectionedGroup
from ccs_model.cli.explanation import explain
from ccs_model.cli.import_data import import_
from ccs_model.cli.inspect_run import compare, export, report, runs, show, verify
from ccs_model.cli.optimize import optimize
from ccs_model.cli.pilot_zones import calibrate, replay
from ccs_model.cli.plan_series import frontier, sweep
from ccs_model.cli.robustness import montecarlo, near_optimal, regret, stochastic
from ccs_model.cli.shipped import data, doctor
from ccs_model.cli.start import check, init, schema
from ccs_model.cli.terminal import prepare_output, print_json, use_color
from ccs_model.errors import BUG, DONE, FILE_TROUBLE, NO_PLAN, CcsModelError, FileError, InputError, is_lack_of_memory

ERROR_SCHEMA = "ccs-model/error/1"
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# NumPy cannot be loaded in less.
_LEAST_BYTES = 150_000_000
# Errors of a full or limited disk and of a pipe whose reader is slow.
_OF_OUTPUT = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EAGAIN)
# Semaphores are files there.
_SHARED_MEMORY = Path("/dev/shm")
# Former command name → present one.
RENAMED = {
    "alternatives": "near-optimal",
    "hedge": "stochastic",
    "collect": "sweep merge",
    "new": "init",
    "template": "init --inventory-only FILE.xlsx",
}
_HELP = """Select carbon-capture retrofits under a budget: which plants, when and with which technology.

\b
Start here:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model check my-scenario.yaml
"""
_PROGRAM, _COMPLETION_VARIABLE = "ccs-model", "_CCS_MODEL_COMPLETE"
# Shell → the file with the completion, and the start file of the shell that must read it (fish reads it by itself).
_COMPLETION_FILES = {
    "bash": (".local/share/ccs-model/complete.bash", ".bashrc"),
    "zsh": (".local/share/ccs-model/complete.zsh", ".zshrc"),
    "fish": (".config/fish/completions/ccs-model.fish", None),
}


def install_completion(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Write the completion script of the shell in SHELL, and a line in its start file that reads it."""
    if not wanted or context.resilient_parsing:
        return
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in _COMPLETION_FILES:
        named = f"'{shell}'" if shell else "an unknown shell (SHELL is not set)"
        raise click.UsageError(f"no completion for {named}; set SHELL to one of {', '.join(_COMPLETION_FILES)}")
    script, start = (None if name is None else Path.home() / name for name in _COMPLETION_FILES[shell])
    assert script is not None
    completion = get_completion_class(shell)
    assert completion is not None
    # Bash needs no check of its version: what the script uses is older than the versions in use.
    source = completion.source_template % completion(context.command, {}, _PROGRAM, _COMPLETION_VARIABLE).source_vars()
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(script, source.encode())
        click.echo(f"{script}: completion for {shell}")
        if start is not None:
            _add_line(start, f'. "{script}"')
            click.echo(f"{start}: reads it; open a new terminal")
    except OSError as error:
        raise FileError(f"{error.filename or script}: cannot be written: {error.strerror}") from error
    context.exit()


def _add_line(path: Path, line: str) -> None:
    """Append a line to a start file unless it is there."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if line in text.splitlines():
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + line + "\n")


@click.group(cls=SectionedGroup, renamed=RENAMED, context_settings=CONTEXT, invoke_without_command=True, help=_HELP)
@click.version_option(__version__, "-V", "--version", prog_name="ccs-model")
@click.option("--install-completion", is_flag=True, expose_value=False, is_eager=True, callback=install_completion,
              help="Let the shell complete commands, options and files.")  # fmt: skip
@click.pass_context
def group(context: click.Context) -> None:
    """Select carbon-capture retrofits under a budget; without a command, print the help text."""
    context.color = use_color()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return
    _validate_memory()


group.add_section("Start", (init, import_, data, schema))
group.add_section("Solve", (check, optimize, frontier, sweep))
group.add_section("Analyse", (near_optimal, regret, stochastic, montecarlo, calibrate, replay))
group.add_section("Inspect", (show, runs, explain, compare, report, export))
group.add_section("Maintain", (verify, doctor))


def main() -> None:
    """Run the command line; print every error of the package as a message and exit with its code."""
    _open_standard_streams()
    # Pyomo prints what interrupts the construction of a model on stdout; the exception says it.
    logging.getLogger("pyomo.core").setLevel(logging.CRITICAL)
    try:
        code = group.main(prog_name="ccs-model", standalone_mode=False)
        _flush()
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
            _print_json(error, error.exit_code, error.format_message())
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        end_interrupted()
    except (OutputClosedError, BrokenPipeError):
        _end(DONE)
    except Exception as error:
        if os.environ.get("CCS_MODEL_TRACEBACK"):
            raise
        code, text = outcome_of(error)
        with contextlib.suppress(OSError):
            _print_json(error, code, text)
            _flush()
        if isinstance(error, OSError):
            _discard_output()
        with contextlib.suppress(OSError):
            click.echo(_colour_error(text), err=True, color=use_color())
    if was_interrupted():
        # A solver thread may still run, with which the end of the interpreter aborts.
        with contextlib.suppress(OSError):
            _flush()
        _end(code or 0)
    sys.exit(code or 0)


def _print_json(error: Exception, code: int, text: str) -> None:
    """Print the error as one JSON object on stdout, where --json asks for one and no report has been printed."""
    if "--json" not in sys.argv or getattr(error, "folder", None) is not None:
        return
    print_json(
        {
            "schema": ERROR_SCHEMA,
            "error": type(error).__name__,
            "exit_code": code,
            "message": text,
            "errors": list(map(asdict, getattr(error, "issues", ()))),
        }
    )


def _open_standard_streams() -> None:
    """Open the null device in place of standard streams that are closed, so that no file of a run gets their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one; other processes get it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.dup(number), mode, encoding="utf-8", errors="backslashreplace"))
    prepare_output()


def _validate_memory() -> None:
    """Raise MemoryError under a limit of the address space (ulimit -v) in which NumPy cannot be loaded.

    OpenBLAS would end the process itself. It would also wait forever if its threads have too little memory, so that it
    gets one thread under such a limit.
    """
    if (limit := _memory_limit()) is not None:
        if limit < _LEAST_BYTES:
            raise MemoryError
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _memory_limit() -> int | None:
    """Return the limit of the address space in bytes; None if there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def outcome_of(error: Exception) -> tuple[int, str]:
    """Return the exit code and the message of an error: of the package, of the system, or an internal one."""
    if isinstance(error, CcsModelError):
        return error.exit_code, _message(error)
    # Under a limit, libraries in C may also fail without an exception.
    if is_lack_of_memory(error) or (isinstance(error, SystemError) and _memory_limit() is not None):
        what = "not enough memory; nothing was written (close other programs, or plan fewer plants, periods or draws)"
        return NO_PLAN, f"ccs-model: {what}"
    if isinstance(error, OSError):
        return FILE_TROUBLE, f"ccs-model: {_place(error)}{error.strerror or error}"
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # Path.resolve before Python 3.13
        return FILE_TROUBLE, f"ccs-model: {error}"
    return BUG, (
        f"ccs-model: internal error: {type(error).__name__}: {error}\n"
        "Please report it. Set CCS_MODEL_TRACEBACK=1 and repeat the command to print the traceback."
    )


def _place(error: OSError) -> str:
    """Return the file of a system error; the working directory or the output if it names none."""
    if error.filename is not None:
        return f"{error.filename}: "
    is_denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    if is_denied and _SHARED_MEMORY.is_dir() and not os.access(_SHARED_MEMORY, os.W_OK):
        return f"{_SHARED_MEMORY}, which several processes need: "
    try:
        Path.cwd()
    except OSError:
        return "the current folder does not exist: "
    return "cannot write the output: " if error.errno in _OF_OUTPUT else ""


def _flush() -> None:
    """Write what is left of the output. Raises OSError, for instance if the disk is full."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard_output() -> None:
    """Discard output that cannot be written, which Python would try again at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _message(error: CcsModelError) -> str:
    if not isinstance(error, InputError):
        return f"ccs-model: {error}"
    n = len(error.issues)
    return "\n".join([*error.lines, f"ccs-model: {n:,} error{'s' if n != 1 else ''}; nothing was solved"])


def _colour_error(text: str) -> str:
    """Return an error with its last line, or that which names the program, in red."""
    *lines, last = text.split("\n")
    if text.startswith("ccs-model: "):
        first, *rest = text.split("\n")
        return "\n".join([click.style(first, fg="red"), *rest])
    return "\n".join([*lines, click.style(last, fg="red")])


def _end(code: int) -> None:
    """End the process without waiting for a solver thread that may still run."""
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)
