"""Charts as inline SVG: nothing is fetched, nothing runs, and they print as they look.

Each kind of chart is one function that draws its data once for a desk and once for a phone. Every
chart has a name and a description; every mark tells its figure when a pointer rests on it.
"""

from crmcore.report.charts.bars import Bar, bars
from crmcore.report.charts.columns import Series, columns
from crmcore.report.charts.curve import curve
from crmcore.report.charts.heat_map import Cell, heat_map

__all__ = ["Bar", "Cell", "Series", "bars", "columns", "curve", "heat_map"]
