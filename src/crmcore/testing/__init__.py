"""Kit for the tests of host applications and of backends.

Here: builders, a clock and injected faults, which need neither pytest nor hypothesis. With the
extra `testing`: fixtures for pytest, `crmcore.testing.strategies` for hypothesis, and
`crmcore.testing.contract`, the tests that every backend passes. (PYTEST_DONT_REWRITE: hypothesis
loads this module early, and it asserts nothing.)
"""

from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_fulfilment,
    a_line,
    a_payment,
    a_product,
    a_return,
    a_score,
    a_segment,
    a_segment_change,
    an_interaction,
    an_order,
    an_organisation,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.faults import Faults, faults
from crmcore.testing.members import (
    a_decision,
    a_membership,
    a_points_entry,
    a_programme,
    a_tier_change,
)

__all__ = [
    "AT",
    "Faults",
    "FrozenClock",
    "a_cancellation",
    "a_consent",
    "a_customer",
    "a_decision",
    "a_fulfilment",
    "a_line",
    "a_membership",
    "a_payment",
    "a_points_entry",
    "a_product",
    "a_programme",
    "a_return",
    "a_score",
    "a_segment",
    "a_segment_change",
    "a_tier_change",
    "an_interaction",
    "an_order",
    "an_organisation",
    "faults",
]
