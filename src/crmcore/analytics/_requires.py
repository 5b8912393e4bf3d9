"""What the analytics need beyond the core: numpy and scipy, the extra `analytics`."""

from __future__ import annotations

from crmcore.domain.errors import MissingExtra

__all__: list[str] = []

try:
    import numpy as np  # noqa: F401 - imported to learn whether it is there
    import scipy  # noqa: F401 - the same
except ImportError as _error:
    raise MissingExtra("analytics") from _error
