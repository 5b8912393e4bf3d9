"""Strategies for what may change: customers with their roles and ties, and products."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.contact_points import Channel, ContactPoint
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, ProductId
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.notes import Attachment, Note
from crmcore.domain.product import Product
from crmcore.domain.relations import Relationship, Role
from crmcore.testing.strategies import values

__all__ = ["attachments", "customers", "notes", "products", "relationships", "roles", "tags"]

T = TypeVar("T")


def roles(*, names: SearchStrategy[str] | None = None) -> SearchStrategy[Role]:
    """Roles, open or ended."""
    return _dated(Role, values.either(names, values.symbols()))


def relationships(
    *, kinds: SearchStrategy[str] | None = None, other_ids: SearchStrategy[CustomerId] | None = None
) -> SearchStrategy[Relationship]:
    """Ties to other customers, open or ended."""
    others = values.either(other_ids, values.ids().map(CustomerId))
    return _dated(Relationship, values.either(kinds, values.symbols()), other_id=others)


def _dated(
    cls: Callable[..., T], names: SearchStrategy[str], **more: SearchStrategy[Any]
) -> SearchStrategy[T]:
    def between(since: datetime) -> SearchStrategy[T]:
        until = st.none() | values.instants(min_value=since)
        return st.builds(cls, names, since=st.just(since), until=until, **more)

    return values.instants(max_value=datetime(9000, 1, 1, tzinfo=UTC)).flatmap(between)


def tags() -> SearchStrategy[str]:
    """Tags, as people write them: in capitals, with blanks, beyond ASCII."""
    common = st.sampled_from(["vip", "VIP", " big  spender ", "Überfällig", "ß", "ﬁ"])
    return common | values.texts(max_size=2).filter(str.strip)


def notes() -> SearchStrategy[Note]:
    """Notes, with and without an author."""
    written = values.texts(max_size=60).filter(str.strip)
    author = st.none() | values.texts(max_size=10)
    return st.builds(Note, written, at=values.instants(), author=author)


def attachments() -> SearchStrategy[Attachment]:
    """References to documents, with and without what is known of them."""
    return st.builds(
        Attachment,
        values.texts(max_size=20),
        values.texts(max_size=30),
        media_type=st.sampled_from([None, "application/pdf", "Image/PNG"]),
        size=st.none() | st.integers(0, 2**53 - 1),
        at=values.instants(),
    )


@st.composite
def customers(
    draw: st.DrawFn,
    *,
    model: Model | None = None,
    ids: SearchStrategy[CustomerId] | None = None,
    kinds: SearchStrategy[CustomerKind] | None = None,
    names: SearchStrategy[str | None] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    identifiers: SearchStrategy[Identifier] | None = None,
    contact_points: SearchStrategy[ContactPoint] | None = None,
) -> Customer:
    """New customers, with attributes and a stage of the `model`."""
    model = model or Model()
    at = draw(values.either(ats, values.instants()))
    known = [t for t in model.attributes if draw(st.booleans())]
    worth = [values.attribute_values(declared=t, currency=model.currency) for t in known]
    return Customer(
        kind=draw(values.either(kinds, st.sampled_from(CustomerKind))),
        name=draw(values.either(names, st.none() | values.texts().filter(str.strip))),
        at=at,
        life_cycle=model.life_cycle,
        stage=draw(st.sampled_from([stage.name for stage in model.life_cycle.stages])),
        language=draw(st.sampled_from([None, "es", "pt-BR"])),
        zone=draw(st.sampled_from([None, "Europe/Madrid", "Pacific/Kiritimati"])),
        region=draw(st.none() | values.texts(max_size=10)),
        channels=tuple(draw(st.lists(st.sampled_from(Channel), max_size=2, unique=True))),
        identifiers=_some(draw, values.either(identifiers, values.identifiers())),
        contact_points=_some(draw, values.either(contact_points, values.contact_points())),
        roles=tuple(draw(st.lists(roles(), max_size=2, unique_by=lambda role: role.name))),
        relationships=_some(draw, relationships()),
        attributes=tuple(draw(value) for value in worth),
        tags=draw(st.lists(tags(), max_size=2)),
        notes=_some(draw, notes()),
        attachments=draw(
            st.lists(attachments(), max_size=2, unique_by=lambda attached: attached.reference)
        ),
        id=draw(values.either(ids, values.ids(st.just(at)).map(CustomerId))),
    )


def _some(draw: st.DrawFn, parts: SearchStrategy[T]) -> tuple[T, ...]:
    return tuple(draw(st.lists(parts, max_size=2, unique=True)))


@st.composite
def products(
    draw: st.DrawFn,
    *,
    skus: SearchStrategy[str] | None = None,
    prices: SearchStrategy[Money | None] | None = None,
) -> Product:
    """New products."""
    at = draw(values.instants())
    return Product(
        sku=draw(values.either(skus, values.texts(max_size=20))),
        at=at,
        name=draw(st.none() | values.texts()),
        category=draw(st.none() | values.texts()),
        price=draw(values.either(prices, st.none() | values.moneys(min_minor=0))),
        id=ProductId(draw(values.ids(st.just(at)))),
    )
