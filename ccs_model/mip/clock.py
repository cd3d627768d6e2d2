"""The clock of all time limits: wall-clock seconds, or CPU seconds of this process.

CPU seconds make measurements comparable on a busy machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

_by_cpu: list[bool] = []


def now() -> float:
    """Return seconds since an arbitrary moment; deadlines are values of this clock."""
    return time.process_time() if _by_cpu else time.monotonic()


def counts_cpu() -> bool:
    """Return whether the clock counts CPU seconds."""
    return bool(_by_cpu)


@contextlib.contextmanager
def cpu_seconds() -> Iterator[None]:
    """Count CPU seconds of this process, all threads together, within the context."""
    _by_cpu.append(True)
    try:
        yield
    finally:
        _by_cpu.pop()


@dataclass(frozen=True)
class Allowance:
    """A time limit: `deadline` is a value of `now`, `cpu_s` one of `time.process_time`."""

    deadline: float
    cpu_s: float = inf

    @property
    def left_s(self) -> float:
        """Seconds left until the deadline."""
        return self.deadline - now()

    @property
    def is_over(self) -> bool:
        """Whether either limit is reached."""
        return self.left_s <= 0 or time.process_time() >= self.cpu_s
