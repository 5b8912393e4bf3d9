"""A clock that stands still until told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crmcore.domain.instants import instant

__all__ = ["FrozenClock"]


class FrozenClock:
    """Give it to `connect(clock=…)`; everything is then recorded at `now`.

    ```python
    >>> from crmcore.testing import FrozenClock
    >>> clock = FrozenClock()
    >>> clock.advance().isoformat()
    '2024-06-01T12:00:01+00:00'

    ```
    """

    def __init__(self, now: datetime = datetime(2024, 6, 1, 12, tzinfo=UTC)) -> None:
        self.now: datetime = instant(now)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Let this much time pass; answer what the clock shows then."""
        return self.set(self.now + by)

    def set(self, now: datetime) -> datetime:
        """Show this instant, earlier or later."""
        self.now = instant(now)
        return self.now
