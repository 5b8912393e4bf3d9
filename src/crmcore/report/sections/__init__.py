"""The sections of the report: each takes a snapshot and answers what it says."""

from crmcore.report.sections.best import best
from crmcore.report.sections.cohorts import cohorts
from crmcore.report.sections.concentration import concentration
from crmcore.report.sections.growth import growth
from crmcore.report.sections.loyalty import loyalty
from crmcore.report.sections.recency import recency
from crmcore.report.sections.risk import risk
from crmcore.report.sections.value import value
from crmcore.report.sections.who import who

__all__ = [
    "best", "cohorts", "concentration", "growth", "loyalty", "recency", "risk", "value", "who",
]  # fmt: skip
