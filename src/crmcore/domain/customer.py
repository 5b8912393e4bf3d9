"""Customer: one person or organisation, prospect or current, whatever their roles.

Frozen: each command returns the next state, and `uow.customers.save` stores it. What a customer
does (orders, interactions, scores) are facts, not fields here; the single view is the profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self, TypeVar

import attrs

from crmcore.domain.attributes import AttributeValue, Scalar
from crmcore.domain.contact_points import Channel, ContactKind, ContactPoint
from crmcore.domain.errors import Fault, InvalidInput, Refused
from crmcore.domain.fields import PERSONAL, UNSTORED
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, a_version, an_id, new_id
from crmcore.domain.instants import instant, zone_named
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle, Standing
from crmcore.domain.notes import ATTACHMENTS, NOTES, Attachment, Note
from crmcore.domain.relations import Relationship, Role
from crmcore.domain.tags import tags as one_form
from crmcore.domain.text import Words, checked_text, optional_text, symbol
from crmcore.domain.trusted import built

__all__ = ["Customer", "CustomerKind"]


T = TypeVar("T")


class CustomerKind(Words):
    """A human being, or a company, branch, household."""

    PERSON = "person"
    ORGANISATION = "organisation"


def _zone(value: str | None) -> str | None:
    return None if value is None else zone_named(value).key


def _stage_since(value: datetime) -> datetime:
    return instant(value, "stage_since")


def _channels(values: Iterable[Channel | str]) -> tuple[Channel, ...]:
    return tuple(map(Channel, values))


def _members(values: Iterable[T], cls: type[T], path: str) -> tuple[T, ...]:
    """`values`, each of which is a `cls`; every other is told with its place."""
    if not isinstance(values, Iterable):
        raise InvalidInput.of(path, f"must be several of {cls.__name__}")
    members = tuple(values)
    faults = tuple(
        Fault(f"{path}[{index}]", f"must be of {cls.__name__}")
        for index, member in enumerate(members)
        if not isinstance(member, cls)
    )
    if faults:
        raise InvalidInput(faults)
    return members


def _identifiers(values: Iterable[Identifier]) -> tuple[Identifier, ...]:
    return _members(values, Identifier, "identifiers")


def _contact_points(values: Iterable[ContactPoint]) -> tuple[ContactPoint, ...]:
    return _members(values, ContactPoint, "contact_points")


def _roles(values: Iterable[Role]) -> tuple[Role, ...]:
    return _members(values, Role, "roles")


def _relationships(values: Iterable[Relationship]) -> tuple[Relationship, ...]:
    return _members(values, Relationship, "relationships")


def _attributes(values: Iterable[AttributeValue]) -> tuple[AttributeValue, ...]:
    return _members(values, AttributeValue, "attributes")


def _notes(values: Iterable[Note]) -> tuple[Note, ...]:
    return _at_most(NOTES, tuple(dict.fromkeys(_members(values, Note, "notes"))), "notes")


def _attachments(values: Iterable[Attachment]) -> tuple[Attachment, ...]:
    return _at_most(ATTACHMENTS, _members(values, Attachment, "attachments"), "attachments")


def _at_most(most: int, members: tuple[T, ...], path: str) -> tuple[T, ...]:
    if len(members) > most:
        raise InvalidInput.of(path, f"are more than {most}")
    return members


def _name(customer: Customer, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    name = checked_text(value, attribute.name, 500)
    if not name.strip():
        raise InvalidInput.of(attribute.name, "is empty")
    if name is not value:
        object.__setattr__(customer, "name", name)


def _stage(customer: Customer) -> str:
    return customer.life_cycle.first


def _points(emails: Iterable[str], phones: Iterable[str]) -> tuple[ContactPoint, ...]:
    """The contact points of a new customer; every bad address is told with its place."""
    faults: list[Fault] = []
    points: dict[ContactPoint, None] = {}
    for path, kind, values in (
        ("emails", ContactKind.EMAIL, emails),
        ("phones", ContactKind.PHONE, phones),
    ):
        for index, value in enumerate(values):
            try:
                points[ContactPoint(kind, value)] = None
            except InvalidInput as error:
                faults += error.under(f"{path}[{index}]").faults
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(points)


@attrs.frozen(kw_only=True)
class Customer:
    """A customer; build one with `Customer.person(...)` or `Customer.organisation(...)`.

    `at` is the instant since which we know them; `language` a BCP 47 tag (`es`, `pt-BR`); `zone`
    an IANA time zone; `region` any region code of the host; `channels` the preferred ones, best
    first; `tags` are in order, `notes` and `attachments` as they were added. `version` is 0 until
    stored, then grows by one with every save.

    - `kind`: a human being (`person`), or a company, branch or household (`organisation`)
    - `name`: what they are called
    - `at`: since when they are known
    - `stage`: the stage of the life cycle that they are in
    - `stage_since`: since when they are in it
    - `language`: the language to address them in, a BCP 47 tag
    - `zone`: their time zone, by its IANA name
    - `region`: their region, by a code of the host
    - `channels`: the channels they prefer, best first
    - `identifiers`: what tells who they are: external ids, cards, addresses
    - `contact_points`: the addresses at which they can be reached
    - `roles`: what they are to the organisation, and from when to when
    - `relationships`: their ties to other customers, and from when to when
    - `attributes`: what the host knows of them besides, each with its source and date
    - `tags`: words that sort customers, in order
    - `notes`: what people wrote down of them
    - `attachments`: where documents about them are kept
    - `id`: the customer's own id
    - `version`: how often this record was stored
    """

    kind: CustomerKind = attrs.field(converter=CustomerKind)
    name: str | None = attrs.field(default=None, repr=False, validator=_name, metadata=PERSONAL)
    at: datetime = attrs.field(converter=instant)
    life_cycle: LifeCycle = attrs.field(
        default=DEFAULT_LIFE_CYCLE, repr=False, eq=False, metadata=UNSTORED
    )
    stage: str = attrs.field(default=attrs.Factory(_stage, takes_self=True), validator=symbol)
    stage_since: datetime = attrs.field(
        default=attrs.Factory(lambda self: self.at, takes_self=True), converter=_stage_since
    )
    language: str | None = attrs.field(default=None, validator=optional_text(35))
    zone: str | None = attrs.field(default=None, converter=_zone)
    region: str | None = attrs.field(default=None, validator=optional_text(80))
    channels: tuple[Channel, ...] = attrs.field(default=(), converter=_channels)
    identifiers: tuple[Identifier, ...] = attrs.field(
        default=(), converter=_identifiers, metadata=PERSONAL, repr=False
    )
    contact_points: tuple[ContactPoint, ...] = attrs.field(
        default=(), converter=_contact_points, metadata=PERSONAL, repr=False
    )
    roles: tuple[Role, ...] = attrs.field(default=(), converter=_roles)
    relationships: tuple[Relationship, ...] = attrs.field(default=(), converter=_relationships)
    attributes: tuple[AttributeValue, ...] = attrs.field(
        default=(), converter=_attributes, metadata=PERSONAL, repr=False
    )
    tags: tuple[str, ...] = attrs.field(default=(), converter=one_form)
    notes: tuple[Note, ...] = attrs.field(
        default=(), converter=_notes, metadata=PERSONAL, repr=False
    )
    attachments: tuple[Attachment, ...] = attrs.field(
        default=(), converter=_attachments, metadata=PERSONAL, repr=False
    )
    id: CustomerId = attrs.field(
        default=attrs.Factory(lambda self: CustomerId(new_id(self.at)), takes_self=True),
        validator=an_id,
    )
    version: int = attrs.field(default=0, validator=a_version)

    def __attrs_post_init__(self) -> None:
        faults = []
        for index, known in enumerate(self.attributes):
            if known.name in (other.name for other in self.attributes[:index]):
                faults.append(Fault(f"attributes[{index}]", "is given twice"))
        for index, role in enumerate(self.roles):
            if any(role.overlaps(other) for other in self.roles[:index]):
                faults.append(Fault(f"roles[{index}]", "overlaps another of that name"))
        for index, tie in enumerate(self.relationships):
            if tie.other_id == self.id:
                faults.append(Fault(f"relationships[{index}]", "is to oneself"))
        filed: set[str] = set()
        for index, attachment in enumerate(self.attachments):
            if attachment.reference in filed:
                faults.append(Fault(f"attachments[{index}]", "has the reference of another"))
            filed.add(attachment.reference)
        if faults:
            raise InvalidInput(tuple(faults))

    @classmethod
    def person(
        cls,
        name: str | None = None,
        *,
        at: datetime,
        emails: Iterable[str] = (),
        phones: Iterable[str] = (),
        identifiers: Iterable[Identifier] = (),
        language: str | None = None,
        zone: str | None = None,
        region: str | None = None,
        life_cycle: LifeCycle = DEFAULT_LIFE_CYCLE,
    ) -> Self:
        """A person first known at `at`; a bad address is `InvalidInput` with its place."""
        return cls(
            kind=CustomerKind.PERSON, name=name, at=at, contact_points=_points(emails, phones),
            identifiers=identifiers, language=language, zone=zone, region=region,
            life_cycle=life_cycle,
        )  # fmt: skip

    @classmethod
    def organisation(
        cls,
        name: str | None = None,
        *,
        at: datetime,
        emails: Iterable[str] = (),
        phones: Iterable[str] = (),
        identifiers: Iterable[Identifier] = (),
        language: str | None = None,
        zone: str | None = None,
        region: str | None = None,
        life_cycle: LifeCycle = DEFAULT_LIFE_CYCLE,
    ) -> Self:
        """A company, branch or household first known at `at`."""
        return cls(
            kind=CustomerKind.ORGANISATION, name=name, at=at,
            contact_points=_points(emails, phones), identifiers=identifiers, language=language,
            zone=zone, region=region, life_cycle=life_cycle,
        )  # fmt: skip

    @property
    def standing(self) -> Standing:
        """Prospect, customer or former customer: what to treat a caller as (S10)."""
        return self.life_cycle.standing(self.stage)

    @property
    def keys(self) -> tuple[Identifier, ...]:
        """Everything that identifies this customer: identifiers, e-mails and phones."""
        points = (
            built(Identifier, type=p.kind.value, value=p.value, source=None)  # normalised alike
            for p in self.contact_points
            if p.identifies
        )
        return tuple(dict.fromkeys((*self.identifiers, *points)))

    def moved_to(self, stage: str, *, at: datetime) -> Self:
        """In another stage since `at`; `MoveRefused` names the rule when it is not allowed."""
        at = instant(at)
        who = str(self.id)
        self.life_cycle.check(self.stage, stage, since=self.stage_since, at=at, who=who)
        return attrs.evolve(self, stage=stage, stage_since=at)

    def renamed(self, name: str | None) -> Self:
        """Under another name, or none."""
        return attrs.evolve(self, name=name)

    def preferring(
        self,
        *,
        language: str | None = None,
        zone: str | None = None,
        region: str | None = None,
        channels: Iterable[Channel] | None = None,
    ) -> Self:
        """With these preferences; what is not given stays.

        `None` is "not given", so this clears nothing: `attrs.evolve(customer, language=None)` does.
        """
        return attrs.evolve(
            self,
            language=language or self.language,
            zone=zone or self.zone,
            region=region or self.region,
            channels=self.channels if channels is None else _channels(channels),
        )

    def identified_by(self, identifier: Identifier) -> Self:
        """With one more identifier; one it has already changes nothing."""
        kept = dict.fromkeys((*self.identifiers, identifier))
        return attrs.evolve(self, identifiers=tuple(kept))

    def no_longer_identified_by(self, identifier: Identifier) -> Self:
        """Without that identifier."""
        return attrs.evolve(self, identifiers=tuple(i for i in self.identifiers if i != identifier))

    def reachable_at(self, point: ContactPoint) -> Self:
        """With one more contact point; one it has already changes nothing."""
        kept = dict.fromkeys((*self.contact_points, point))
        return attrs.evolve(self, contact_points=tuple(kept))

    def no_longer_reachable_at(self, point: ContactPoint) -> Self:
        """Without that contact point."""
        return attrs.evolve(
            self, contact_points=tuple(p for p in self.contact_points if p != point)
        )

    def taking_role(self, role: Role) -> Self:
        """With one more role; a second of one name must not overlap the first in time."""
        if any(role.overlaps(held) for held in self.roles):
            raise Refused("roles.no_overlap", f"already {role.name} then", str(self.id))
        return attrs.evolve(self, roles=(*self.roles, role))

    def leaving_role(self, name: str, *, at: datetime) -> Self:
        """With the open role of that name ended at `at`."""
        if not any(role.name == name and role.until is None for role in self.roles):
            raise Refused("roles.not_held", f"is not {name} now", str(self.id))
        return attrs.evolve(
            self,
            roles=tuple(
                attrs.evolve(r, until=at) if r.name == name and r.until is None else r
                for r in self.roles
            ),
        )

    def related_by(self, relationship: Relationship) -> Self:
        """Tied to another customer; to oneself is refused."""
        if relationship.other_id == self.id:
            raise Refused("relationships.not_oneself", "cannot relate to oneself", str(self.id))
        kept = dict.fromkeys((*self.relationships, relationship))
        return attrs.evolve(self, relationships=tuple(kept))

    def attribute(self, name: str) -> Scalar | None:
        """The value of a host attribute; `None` if it is not known."""
        return next((a.value for a in self.attributes if a.name == name), None)

    def with_attribute(
        self, name: str, value: Scalar, *, at: datetime, source: str | None = None
    ) -> Self:
        """Knowing this value since `at`; an older value than the known one changes nothing."""
        known = AttributeValue(name, value, source, at=at)
        others = []
        for held in self.attributes:
            if held.name != name:
                others.append(held)
            elif held.at > known.at:
                return self
        return attrs.evolve(self, attributes=(*others, known))

    def without_attribute(self, name: str) -> Self:
        """With that attribute no longer known."""
        return attrs.evolve(self, attributes=tuple(a for a in self.attributes if a.name != name))

    def tagged(self, *tags: str) -> Self:
        """With these tags as well; capitals and white space do not tell tags apart."""
        return attrs.evolve(self, tags=(*self.tags, *one_form(tags)))

    def untagged(self, *tags: str) -> Self:
        """Without these tags; one it does not have changes nothing."""
        gone = one_form(tags)
        return attrs.evolve(self, tags=[tag for tag in self.tags if tag not in gone])

    def noted(self, text: str, *, at: datetime, author: str | None = None) -> Self:
        """With one more note; the very same one again changes nothing."""
        return attrs.evolve(self, notes=(*self.notes, Note(text, at=at, author=author)))

    def without_note(self, note: Note) -> Self:
        """Without that note."""
        return attrs.evolve(self, notes=[known for known in self.notes if known != note])

    def attached(self, attachment: Attachment) -> Self:
        """With one more attachment, in place of the one with its reference if there is one."""
        others = (a for a in self.attachments if a.reference != attachment.reference)
        return attrs.evolve(self, attachments=(*others, attachment))

    def detached(self, reference: str) -> Self:
        """Without the attachment of that reference."""
        kept = [a for a in self.attachments if a.reference != reference]
        return attrs.evolve(self, attachments=kept)
