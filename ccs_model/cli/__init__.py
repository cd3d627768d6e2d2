"""The command line: thin commands over the package. Only this package prints and ends the process.

Commands import heavy libraries when they run, so that --help is fast.
"""

from __future__ import annotations

import os
import sys

import click

from ccs_model import __version__
from ccs_model.atomic_files import end_interrupted
from ccs_model.cli.command_options import SectionedGroup
from ccs_model.cli.explanation import explain
from ccs_model.cli.import_data import import_
from ccs_model.cli.inspect_run import compare, export, report, verify
from ccs_model.cli.optimize import optimize
from ccs_model.cli.pilot_zones import calibrate, replay
from ccs_model.cli.plan_series import frontier, sweep
from ccs_model.cli.robustness import montecarlo, near_optimal, regret, stochastic
from ccs_model.cli.shipped import data, doctor
from ccs_model.cli.start import check, init, schema
from ccs_model.errors import BUG, CcsModelError, InputError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# Former command name → present one.
RENAMED = {
    "alternatives": "near-optimal",
    "hedge": "stochastic",
    "collect": "sweep merge",
    "new": "init",
    "template": "init --inventory-only FILE.xlsx",
}


@click.group(cls=SectionedGroup, renamed=RENAMED, context_settings=CONTEXT)
@click.version_option(__version__, "-V", "--version", prog_name="ccs-model")
def group() -> None:
    r"""Select carbon-capture retrofits under a budget: which plants, when and with which technology.

    \b
    Start here:
      ccs-model optimize scenarios/pilot-zones.yaml
      ccs-model check my-scenario.yaml
    """


group.add_section("Start", (init, import_, data, schema))
group.add_section("Solve", (check, optimize, frontier, sweep))
group.add_section("Analyse", (near_optimal, regret, stochastic, montecarlo, calibrate, replay))
group.add_section("Inspect", (explain, compare, report, export))
group.add_section("Maintain", (verify, doctor))


def main() -> None:
    """Run the command line; print every error of the package as a message and exit with its code."""
    try:
        code = group.main(prog_name="ccs-model", standalone_mode=False)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        end_interrupted()
    except CcsModelError as error:
        click.echo(_message(error), err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader of the output has closed it.
        _end(0)
    except Exception as error:
        if os.environ.get("CCS_MODEL_TRACEBACK"):
            raise
        click.echo(
            f"ccs-model: internal error: {type(error).__name__}: {error}\n"
            "Please report it. Set CCS_MODEL_TRACEBACK=1 and repeat the command to print the traceback.",
            err=True,
        )
        code = BUG
    sys.exit(code or 0)


def _message(error: CcsModelError) -> str:
    if not isinstance(error, InputError):
        return f"ccs-model: {error}"
    n = len(error.issues)
    return "\n".join([*error.lines, f"ccs-model: {n:,} error{'s' if n != 1 else ''}; nothing was solved"])


def _end(code: int) -> None:
    """End the process without waiting for a solver thread that may still run."""
    sys.stderr.flush()
    os._exit(code)
