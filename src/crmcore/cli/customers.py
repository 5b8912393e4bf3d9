"""`crmcore customers`: who is in the store, filtered, ordered, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from crmcore.cli.places import opened
from crmcore.cli.showing import ABSENT, counted, day, fits, plain, printable, records, table
from crmcore.cli.terminal import Terminal
from crmcore.cli.where import where as read_where
from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.fields import FieldType
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.profile import Page
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["customers", "fields_to_show"]

USUAL = ("stage", "purchase_count", "revenue", "last_purchase_at")
SPARE = ("last_purchase_at", "purchase_count")
"""Usual fields that are left out, in this order, where the terminal is too narrow for all."""
EXTERNAL = "external"
NUMBERS = (FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL, FieldType.MONEY)


def customers(
    *,
    where: str | None = None,
    order_by: str | None = None,
    descending: bool = False,
    limit: int = 20,
    after: str | None = None,
    count: bool = False,
    field: Annotated[list[str] | None, Parameter(consume_multiple=False)] = None,
    personal: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """List customers: filtered, ordered, page by page.

    Customers are shown by id; names, your own ids (column `external`), e-mail
    and phone only with --personal. A narrow terminal shows fewer fields.

        crmcore customers --where "revenue > 100 and stage = active"
        crmcore customers --where "last_purchase_at < 2026-01-01" --count
        crmcore customers --order-by lifetime_value --descending --limit 10
        crmcore customers --field name --field revenue --personal

    Parameters
    ----------
    where
        Conditions joined by `and`, `or`, `not`, with parentheses: FIELD = != < <= > >= VALUE,
        is absent, is present, in (A, B), contains, starts with, has, during last_month, < 90 days
        ago; in segment NAME; count of purchases in last 6 months >= 3. @FILE is JSON.
    order_by
        A field of the profile; absent values come last. Without it, in the order of ids.
    descending
        The greatest first.
    limit
        How many on a page: 20 if not given, at most 10,000.
    after
        Go on behind a page: the cursor that it ended with.
    count
        Only say how many there are.
    field
        Show this field; may be given several times.
    personal
        Show personal values too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        query = unit.profiles.where(None if where is None else read_where(where, backend.model))
        if count:
            total = query.count()
            terminal.answer({"count": total}, lambda: f"{total:,}")
            return
        shown = fields_to_show(
            backend.model, field, personal=personal, every=terminal.json, order_by=order_by
        )
        if order_by is not None:
            query = query.order_by(order_by, descending=descending)
        elif descending:
            raise InvalidInput.of("--descending", "needs --order-by")
        page = query.page(limit=limit, after=after)
        own = _external(unit, page) if personal else None
        width, chosen = terminal.out.width, order_by if field is None else None
        spare = () if field else tuple(name for name in SPARE if name != chosen)
        terminal.answer(
            _data(page, shown, own),
            lambda: _listed(page, shown, backend.model, own, spare=spare, width=width),
        )
        if page.next is None:
            terminal.say(f"\n{counted(len(page), 'customer')}.")
        else:
            terminal.say(f"\n{counted(len(page), 'customer')}; more with --after {page.next}")


def fields_to_show(
    model: Model, wanted: Sequence[str] | None, *, personal: bool, every: bool,
    order_by: str | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """The profile fields that are shown; a personal one needs `--personal`.

    Where none are asked for, the field that the list is in the order of is among them.
    """
    known = model.profile_fields
    for name in wanted or ():
        if name not in known:
            raise UnknownField.named(name, known=tuple(known))
        if known[name].personal and not personal:
            raise InvalidInput.of("--field", f"{name} is personal: it needs --personal")
    if wanted:
        return tuple(wanted)
    if every:
        return tuple(name for name, field in known.items() if personal or not field.personal)
    usual = [*(("name",) if personal else ()), *(name for name in USUAL if name in known)]
    if order_by is not None and order_by in known and (personal or not known[order_by].personal):
        usual.append(order_by)
    return tuple(dict.fromkeys(usual))


def _external(unit: UnitOfWork, page: Page) -> dict[UUID, list[str]]:
    """By customer of the page, the ids that other systems know them by: `shop:C-1`."""
    found = unit.customers.get_many(profile.customer_id for profile in page)
    return {
        id: [
            f"{known.source}:{known.value}" if known.source else known.value
            for known in customer.identifiers
            if known.type == "external"
        ]
        for id, customer in found.items()
    }


def _data(page: Page, shown: Sequence[str], own: Mapping[UUID, list[str]] | None) -> dict[str, Any]:
    rows = [
        {
            "id": str(profile.customer_id),
            **({} if own is None else {EXTERNAL: own.get(profile.customer_id, [])}),
            **{name: plain(profile[name]) for name in shown},
        }
        for profile in page
    ]
    return {"customers": rows, "next": page.next}


def _listed(
    page: Page, shown: Sequence[str], model: Model, own: Mapping[UUID, list[str]] | None, *,
    spare: Sequence[str], width: int,
) -> Any:  # fmt: skip
    """A table with as many of the `spare` fields as fit; one field in a line if none helps."""
    known = model.profile_fields
    # A sum is in the model's currency, so it is enough that the head of its column says which.
    heads = [
        f"{name} {model.currency}" if known[name].type is FieldType.MONEY else name
        for name in shown
    ]
    numbers = [head for head, name in zip(heads, shown, strict=True) if known[name].type in NUMBERS]
    ids = [
        (str(p.customer_id), *(() if own is None else (_joined(own.get(p.customer_id, [])),)))
        for p in page
    ]
    rows = [
        (*id, *(_cell(p[name], model) for name in shown)) for id, p in zip(ids, page, strict=True)
    ]
    columns = ("id", *(() if own is None else (EXTERNAL,)), *heads)
    if fits(columns, rows, width=width):
        return table(columns, rows, right=numbers)
    if spare:
        fewer = [name for name in shown if name != spare[0]]
        return _listed(page, fewer, model, own, spare=spare[1:], width=width)
    return records(columns, rows)


def _joined(values: Sequence[str]) -> str:
    return ", ".join(map(printable, values)) or ABSENT


def _cell(value: Any, model: Model) -> str:
    return f"{value.amount:,}" if isinstance(value, Money) else day(value, zone=model.zone)
