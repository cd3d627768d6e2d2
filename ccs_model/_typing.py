"""Type aliases shared by the whole package, and the pickling of read-only mappings in its frozen objects."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

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


def read_only_mapping(content: dict[Any, Any]) -> Mapping[Any, Any]:
    """Return a read-only mapping, when one is unpickled."""
    return MappingProxyType(content)


# Plans and problems hold read-only mappings, which pickle and copy do not know.
copyreg.pickle(MappingProxyType, lambda mapping: (read_only_mapping, (dict(mapping),)))  # type: ignore[arg-type,return-value]
