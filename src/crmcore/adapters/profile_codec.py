"""Profiles as flat rows of wire values: one column per copied field and measure.

Host attributes are one JSON object of wire values by name. A `latest` measure has two more
columns: `<name>_at`, which is a profile field, and `<name>__recorded_at`, which only breaks ties.

What is asked of parts of a text is asked of the text folded. Stores keep it beside the texts, in
`texts__folded`: one object by field, of those whose folded form is another. It is no field of a
profile, and as personal as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

import attrs

from crmcore.adapters.codec import Column
from crmcore.adapters.wire import column_of, unwired, wired
from crmcore.domain.contact_points import ContactKind
from crmcore.domain.customer import Customer
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import to_millis
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.names import folded_text
from crmcore.domain.profile import COPIED_FIELDS, Profile, copied

__all__ = [
    "FIXED_COLUMNS",
    "FOLDED",
    "FOLDING",
    "SAME_FOLDED",
    "ProfileCodec",
    "deltas",
    "folded_texts",
    "measure_columns",
]

FOLDED = "texts__folded"
"""Where the folded texts are. No measure or attribute has a name with `__`."""
SAME_FOLDED = frozenset({"kind", "stage", "phone"})
"""Copied texts that are in lower case and without accents by their own rules."""
FOLDING = tuple(f.name for f in COPIED_FIELDS if f.folds and f.name not in SAME_FOLDED)
"""The copied texts that may be others when folded."""

FIXED_COLUMNS = (
    *(Column(f.name, f.type, f.optional, f.personal) for f in COPIED_FIELDS),
    Column("attributes", FieldType.NESTED, optional=False, personal=True),
)
"""The columns every profile has, whatever the model."""


@lru_cache(maxsize=1024)
def measure_columns(measure: Measure) -> tuple[Column, ...]:
    """The columns of one measure."""
    own = measure.fields[0]
    wire_type = FieldType.INTEGER if own.type is FieldType.MONEY else own.type
    first = Column(column_of(own), wire_type, own.optional, own.personal)
    if measure.fold is not Fold.LATEST:
        return (first,)
    at = Column(f"{own.name}_at", FieldType.INSTANT, personal=own.personal)
    return (first, at, Column(f"{own.name}__recorded_at", FieldType.INSTANT))


@attrs.frozen(slots=False)
class ProfileCodec:
    """Rows of profiles under one model."""

    model: Model

    def copies(self, customer: Customer) -> dict[str, Any]:
        """The wire values of what a profile copies from the customer."""
        found = copied(customer)
        row = {f.name: wired(f.type, found[f.name]) for f in COPIED_FIELDS}
        types = {a.name: a.type for a in self.model.attributes}
        known = {
            a.name: wired(types[a.name], a.value) for a in customer.attributes if a.name in types
        }
        known = {n: int(v) if isinstance(v, bool) else v for n, v in known.items()}
        row["attributes"] = json.dumps(known, ensure_ascii=False) if known else "{}"
        return row

    def folded(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Of what `copies` gave, the texts whose folded form is another, folded."""
        texts = {name: row[name] for name in FOLDING}
        if row["attributes"] != "{}":
            texts |= json.loads(row["attributes"])
        return folded_texts(texts)

    def folded_json(self, row: Mapping[str, Any]) -> str | None:
        """`folded` as JSON; nothing where every text is as it is folded."""
        return _as_json(self.folded(row))

    def copied_row(self, customer: Customer) -> tuple[Any, ...]:
        """The values of `copies`, in the order of `FIXED_COLUMNS`, and then `folded_json`."""
        if customer.attributes:
            row = self.copies(customer)
            return (*row.values(), self.folded_json(row))
        email = phone = None
        for point in reversed(customer.contact_points):
            if point.kind is ContactKind.EMAIL:
                email = point.value
            elif point.kind is ContactKind.PHONE:
                phone = point.value
        texts = {"name": customer.name, "language": customer.language, "email": email}
        if customer.zone is not None or customer.region is not None:
            texts |= {"zone": customer.zone, "region": customer.region}
        return (
            customer.kind.value, customer.name, customer.stage, to_millis(customer.stage_since),
            to_millis(customer.at), customer.language, customer.zone, customer.region, email,
            phone, wired(FieldType.TEXT_SET, customer.tags), "{}",
            _as_json(folded_texts(texts)),
        )  # fmt: skip

    def attribute(self, name: str) -> Callable[[Mapping[str, Any]], Any]:
        """From a row to the wire value of one host attribute."""
        return lambda row: json.loads(row["attributes"]).get(name)

    def untouched(self) -> dict[str, Any]:
        """The wire values of all measures of a customer without facts."""
        row: dict[str, Any] = {}
        for measure in self.model.all_measures:
            columns = measure_columns(measure)
            row |= dict.fromkeys((column.name for column in columns), None)
            if measure.starts_at_zero:
                row[columns[0].name] = 0
        return row

    def decoder(self, columns: Iterable[str]) -> Callable[[Any], Profile]:
        """From rows with these columns, `customer_id` first, to profiles."""
        places = {name: index for index, name in enumerate(columns)}
        attribute_names = [a.name for a in self.model.attributes]
        currency = self.model.currency
        simple = [
            (f, places[column_of(f)])
            for name, f in self.model.profile_fields.items()
            if name not in attribute_names
        ]
        held, fields = places["attributes"], self.model.profile_fields
        personal = frozenset(name for name, field in fields.items() if field.personal)

        def decode(row: Any) -> Profile:
            entries = {f.name: unwired(f.type, row[i], currency) for f, i in simple}
            if attribute_names:
                known = row[held]
                known = json.loads(known) if isinstance(known, str) else known
                for name in attribute_names:
                    entries[name] = unwired(fields[name].type, known.get(name), currency)
            return Profile(CustomerId(UUID(bytes=row[0])), entries, personal)

        return decode


def folded_texts(texts: Mapping[str, Any]) -> dict[str, str]:
    """Those that are texts, and another one when folded."""
    return {
        name: folded
        for name, text in texts.items()
        if type(text) is str and (folded := folded_text(text)) != text
    }


def _as_json(folded: Mapping[str, str]) -> str | None:
    """Texts by field as a JSON object, put together: a dictionary takes the encoder far longer."""
    if not folded:
        return None
    entries = [f'"{name}": {encode_basestring(text)}' for name, text in folded.items()]
    return "{" + ", ".join(entries) + "}"


@lru_cache(maxsize=256)
def deltas(measures: tuple[Measure, ...]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """From one customer's fold state to wire values, in the order of the measures' columns;
    nothing added is zero or `None`.
    """
    each = [read for measure in measures for read in _columns_of_state(measure)]
    return lambda state: [read(state) for read in each]


def _columns_of_state(measure: Measure) -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """From a fold state to the value of each of a measure's columns."""
    name = measure.name
    # Raw values are wire values already, but for instants.
    wire = to_millis if measure.fields[0].type is FieldType.INSTANT else None
    if measure.starts_at_zero:
        yield lambda state: state.get(name, 0)
    elif measure.fold is Fold.LATEST:
        for place, made in ((2, wire), (0, to_millis), (1, to_millis)):
            yield partial(_part, name, place, made)
    elif wire is None:
        yield lambda state: state.get(name)
    else:
        yield lambda state: None if (at := state.get(name)) is None else to_millis(at)


def _part(
    name: str, place: int, made: Callable[[Any], Any] | None, state: Mapping[str, Any]
) -> Any:
    """One of the three values of a `latest`."""
    if (found := state.get(name)) is None:
        return None
    return made(found[place]) if made else found[place]
