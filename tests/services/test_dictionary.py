"""The data dictionary: every column described, once, and the page that shows it up to date."""

from __future__ import annotations

import attrs
import pytest

from crmcore import AttributeType, InvalidInput, Measure, Model, field
from crmcore.adapters.columns import layout
from crmcore.domain.fields import FieldType, fields_of
from crmcore.domain.kinds import AGGREGATES, MEASURABLE
from crmcore.services import (
    ColumnDescription,
    data_dictionary,
    dictionary_page,
    dictionary_version,
)
from crmcore.services.dictionary import KINDS, described
from tests.services.dictionary_page import PAGE, page

MODEL = Model(
    currency="JPY",
    attributes=(AttributeType("seat", "text"), AttributeType("vip", "boolean")),
    measures=(
        Measure("web", "purchases", "sum", "amount", where=field("channel") == "web"),
        Measure("odd", "interactions", "count", where=field("topic") == "a|b"),
        Measure("subject", "interactions", "latest", "subject"),
        Measure(
            "rest", "interactions", "count",
            where=~(field("topic").is_in("a", "b") | field("outcome").is_present())
            & (field("waited_seconds") > field("lasted_seconds")),
        ),
    ),
)  # fmt: skip


def columns_of(kind: str, model: Model = MODEL) -> dict[str, ColumnDescription]:
    return {column.column: column for column in described(kind, model)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_has_a_meaning(kind: str):
    """A field without one lacks a line "- `name`: the meaning" in the docstring of its class."""
    assert [c.column for c in described(kind, MODEL) if not c.meaning] == []


@pytest.mark.parametrize("kind", [*MEASURABLE, "profiles"])
def test_types_and_marks_are_those_of_the_columns(kind: str):
    stored = [c for c in layout(kind, MODEL) if not c.name.endswith("__recorded_at")]

    assert [(c.column, c.type, c.nullable, c.personal) for c in described(kind, MODEL)] == [
        (c.name, c.type, c.optional, c.personal) for c in stored
    ]


@pytest.mark.parametrize("kind", AGGREGATES, ids=lambda kind: kind.name)
def test_aggregates_are_described_field_by_field(kind):
    names = [column.partition("_minor")[0] for column in columns_of(kind.name)]

    assert [name for name in names if not name.endswith("_currency")] == [
        known.name for known in fields_of(kind.cls)
    ]


def test_units():
    orders, profiles = columns_of("orders"), columns_of("profiles")

    assert orders["total_minor"].unit == "minor units of `total_currency`"
    assert profiles["revenue_minor"].unit == "minor units of JPY"
    assert columns_of("interactions")["waited_seconds"].unit == "seconds"
    assert (orders["at"].type, orders["at"].unit) == (FieldType.INSTANT, "UTC, to the millisecond")


def test_measures_say_what_they_fold():
    profiles = columns_of("profiles")

    assert profiles["web_minor"].meaning == (
        "the sum of `amount` of purchases where channel == web"
    )
    assert profiles["subject_at"].meaning == "since when `subject` is so"
    assert profiles["subject"].personal
    assert profiles["subject_at"].personal
    assert profiles["rest"].meaning == (
        "how many interactions where (not (topic is one of a, b or outcome is known) "
        "and waited_seconds > lasted_seconds)"
    )
    assert "seat (text), vip (boolean)" in profiles["attributes"].meaning


def test_a_field_tells_since_which_version_it_is():
    @attrs.frozen
    class Above:
        """Above.

        - `old`: what was there
          from the start
        - `new`: what is not said here
        """

        old: int

    @attrs.frozen
    class Thing(Above):
        """A thing.

        - `new`: what came later
        """

        new: str | None = attrs.field(default=None, metadata={"since": 3})

    old, new = fields_of(Thing)

    assert (old.meaning, old.since) == ("what was there from the start", 1)
    assert (new.meaning, new.since) == ("what came later", 3)


def test_the_version_follows_the_columns():
    """And nothing else: another zone or life cycle is the same version."""
    assert dictionary_version(Model()) == dictionary_version(Model(zone="Europe/Madrid"))
    assert dictionary_version(Model()).startswith("schema 1, model ")
    assert len({dictionary_version(m) for m in (Model(), MODEL, Model(currency="USD"))}) == 3


def test_an_unknown_kind():
    with pytest.raises(InvalidInput):
        described("order", MODEL)


def test_the_page_is_up_to_date():
    """python -m tests.services.dictionary_page"""
    assert PAGE.read_text("utf-8") == page()


def test_a_table_holds_whatever_a_measure_asks_for():
    row = next(line for line in dictionary_page(MODEL).splitlines() if line.startswith("| `odd`"))

    assert row.replace(r"\|", "").count("|") == 8
    assert len(data_dictionary(MODEL)) > 100
