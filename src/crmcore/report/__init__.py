"""The report: one HTML file about the customers of a store, for whoever only looks at the output.

It needs no server, no network and no script. Needs the `report` extra (jinja2, numpy, scipy).
"""

from __future__ import annotations

from crmcore.report import _requires as _requires  # isort: skip - first, to name the extra

from crmcore.report.writing import write_report

__all__ = ["write_report"]
