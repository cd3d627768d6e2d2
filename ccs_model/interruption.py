"""Ctrl-C ends the program within two seconds, whatever it is doing, and leaves no half-made file.

The first one raises KeyboardInterrupt, so that everything is put away in order. Where that is lost on its way (a
library may swallow it) or takes long, a watch ends the process all the same; so does a second Ctrl-C, at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from ccs_model.atomic_files import begin_no_more, remove_unfinished, waits_for_a_step
from ccs_model.errors import INTERRUPTED

PATIENCE_S = 1.4
_interrupted = threading.Event()
_words = threading.Lock()


def install_interrupt_handler() -> None:
    """From here on Ctrl-C is taken as said above. Of the main thread of a process that is ours alone."""
    with contextlib.suppress(ValueError):  # another thread's business
        signal.signal(signal.SIGINT, _interrupt)


def restore_interrupt_handler() -> None:
    """All is done and written: from here on Ctrl-C changes nothing, not even the exit code."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_interrupted() -> NoReturn:
    """Leave at once: a solver's thread may still be running and is not waited for."""
    begin_no_more()
    remove_unfinished()
    # Two threads may come here; the words are said once.
    if not _words.acquire(blocking=False):
        os._exit(INTERRUPTED)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("interrupted; no half-made file is left\n")
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _interrupted.is_set():
        end_interrupted()
    _interrupted.set()
    watch = threading.Timer(PATIENCE_S, end_interrupted)
    watch.daemon = True
    watch.start()
    if waits_for_a_step():
        return
    raise KeyboardInterrupt
