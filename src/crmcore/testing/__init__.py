"""Kit for the tests of host applications and of backends.

Here: builders and a clock, which need neither pytest nor hypothesis. With the extra `testing`:
`crmcore.testing.strategies` for hypothesis, and `crmcore.testing.contract`, the tests that every
backend passes. (PYTEST_DONT_REWRITE: hypothesis loads this module early, and it asserts nothing.)
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
    an_interaction,
    an_order,
    an_organisation,
)
from crmcore.testing.clock import FrozenClock

__all__ = [
    "AT",
    "FrozenClock",
    "a_cancellation",
    "a_consent",
    "a_customer",
    "a_fulfilment",
    "a_line",
    "a_payment",
    "a_product",
    "a_return",
    "a_score",
    "an_interaction",
    "an_order",
    "an_organisation",
]
