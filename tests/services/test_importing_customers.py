"""Customers in: added or updated by their external id, and twice equals once (O9)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import AttributeType, Customer, Identifier, InvalidInput
from crmcore.adapters.backend import Backend
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import CustomerKind
from crmcore.services import CustomerColumns, import_customers, import_purchases
from crmcore.services import importing as importing_module
from crmcore.testing import FrozenClock, a_customer
from tests.services.conftest import Open
from tests.services.stored import (
    SOURCE,
    csv_file,
    customer,
    customers,
    everything,
    profile,
    reasons,
)

ANA = {
    "customer_id": "c1", "since": "2024-01-31", "name": "Ana Ruiz", "email": "ana@example.com",
    "phone": "+34 600 100 200", "language": "es", "zone": "Europe/Madrid", "region": "MD",
}  # fmt: skip


def points(found: Customer) -> list[str]:
    return [point.value for point in found.contact_points]


def test_a_file_becomes_customers(backend: Backend, tmp_path: Path):
    """Every column has its place, and the profile shows it."""
    path = csv_file(
        tmp_path,
        "customer_id,since,kind,name,email,phone,language,zone,region",
        "c1,2024-01-31,person,Ana Ruiz,Ana@Example.com,0034 600-100-200,es,Europe/Madrid,MD",
        "c2,,organisation,Harbour Hotels,,,,,",
    )
    report = import_customers(backend, path, source=SOURCE)

    assert (report.rows, report.added, report.customers_added) == (2, 2, 2)
    ana, hotels = customer(backend, "c1"), customer(backend, "c2")
    assert points(ana) == ["ana@example.com", "+34600100200"]
    assert (ana.at, ana.stage, ana.kind) == (
        datetime(2024, 1, 31, tzinfo=UTC), "prospect", CustomerKind.PERSON,
    )  # fmt: skip
    assert (hotels.kind, hotels.name) == (CustomerKind.ORGANISATION, "Harbour Hotels")
    assert profile(backend, "c1")["email"] == "ana@example.com"


def test_an_attribute_that_the_model_dropped_is_in_nobodys_way(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
):
    """Who has it is updated as anybody is, and keeps it; a dry run says so batch by batch."""
    monkeypatch.setattr(importing_module, "BATCH", 1)
    old = open_store(model=crmcore.Model(attributes=(AttributeType("seat", "text"),)))
    with old.unit_of_work(source=SOURCE) as unit:
        ana = a_customer(attributes={"seat": "aisle"})
        unit.customers.add(ana.identified_by(Identifier("external", "c1", source=SOURCE)))
    backend = open_store(model=crmcore.Model())
    rows = [{"customer_id": "c1", "name": name} for name in ("Ana", "Ana Ruiz")]

    dry = import_customers(backend, rows, source=SOURCE, dry_run=True)
    report = import_customers(backend, rows, source=SOURCE)

    assert (report.updated, report.rejected) == (2, 0)
    assert (dry.updated, dry.rejected) == (2, 0)
    found = customer(backend, "c1")
    assert (found.name, [known.name for known in found.attributes]) == ("Ana Ruiz", ["seat"])


def test_without_a_date_they_are_known_since_now(backend: Backend, clock: FrozenClock):
    """By the store's clock, or the instant that the caller gives."""
    import_customers(backend, [{"customer_id": "c1"}], source=SOURCE)
    given = datetime(2020, 5, 1, tzinfo=UTC)
    import_customers(backend, [{"customer_id": "c2"}], source=SOURCE, at=given)

    assert customer(backend, "c1").at == clock.now
    assert customer(backend, "c2").at == given


def test_a_second_run_writes_nothing(backend: Backend):
    """Twice equals once, to the last journal row."""
    rows = [ANA | {"customer_id": f"c{n}"} for n in range(12)]
    import_customers(backend, rows, source=SOURCE)
    before = everything(backend)

    report = import_customers(backend, rows, source=SOURCE)

    assert (report.added, report.updated, report.unchanged) == (0, 0, 12)
    assert everything(backend) == before


def test_a_removed_customer_can_come_again(backend: Backend):
    """The identifiers of a removed record are free: the import adds a new one, once."""
    import_customers(backend, [ANA], source=SOURCE)
    first = customer(backend, "c1")
    with backend.unit_of_work() as unit:
        unit.customers.remove(first)

    assert import_customers(backend, [ANA], source=SOURCE).added == 1
    assert import_customers(backend, [ANA], source=SOURCE).unchanged == 1
    assert customer(backend, "c1").id != first.id
    assert list(customers(backend)) == ["c1"]


class TestUpdate:
    """What a row says is laid on top of what is known."""

    def test_empty_cells_keep_what_is_known(self, backend: Backend):
        import_customers(backend, [ANA], source=SOURCE)
        row = dict.fromkeys(ANA, "") | {"customer_id": "c1", "name": "Ana Ruiz Gil"}

        report = import_customers(backend, [row], source=SOURCE)

        assert (report.updated, report.added) == (1, 0)
        found = customer(backend, "c1")
        assert (found.name, found.language, found.version) == ("Ana Ruiz Gil", "es", 2)
        assert points(found) == ["ana@example.com", "+34600100200"]

    def test_a_new_address_joins_the_old(self, backend: Backend):
        import_customers(backend, [ANA], source=SOURCE)
        import_customers(backend, [ANA | {"email": "ruiz@example.com"}], source=SOURCE)

        found = customer(backend, "c1")
        assert points(found) == ["ana@example.com", "+34600100200", "ruiz@example.com"]

    def test_a_known_address_under_a_label_is_known(self, backend: Backend):
        """`home` is the same address, not a second one."""
        home = ContactPoint(ContactKind.EMAIL, "ana@example.com", label="home")
        import_customers(backend, [{"customer_id": "c1"}], source=SOURCE)
        with backend.unit_of_work() as unit:
            unit.customers.save(customer(backend, "c1").reachable_at(home))

        row = {"customer_id": "c1", "email": "ANA@example.com"}
        assert import_customers(backend, [row], source=SOURCE).unchanged == 1

    def test_what_a_host_did_is_kept(self, backend: Backend):
        """Stage and attributes are no columns, so no import touches them."""
        import_customers(backend, [ANA], source=SOURCE)
        at = datetime(2024, 5, 1, tzinfo=UTC)
        with backend.unit_of_work() as unit:
            unit.customers.save(customer(backend, "c1").moved_to("active", at=at))

        import_customers(backend, [ANA | {"name": "Ana"}], source=SOURCE)

        assert customer(backend, "c1").stage == "active"
        assert customer(backend, "c1").stage_since == at

    def test_who_was_met_by_a_purchase_is_completed(self, backend: Backend):
        """A purchase tells neither the kind nor since when: the customers' file does."""
        purchase = {"customer_id": "c1", "date": "2024-03-01", "amount": "5.00"}
        import_purchases(backend, [purchase], source=SOURCE)

        row = {"customer_id": "c1", "kind": "organisation", "since": "2023-01-01"}
        assert import_customers(backend, [row], source=SOURCE).updated == 1

        found = customer(backend, "c1")
        assert (found.kind, found.at) == (
            CustomerKind.ORGANISATION, datetime(2023, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        assert profile(backend, "c1")["kind"] == "organisation"
        later = row | {"since": "2024-01-01", "kind": ""}
        assert import_customers(backend, [later], source=SOURCE).unchanged == 1

    def test_a_purchase_finds_who_was_imported(self, backend: Backend):
        import_customers(backend, [ANA], source=SOURCE)
        purchase = {"customer_id": "c1", "date": "2024-03-01", "amount": "5.00"}

        assert import_purchases(backend, [purchase], source=SOURCE).customers_added == 0
        assert profile(backend, "c1")["purchase_count"] == 1

    @pytest.mark.parametrize("size", [1, 2, 10])
    def test_later_rows_of_one_file_update(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, size: int
    ):
        """A customer named twice is one, wherever batches end, and the later row counts."""
        monkeypatch.setattr(importing_module, "BATCH", size)
        rows = [
            {"customer_id": "c1", "name": "Ana"}, {"customer_id": "c2"},
            {"customer_id": "c1", "name": "Ana Ruiz"}, {"customer_id": "c1", "name": "Ana Ruiz"},
        ]  # fmt: skip

        report = import_customers(backend, rows, source=SOURCE)

        assert (report.added, report.updated, report.unchanged) == (2, 1, 1)
        assert customer(backend, "c1").name == "Ana Ruiz"

    @settings(max_examples=25)
    @given(
        st.lists(
            st.fixed_dictionaries(
                {"customer_id": st.sampled_from(["c1", "c2"])},
                optional={
                    "name": st.sampled_from(["", "Ana", "Eva"]),
                    "email": st.sampled_from(["", "a@b.c", "A@B.C", "no address"]),
                    "since": st.sampled_from(["", "2024-01-01", "2023-06-01"]),
                    "kind": st.sampled_from(["", "person", "organisation"]),
                },
            ),
            max_size=8,
        ),
        st.integers(1, 4),
    )
    def test_batches_make_no_difference(self, rows: list[dict[str, str]], size: int):
        """All at once, or a few at a time: the same customers, the same counts."""
        seen = []
        for batch in (size, 100):
            backend = crmcore.connect("memory://", clock=FrozenClock())
            backend.migrate()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(importing_module, "BATCH", batch)
                report = import_customers(backend, rows, source=SOURCE)
            held = {
                name: (c.kind, c.name, c.at, points(c)) for name, c in customers(backend).items()
            }
            seen.append((report, held))

        assert seen[0] == seen[1]
        report = seen[0][0]
        assert (
            report.rows
            == len(rows)
            == report.added + report.updated + report.unchanged + (report.rejected)
        )


class TestBadRows:
    """Each is set aside with its place, and takes no other with it (O16, O17)."""

    @pytest.mark.parametrize(
        ("cells", "column", "reason"),
        [
            ({"customer_id": ""}, "customer_id", "is empty"),
            ({"customer_id": "x" * 255}, "customer_id", "is longer than 254"),
            ({"email": "ana at home"}, "email", "is no e-mail address"),
            ({"phone": "600 100 200"}, "phone", "is no phone number in international form"),
            ({"since": "yesterday"}, "since", "is no date"),
            ({"kind": "company"}, "kind", "is none of person, organisation"),
            ({"name": "x" * 501}, "name", "is longer than 500"),
            ({"name": "a\0b"}, "name", "holds a NUL"),
            ({"name": "a\udcffb"}, "name", "is not text in its encoding"),
            ({"language": "x" * 36}, "language", "is longer than 35"),
            ({"zone": "Mars/Olympus"}, "zone", "is no IANA time zone"),
            ({"region": "x" * 81}, "region", "is longer than 80"),
        ],
    )
    def test_it_is_set_aside(
        self, memory: Backend, tmp_path: Path, cells: dict[str, str], column: str, reason: str
    ):
        rows = [ANA | {"customer_id": "c0"}, ANA | cells, ANA | {"customer_id": "c2"}]

        report = import_customers(memory, rows, source=SOURCE, rejects=tmp_path / "r.csv")

        assert (report.rows, report.added, report.rejected) == (3, 2, 1)
        assert (report.rejects[0].row, report.rejects[0].column) == (2, column)
        assert reason in report.rejects[0].reason
        assert len((tmp_path / "r.csv").read_text("utf-8").splitlines()) == 2

    def test_all_faults_come_together_by_the_files_own_names(self, memory: Backend):
        """Columns are called as the file calls them, not as the library does."""
        columns = CustomerColumns(customer="Nr", email="Mail", region="Land", zone="Zeit")
        row = {"Nr": "", "Mail": "x", "Land": "x" * 81, "Zeit": "?", "kind": "?"}

        report = import_customers(memory, [row], source=SOURCE, columns=columns)

        assert report.rejected == 1
        assert {r.column for r in report.rejects} == {"Nr", "Mail", "Land", "Zeit", "kind"}

    def test_rejected_values_appear_nowhere(
        self, memory: Backend, caplog: pytest.LogCaptureFixture
    ):
        caplog.set_level(logging.DEBUG)
        secret = "Ana Ruiz of Madrid"
        rows = [{"customer_id": "c", name: secret * 30} for name in ANA if name != "customer_id"]
        report = import_customers(memory, rows, source=SOURCE)

        assert report.rejected == len(rows)
        assert secret not in f"{report} {report!r} {caplog.text}"

    def test_wrong_options_are_refused_at_once(self, memory: Backend):
        """They are no fault of the rows."""
        wrong: list[dict[str, Any]] = [
            {"source": ""}, {"zone": "Mars"}, {"at": datetime(2024, 1, 1)},  # noqa: DTZ001
        ]  # fmt: skip
        for options in wrong:
            with pytest.raises(InvalidInput):
                import_customers(memory, iter([ANA]), **(dict[str, Any](source=SOURCE) | options))


def test_sources_are_apart(backend: Backend):
    """`c1` of the till is somebody else than `c1` of the shop, though they share an e-mail."""
    import_customers(backend, [ANA], source="shop")
    report = import_customers(backend, [ANA], source="till")

    assert report.added == 1
    assert customer(backend, "c1", "shop").id != customer(backend, "c1", "till").id
    with backend.reading() as unit:
        assert len(unit.customers.find_all_by_identifier("email", "ana@example.com")) == 2


def test_a_customers_file_needs_its_key_and_the_columns_named(memory: Backend, tmp_path: Path):
    """Columns of the default names may be missing; those that the caller names may not."""
    path = csv_file(tmp_path, "customer_id,name", "c1,Ana")
    assert import_customers(memory, path, source=SOURCE).added == 1

    with pytest.raises(InvalidInput, match="mail: is no column of the header line"):
        import_customers(memory, path, source=SOURCE, columns=CustomerColumns(email="mail"))


def test_a_generator_is_read_a_batch_at_a_time(backend: Backend, monkeypatch: pytest.MonkeyPatch):
    """No more rows are held than make one batch."""
    monkeypatch.setattr(importing_module, "BATCH", 10)
    ahead: list[int] = []

    def rows() -> Iterator[dict[str, str]]:
        for n in range(25):
            with backend.reading() as unit:
                ahead.append(n - unit.profiles.where().count())
            yield {"customer_id": f"c{n}"}

    assert import_customers(backend, rows(), source=SOURCE).added == 25
    assert max(ahead) == 9


def test_the_report_names_reasons_only(memory: Backend):
    report = import_customers(memory, [{"customer_id": "c", "kind": "x"}], source=SOURCE)

    assert reasons(report.rejects) == [(1, "kind", "is none of person, organisation")]
