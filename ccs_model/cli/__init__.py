"""The command line: thin verbs over the package. Only here is anything printed or the process ended.

Heavy imports stay inside the commands, so that --help answers at once.
"""

from __future__ import annotations

import os
import sys

import click

from ccs_model import __version__
from ccs_model.cli.explanation import explain
from ccs_model.cli.frontier_command import frontier
from ccs_model.cli.import_data import import_
from ccs_model.cli.inspect_run import compare, export, report, verify
from ccs_model.cli.near_optimal_command import near_optimal
from ccs_model.cli.optimize import optimize
from ccs_model.cli.pilot_zones import calibrate, replay
from ccs_model.cli.shipped import data, doctor
from ccs_model.cli.start import check, new, schema, template
from ccs_model.cli.sweep_command import collect, sweep
from ccs_model.cli.uncertainty import montecarlo, regret, stochastic
from ccs_model.errors import BUG, CcsModelError, InputError
from ccs_model.interruption import end_interrupted

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="ccs-model")
def group() -> None:
    """Which carbon-capture retrofits to build, when and with what, under a budget.

    \b
    Start here:
      ccs-model optimize scenarios/pilot-zones.yaml
      ccs-model check my-scenario.yaml
    """


for _command in (
    new,
    template,
    import_,
    optimize,
    frontier,
    sweep,
    montecarlo,
    collect,
    near_optimal,
    regret,
    stochastic,
    calibrate,
    replay,
    check,
    explain,
    compare,
    report,
    export,
    verify,
    data,
    schema,
    doctor,
):
    group.add_command(_command)


def main() -> None:
    """Run the command line; every error of the package becomes words and its exit code."""
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
        click.echo(_words(error), err=True)
        code = error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        _end(0)
    except Exception as error:
        if os.environ.get("CCS_MODEL_TRACEBACK"):
            raise
        click.echo(
            f"ccs-model: a bug of ours: {type(error).__name__}: {error}\n"
            "Please report it; with CCS_MODEL_TRACEBACK=1 set, the same command prints where it happened.",
            err=True,
        )
        code = BUG
    sys.exit(code or 0)


def _words(error: CcsModelError) -> str:
    if not isinstance(error, InputError):
        return f"ccs-model: {error}"
    n = len(error.issues)
    return "\n".join([*map(str, error.issues), f"ccs-model: {n} fault{'s' if n != 1 else ''}; nothing was solved"])


def _end(code: int) -> None:
    """Leave at once: a solver thread may still be running and is not waited for."""
    sys.stderr.flush()
    os._exit(code)
