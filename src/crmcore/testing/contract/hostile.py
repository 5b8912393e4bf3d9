"""Text that looks like something else, and where text can stand in what is stored.

The fields are found from the declarations, so that a field of tomorrow is tried as well.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from crmcore.domain.attributes import AttributeType, AttributeValue
from crmcore.domain.contact_points import Channel, ContactKind, ContactPoint
from crmcore.domain.decisions import Reason
from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.membership import Lot
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.notes import Attachment, Note
from crmcore.domain.relations import Relationship, Role
from crmcore.domain.text import NAME, Words, optional_symbol, symbol
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
)
from crmcore.testing.members import (
    a_decision,
    a_membership,
    a_points_entry,
    a_programme,
    a_tier_change,
)

__all__ = ["MODEL", "TEXTS", "UNSTORABLE", "Place", "examples", "filled", "places", "put"]

T = TypeVar("T")

MODEL = Model(
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("tag", "text", indexed=True),
        AttributeType("visits", "integer"),
        AttributeType("weight", "float"),
        AttributeType("height", "decimal"),
        AttributeType("vip", "boolean", indexed=True),
        AttributeType("born", "date"),
        AttributeType("renewed_at", "instant"),
        AttributeType("budget", "money"),
    ),
    measures=(
        Measure("last_topic", "interactions", Fold.LATEST, "topic"),
        Measure("largest_purchase", "purchases", Fold.MAX, "amount"),
        Measure("smallest_payment", "payments", Fold.MIN, "base_amount"),
        Measure("waited", "interactions", Fold.SUM, "waited_seconds"),
    ),
    programmes=(a_programme(),),
)
"""A model with an attribute of every type, and one text that is indexed."""

TEXTS = (
    "'", "''", '"', "`", "\\", "\\'", "';--", "' OR ''='", "'); DELETE FROM crm_keys; --", "/*",
    "?", "%", "_", "100%", "%s", "%(tenant)s", ":tenant", "{0}", "${x}", "\\N", "\\.", "\\x00",
    "\\u0000", "$where", "$gt", "$name", "$$ROOT", '{"$gt": ""}', '{"$where": "1"}', "a.b", ".",
    "name.$", "null", "None", "true", "0", "-1", "1e5", "NaN", "[]", "{}", "'$.seat'",
    "<b>&amp;</b>", "=1+1", "a", "A", "a ", " a", "á", "a\u0301", "à", "ß", "ss", "SS", "ẞ", "i",
    "I", "İ", "ı", "\ufb01", "fi", "Å", "\u212b", "e\u200d", "e", "\ufeffe", "\u202etxt.exe",
    "\u200fשלום", "مرحبا", "日本", "Ω", "\u2126", "😀", "👩\u200d👩\u200d👧", "𝔘", "\U0010ffff",
    "\uffff", "\ue000", "\x01", "\x1a", "\x7f", "\x85", "\t", "\n", "\r\n", "a\tb", "a\nb",
    "\u2028", "\xa0",
)  # fmt: skip
"""Each is another text by code point, and each would be something else to some engine: the end of
a literal, a wild card, an operator, a path, a bound name, an escape of COPY, or an equal letter.
"""

SYMBOLS = (symbol, optional_symbol)
"""The validators of declared names."""

UNSTORABLE = {
    "NUL": "a\0b",
    "high surrogate": "a\ud83d",
    "low surrogate": "\ude00a",
    "megabyte": "x" * 2**20,
}
"""What no field takes, on any backend."""


@attrs.frozen
class Place:
    """Where a text stands: steps by field name, and 0 into a tuple. A closed one takes declared
    names or words alone.
    """

    steps: tuple[str | int, ...]
    closed: bool = False

    @property
    def name(self) -> str:
        """The innermost field."""
        return next(step for step in reversed(self.steps) if isinstance(step, str))


def places(cls: type) -> tuple[Place, ...]:
    """All places of text in a stored class, to any depth."""
    return _all_places(cast(Hashable, cls))


@lru_cache(maxsize=64)
def _all_places(cls: Any) -> tuple[Place, ...]:
    return tuple(_places(cls, (), closed=False))


def _places(hint: Any, steps: tuple[str | int, ...], *, closed: bool) -> Iterator[Place]:
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) in (Union, types.UnionType):
        some = get_args(hint)
        parts = [str] if str in some else [part for part in some if part is not types.NoneType]
        for part in parts:
            yield from _places(part, steps, closed=closed)
    elif get_origin(hint) is tuple:
        yield from _places(get_args(hint)[0], (*steps, 0), closed=closed)
    elif isinstance(hint, type) and issubclass(hint, str):
        yield Place(steps, closed or issubclass(hint, Words))
    elif attrs.has(hint):
        hints = get_type_hints(hint)
        for attribute in attrs.fields(hint):
            if attribute.metadata.get("stored", True):
                name, shut = attribute.name, attribute.validator in SYMBOLS
                yield from _places(hints[name], (*steps, name), closed=shut)


def put(value: T, place: Place, text: str) -> T:
    """`value` with `text` at that place, or whatever its class refuses it with."""
    return _put(value, place.steps, text)  # type: ignore[no-any-return]


def _put(value: Any, steps: tuple[str | int, ...], text: str) -> Any:
    if not steps:
        return text
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        return (_put(value[step], rest, text), *value[step + 1 :])
    inner = _put(getattr(value, step), rest, text)
    if isinstance(value, Money):
        return Money.of_minor(value.minor, inner)
    return attrs.evolve(value, **{step: inner})


def filled(value: T, text: str) -> tuple[T, dict[Place, InvalidInput]]:
    """`value` with `text` in every place that takes it, and the refusals of the others.

    A closed place is left alone by text that could be a declared name.
    """
    refused: dict[Place, InvalidInput] = {}
    for place in places(type(value)):
        if place.closed and NAME.fullmatch(text):
            continue
        try:
            value = put(value, place, text)
        except InvalidInput as error:
            refused[place] = error
    return value, refused


def examples(nth: int) -> dict[str, Any]:
    """One of every kind that has something in every field, by name; the facts are of its customer
    and its order. Another number gives others.
    """
    others = CustomerId(a_customer("Somebody else").id)
    ana = attrs.evolve(
        a_customer(nth=nth, zone="Europe/Madrid", region="north"),
        channels=(Channel.PHONE,),
        identifiers=(Identifier("external", f"{nth}", source=f"shop {nth}"),),
        contact_points=(ContactPoint(ContactKind.POSTAL, "Calle 1", label="home"),),
        roles=(Role("holder", since=AT, needs=("care",), activity="high"),),
        relationships=(Relationship("member_of", other_id=others, since=AT),),
        attributes=(AttributeValue("seat", "12a", "survey", at=AT),),
        tags=("loud",),
        notes=(Note("rings at noon", at=AT, author="ben"),),
        attachments=(Attachment("Lease", "s3://leases/7", media_type="text/plain", at=AT),),
    )
    key: Any = {"source": "shop", "source_key": f"{nth}"}
    line = a_line(category="mugs")
    order = an_order(ana, "12.50", lines=[line], channel="web", **key)
    order = attrs.evolve(order, base_amount=order.total)
    payment, back = a_payment(order, **key), a_return(order, "0.50", reason="too blue", **key)
    lots = (Lot(FactId(order.id), 40, AT, AT + timedelta(days=9), True, AT + timedelta(days=1)),)
    member = a_membership(ana, number=f"card {nth}", lots=lots, closed_at=AT + timedelta(days=9))
    entry = a_points_entry(member, reason="sorry for the wait", **key)
    decision = a_decision(ana, reasons=[Reason("r", "why", (order.id,))], cost="5.00", **key)
    facts = {
        "payments": attrs.evolve(payment, base_amount=payment.amount),
        "fulfilments": a_fulfilment(order, reference="parcel", **key),
        "returns": attrs.evolve(back, base_amount=back.amount),
        "interactions": an_interaction(
            ana, topic="billing", outcome="solved", subject="hello", **key
        ),
        "scores": a_score(ana, model="m", why="w", low=0, high=1, scorer_version="2", **key),
        "consents": a_consent(ana, channel="email", until=AT + timedelta(days=1), **key),
        "segment_changes": a_segment_change(ana, **key),
        "points": attrs.evolve(
            entry,
            policy="club 1",
            expires_at=AT + timedelta(days=9),
            of_fact=order.id,
            other_membership_id=member.id,
        ),
        "tier_changes": attrs.evolve(a_tier_change(member, **key), decision_id=decision.id),
        "decisions": attrs.evolve(
            decision,
            authority="desk",
            approved_by="ines",
            value=Money("9.00", "EUR"),
            membership_id=member.id,
            revokes=decision.id,
        ),
    }
    called_off = an_order(ana, "1.00", source="shop", source_key=f"{nth} called off")
    called_off = attrs.evolve(called_off, base_amount=called_off.total)
    return {
        "customers": ana,
        "products": a_product(f"SKU {nth}", category="mugs"),
        "segments": a_segment(f"s{nth}", field("order_count") > 9, description="mugs"),
        "memberships": member,
        "orders": order,
        **facts,
        "orders called off": called_off,
        "cancellations": a_cancellation(called_off, reason="changed my mind", **key),
    }
