"""What the report needs beyond the core: jinja2 and the analytics, the extra `report`."""

from __future__ import annotations

from crmcore.domain.errors import MissingExtra

__all__: list[str] = []

try:
    import jinja2  # noqa: F401 - imported to learn whether it is there
    import numpy as np  # noqa: F401 - the same
    import scipy  # noqa: F401 - the same
except ImportError as _error:
    raise MissingExtra("report") from _error
