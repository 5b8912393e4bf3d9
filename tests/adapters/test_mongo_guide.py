"""What the guide says of Mongo is so: its example runs, its shapes and indexes are those stored."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crmcore import Customer, Model, Money, Order, Product, Segment, SegmentChange, field
from crmcore.adapters.mongo import MongoBackend
from crmcore.domain.consent import Consent
from crmcore.domain.interaction import Interaction
from crmcore.domain.kinds import AGGREGATES, FACTS
from crmcore.domain.order_facts import Cancellation, Fulfilment, Payment, Return
from crmcore.domain.score import Score
from crmcore.testing.members import (
    a_decision,
    a_membership,
    a_points_entry,
    a_programme,
    a_tier_change,
)
from tests import servers
from tests.adapters.mongo_watch import watched
from tests.contract.sql_server import started
from tests.repository.sources import ROOT

PAGE = (ROOT / "docs" / "guides" / "mongo.md").read_text("utf-8")
AT = datetime(2024, 1, 1, tzinfo=UTC)
GROUPS = {
    "customers, products, segments, memberships": [kind.name for kind in AGGREGATES],
    "every kind of fact": [kind.name for kind in FACTS],
    "payments, fulfilments, cancellations, returns": [k.name for k in FACTS if k.of_order],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


def test_the_example_runs_and_prints_what_it_shows(url: str):
    code, shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)[0]
    example = code.replace("127.0.0.1:27017/host?replicaSet=rs0", url.partition("//")[2])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        names: dict[str, object] = {}
        exec(example, names)
    names["client"].close()  # type: ignore[attr-defined]
    assert said.getvalue() == shown


def documented(head: str, width: int) -> list[list[str]]:
    """The cells of the table under this head."""
    lines = PAGE[PAGE.index(head) :].splitlines()[2:]
    rows = [line.strip("|").split("|") for line in lines[: lines.index("")]]
    assert {len(row) for row in rows} == {width}
    return [[cell.strip() for cell in row] for row in rows]


def test_every_document_has_the_fields_that_the_guide_lists(url: str):
    fields = {
        name.strip("`"): set(listed.split())
        for name, listed in documented("| collection | fields |", 2)
    }
    with watched(url) as (backend, _):
        club = Model(programmes=[a_programme("club")])
        member = MongoBackend(backend.database, tenant="club", model=club)
        member.migrate()
        write_one_of_each(member)
        stored = {
            name: set(backend.database[name].find_one() or {}) - {"_id"} for name in sorted(fields)
        }
        assert set(backend.database.list_collection_names()) == set(fields)
    stored["crm_journal"] |= {"waiting"}  # the first row has its position
    of_club = {name for name in stored["crm_profiles"] if name.startswith("club_")}
    stored["crm_profiles"] -= of_club  # what a programme of the host's brings
    assert stored == fields


def test_the_indexes_are_those_that_the_guide_lists(url: str):
    listed = {
        (f"crm_{kind}", name.strip("`"), tuple(keys.split()), more.startswith("unique"))
        for group, name, keys, more in documented("| collection | index | keys | |", 4)
        if "<" not in name
        for kind in GROUPS.get(group, [group])
    }
    with watched(url) as (backend, _):
        database = backend.database
        found = {
            (collection, index["name"], tuple(index["key"]), bool(index.get("unique")))
            for collection in database.list_collection_names()
            for index in database[collection].list_indexes()
            if index["name"] != "_id_"
        }
    measured = {entry for entry in found - listed if entry[1].endswith("_customer_id")}
    assert found - measured == listed
    assert {entry[0] for entry in measured} <= {"crm_profiles"}


def write_one_of_each(backend: MongoBackend) -> None:
    """An aggregate and a fact of every kind."""
    with backend.unit_of_work(source="shop") as uow:
        ana = uow.customers.add(Customer.person("Ana Ruiz", emails=["ana@example.com"], at=AT))
        uow.products.add(Product(sku="SKU-1", at=AT))
        of: dict[str, Any] = {"customer_id": ana.id, "at": AT}
        one, other = (uow.orders.add(Order(**of, total=Money("2", "EUR"))) for _ in range(2))
        uow.payments.add(Payment(**of, order_id=one.id, amount=Money("2", "EUR")))
        uow.fulfilments.add(Fulfilment(**of, order_id=one.id))
        uow.returns.add(Return(**of, order_id=one.id, amount=Money("1", "EUR")))
        uow.cancellations.add(Cancellation(**of, order_id=other.id))
        uow.interactions.add(Interaction(**of, channel="phone"))
        uow.scores.add(Score(**of, scorer="probability_alive", value=0.5, unit="probability"))
        uow.consents.add(Consent(**of, purpose="marketing", given=True))
        uow.segments.add(Segment(name="vip", at=AT, predicate=field("order_count") > 0))
        uow.segment_changes.add(SegmentChange(**of, segment="vip", entered=True))
        member = uow.memberships.add(a_membership(ana))
        uow.points.add(a_points_entry(member))
        uow.tier_changes.add(a_tier_change(member))
        uow.decisions.add(a_decision(ana))
    assert (
        len(backend.journal()) == len(AGGREGATES) + len(FACTS) + 3
    )  # two orders; the membership follows twice
