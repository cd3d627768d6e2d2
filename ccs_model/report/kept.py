"""Results that cannot be written where they were asked for are kept elsewhere, and the message says where."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from ccs_model.errors import FileError
from ccs_model.plan.plan import Plan
from ccs_model.report.run_folder import write_run_folder


def write_or_keep(
    plan: Plan, folder: Path, *, force: bool = False, command: str = "", started: datetime | None = None
) -> Path:
    """As write_run_folder; where the folder cannot be written, the run is kept in another one.

    Raises FileError in any case then: it names both, and what was in the folder asked for is as it was.
    """
    try:
        return write_run_folder(plan, folder, force=force, command=command, started=started)
    except FileError as error:
        for other in _others(folder):
            try:
                kept = write_run_folder(plan, other, command=command, started=started)
            except FileError:
                continue
            raise FileError(f"{error}; the run is kept in {kept}") from error
        raise


def _others(folder: Path) -> list[Path]:
    """Where a run may be kept: beside others in `runs`, under a name not taken, then where temporary files are."""
    name = folder.name[:60] or "run"
    beside = [Path("runs") / each for each in (name, *(f"{name}-{n}" for n in range(2, 10)))]
    free = [path for path in beside if path != folder and not path.exists()][:1]
    try:
        return [*free, Path(tempfile.mkdtemp(prefix="ccs-model-")) / name]
    except OSError:
        return free
