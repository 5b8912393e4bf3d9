"""The memory backend: everything in this process, with every promise but lasting.

It stores the encoded rows, checks versions and keys, rolls back and isolates, so what works here
works on the others. Representation: plain dictionaries by table; an open transaction holds its
own changes in overlays that readers do not see, and applies them at commit. One writer at a time;
a second waits, then `Busy`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from crmcore.adapters.memory.backend import MemoryBackend, MemoryStore, Snapshot
from crmcore.domain.errors import UnknownBackend
from crmcore.domain.model import Model
from crmcore.domain.money import Rates

__all__ = ["MemoryBackend", "MemoryStore", "Snapshot", "connect"]


def connect(
    url: str, *, tenant: str, model: Model, clock: Callable[[], datetime], rates: Rates
) -> MemoryBackend:
    """A store of its own for `memory://`."""
    if url != "memory://":
        raise UnknownBackend("the memory backend takes no path: memory://")
    return MemoryBackend(MemoryStore(), tenant=tenant, model=model, clock=clock, rates=rates)
