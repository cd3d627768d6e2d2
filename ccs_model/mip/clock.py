"""The clock by which searches share out their time: seconds by the wall, or this process's CPU seconds.

A planner waits by the wall clock. A measurement that is to repeat on a busy machine counts CPU seconds, since a solve
that gets a fifth of a core has done a fifth of the work.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

_by_cpu: list[bool] = []


def now() -> float:
    """Seconds since some moment; deadlines are moments of this clock."""
    return time.process_time() if _by_cpu else time.monotonic()


def counts_cpu() -> bool:
    """Whether seconds are CPU seconds."""
    return bool(_by_cpu)


@contextlib.contextmanager
def cpu_seconds() -> Iterator[None]:
    """Within, limits are of CPU seconds of this process, all its threads together."""
    _by_cpu.append(True)
    try:
        yield
    finally:
        _by_cpu.pop()


@dataclass(frozen=True)
class Allowance:
    """How much time a search may still take: until `deadline` (a moment of `now`) and until this process has used
    `cpu_s` seconds of the processor (time.process_time)."""

    deadline: float
    cpu_s: float = inf

    @property
    def left_s(self) -> float:
        """Seconds left by the clock."""
        return self.deadline - now()

    @property
    def is_over(self) -> bool:
        return self.left_s <= 0 or time.process_time() >= self.cpu_s
