"""Writing the report: a snapshot of the store, its sections, one HTML file."""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile

from jinja2 import Environment, StrictUndefined

from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import instant, start_of, zone_named
from crmcore.domain.ports import Backend
from crmcore.domain.text import checked_text
from crmcore.report.figures import money, percent, until, whole
from crmcore.report.layout import Section, Tile
from crmcore.report.sections import (
    best,
    cohorts,
    concentration,
    growth,
    loyalty,
    recency,
    risk,
    value,
    who,
)  # fmt: skip
from crmcore.report.sections.best import best_places
from crmcore.report.sections.risk import SHOWN, at_risk
from crmcore.report.sections.scored import scored_when
from crmcore.report.snapshot import Snapshot

__all__ = ["write_report"]

TITLE = "Customer report"


def write_report(
    backend: Backend,
    path: str | os.PathLike[str],
    *,
    at: datetime | None = None,
    title: str | None = None,
    personal: bool = True,
) -> Path:
    """Write the report about the customers of `backend` to `path`, and answer the path.

    One HTML file that stands alone: it asks the network for nothing and runs no script, and reads
    on a desk, a phone, on paper, and to a screen reader. It tells what the store knew at the
    instant `at` (the end of today in the model's zone, by the backend's clock): customers and facts
    before it, stages as they were by the journal, the latest scores before it. Orders are net of
    all that was cancelled or came back, whenever that was recorded. Days and months are those of
    the model's zone. The same store and instant give the same file, byte for byte, on every
    backend.

    `personal=False` shows customers by id alone. The file is replaced whole or not at all. A folder
    that cannot be written to, or a naive `at`, is `InvalidInput`.
    """
    at = _end_of_today(backend) if at is None else instant(at)
    title = TITLE if title is None else checked_text(title, "title", 200)
    page = _page(backend, at=at, title=title, personal=personal)
    target = Path(path)
    try:
        file = NamedTemporaryFile("wb", dir=target.parent, delete=False)  # noqa: SIM115
    except OSError as error:
        reason = f"cannot be written: {error.strerror or type(error).__name__}"
        raise InvalidInput.of("path", reason) from error
    with file as made:
        written = Path(made.name)
        try:
            made.write(page.encode())
            made.close()
            written.chmod(0o600 if personal else 0o644)
            written.replace(target)
        except BaseException:
            made.close()
            written.unlink(missing_ok=True)
            raise
    return target


def _end_of_today(backend: Backend) -> datetime:
    """Scores of today are dated at its end; nothing else is later than now."""
    zone = backend.model.zone
    today = backend.clock().astimezone(zone_named(zone)).date()
    return start_of(today + timedelta(days=1), zone=zone)


def _page(backend: Backend, *, at: datetime, title: str, personal: bool) -> str:
    seen = Snapshot.taken(backend, at=at)
    endangered = at_risk(seen)
    wanted = {*best_places(seen).tolist(), *endangered.chosen[:SHOWN].tolist()}
    people = seen.people(backend, sorted(wanted)) if personal else {}
    names = {place: _name(customer) for place, customer in people.items()}
    sections: tuple[Section, ...] = (
        who(seen), growth(seen), value(seen), concentration(seen), recency(seen), cohorts(seen),
        *loyalty(seen), risk(seen, endangered, names), best(seen, names),
    )  # fmt: skip
    style = _asset("page.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset("page.html.jinja")).render(
        title=title, sections=sections, tiles=_tiles(seen), style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        facts=_facts(seen), personal=personal,
    )  # fmt: skip


def _asset(name: str) -> str:
    return files("crmcore.report").joinpath(name).read_text("utf-8")


def _name(customer: Customer) -> str | None:
    """Under what they are known: name, else an identifier, else an address."""
    if customer.name is not None:
        return customer.name
    values = [known.value for known in customer.identifiers]
    values += [point.value for point in customer.contact_points]
    return values[0] if values else None


def _tiles(seen: Snapshot) -> tuple[Tile, ...]:
    known, buyers = int(seen.known.sum()), len(seen.buyers)
    count, total = int(seen.purchases.count.sum()), seen.purchases.total
    currency = seen.model.currency
    again = int((seen.purchases.count > 1).sum())
    each = money(round(total / count), currency) if count else "none yet"
    return (
        Tile("Customers", whole(known)),
        Tile("Who bought", whole(buyers), f"{percent(buyers, known)} of all"),
        Tile("Bought again", whole(again), f"{percent(again, buyers)} of who bought"),
        Tile("Purchases", whole(count), f"{each} on average" if count else ""),
        Tile("Revenue", money(total, currency).removesuffix(f" {currency}"), currency),
    )


def _facts(seen: Snapshot) -> tuple[tuple[str, str], ...]:
    """What every figure of the page rests on."""
    zone = seen.model.zone
    return (
        ("As of", f"{until(seen.at, zone)} ({zone})"),
        ("Currency", f"{seen.model.currency}, net of what was cancelled or came back"),
        ("Scores", scored_when(seen, parameters=True) or "none are stored"),
        ("Made by", f"crmcore {_version()}"),
    )


def _version() -> str:
    try:
        return version("crmcore")
    except PackageNotFoundError:  # run from its source, never installed
        return "of an unknown version"
