"""Ctrl-C ends the program within two seconds and leaves no partial file.

The first Ctrl-C raises KeyboardInterrupt, so that the program cleans up. If a library swallows the exception or the
clean-up takes too long, a timer ends the process. A second Ctrl-C ends it at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from ccs_model.atomic_files import block_new_steps, defer_interrupt, remove_temporary_paths
from ccs_model.errors import INTERRUPTED

PATIENCE_S = 1.4
_interrupted = threading.Event()
_message_lock = threading.Lock()


def install_interrupt_handler() -> None:
    """Handle Ctrl-C as described above; for the main thread of the command line."""
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, _interrupt)


def restore_interrupt_handler() -> None:
    """Ignore Ctrl-C once all results are written, so that the exit code stays."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_interrupted() -> NoReturn:
    """Remove temporary files and end the process without waiting for a solver thread."""
    block_new_steps()
    remove_temporary_paths()
    # Two threads may reach this line; one prints the message.
    if not _message_lock.acquire(blocking=False):
        os._exit(INTERRUPTED)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("interrupted; no partial file is left\n")
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _interrupted.is_set():
        end_interrupted()
    _interrupted.set()
    watch = threading.Timer(PATIENCE_S, end_interrupted)
    watch.daemon = True
    watch.start()
    if defer_interrupt():
        return
    raise KeyboardInterrupt
