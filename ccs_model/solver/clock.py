"""How much time a search may still take: by the clock, and of the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Allowance:
    """Until `deadline` (time.monotonic) and until this process has used `cpu_s` (time.process_time)."""

    deadline: float
    cpu_s: float = inf

    @property
    def left_s(self) -> float:
        """Seconds left by the clock."""
        return self.deadline - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.left_s <= 0 or time.process_time() >= self.cpu_s
