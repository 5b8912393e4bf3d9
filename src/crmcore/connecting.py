"""`connect(url)`: the backend that serves a URL's scheme, found among the installed ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from crmcore.adapters.backend import Backend, system_clock
from crmcore.domain.errors import UnknownBackend
from crmcore.domain.model import Model
from crmcore.domain.money import DatedRates, Rates

__all__ = ["connect"]


def connect(
    url: str,
    *,
    tenant: str = "main",
    model: Model | None = None,
    clock: Callable[[], datetime] = system_clock,
    rates: Rates | None = None,
) -> Backend:
    """A backend for `url`, bound to one tenant and one model.

    `memory://` keeps everything in this process; `sqlite:///crm.db` in a file (`sql` extra).
    Backends are found by URL scheme through the entry-point group `crmcore.backends`, so a
    package of yours can add one. An unserved scheme, or what is no URL (a path), is
    `UnknownBackend`; an extra that is not installed `MissingExtra`. Nothing is created before
    `migrate()`.
    """
    from importlib.metadata import entry_points  # late: it is slow to import

    if not isinstance(url, str) or "://" not in url:
        raise UnknownBackend("that is no URL; a file is given as sqlite:///crm.db")
    scheme = url.partition(":")[0].partition("+")[0]
    for found in entry_points(group="crmcore.backends", name=scheme):
        make: Callable[..., Backend] = found.load()
        return make(
            url, tenant=tenant, model=model or Model(), clock=clock, rates=rates or DatedRates()
        )
    known = sorted(found.name for found in entry_points(group="crmcore.backends"))
    raise UnknownBackend(f"no backend serves {scheme!r} URLs; installed: {', '.join(known)}")
