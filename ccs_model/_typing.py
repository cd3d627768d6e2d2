"""Type aliases shared by the whole package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
"""Array of real numbers."""
Ints = npt.NDArray[np.int64]
"""Array of row or column numbers."""
Mask = npt.NDArray[np.bool_]
"""Array of truth values, used to select rows or columns."""
Objects = npt.NDArray[np.object_]
"""Array of names."""
MessageCallback = Callable[[str], None]
"""Called with one line of progress."""
