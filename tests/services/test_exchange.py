"""Files and frames in and out: what is whole, what is refused, what is left alone."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crmcore
from crmcore import (
    AttributeType,
    Customer,
    DatedRates,
    Identifier,
    InvalidInput,
    MissingExtra,
    Model,
    Money,
    Order,
    OrderLine,
    Segment,
    UnknownField,
    field,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend
from crmcore.services import (
    export,
    import_aggregates,
    import_customers,
    import_facts,
    import_purchases,
)
from crmcore.testing import FrozenClock, a_customer, a_programme, a_score, an_interaction, an_order
from tests.services.conftest import Open
from tests.services.stored import bought, csv_file, everything, orders, reasons

AT = datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
ANA = a_customer().identified_by(Identifier("external", "7", source="shop"))
DAY = timedelta(days=1)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def filled(backend: Backend, *facts: Order) -> Backend:
    with backend.unit_of_work(source="shop") as uow:
        uow.customers.add(ANA)
        uow.orders.add_many(facts or [an_order(ANA, "12.50", source_key="1")])
    return backend


ROWS: list[dict[str, Any]] = [
    {"customer_id": "7", "date": date(2024, 1, 31), "amount": 12.5, "channel": None},
    {"customer_id": "8", "date": date(2024, 2, 1), "amount": 3.0, "channel": "web"},
]
FRAMES = {
    "mappings": lambda: ROWS,
    "a generator": lambda: iter(ROWS),
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas by number": lambda: pd.DataFrame(ROWS).assign(customer_id=[7, 8]),
    "pandas with a gap": lambda: pd.DataFrame([*ROWS]).assign(customer_id=[7.0, 8.0]),
    "polars": lambda: pl.DataFrame(ROWS),
    "polars, lazily": lambda: pl.DataFrame(ROWS).lazy(),
    "pyarrow": lambda: pa.Table.from_pylist(ROWS),
    "a stream of Arrow": lambda: pa.Table.from_pylist(ROWS).to_reader(),
    "narwhals": lambda: nw.from_native(pl.DataFrame(ROWS)),
    "duckdb": lambda: duckdb.from_arrow(pa.Table.from_pylist(ROWS)),
}


class TestFrames:
    """Any data frame is rows, with typed cells; what is not a value is missing."""

    @pytest.mark.parametrize("frame", FRAMES)
    def test_purchases(self, memory: Backend, frame: str):
        report = import_purchases(memory, FRAMES[frame](), source="shop")

        assert (report.added, report.rejects) == (2, ())
        assert bought(memory) == [("7", "2024-01-31", "12.50 EUR"), ("8", "2024-02-01", "3.00 EUR")]

    def test_missing_values_of_every_library(self, memory: Backend):
        """NaN, NaT and NA are nothing, and no text of those names."""
        frame = pd.DataFrame(
            {
                "customer_id": [1, 2],
                "name": [float("nan"), "Eva"],
                "since": [pd.NaT, pd.Timestamp("2024-01-31", tz="UTC")],
                "region": pd.array([pd.NA, "north"], dtype="string"),
            }
        )
        report = import_customers(memory, frame, source="shop", at=AT)
        with memory.reading() as uow:
            kept = {c.identifiers[0].value: c for c in uow.customers.stream()}

        assert report.added == 2
        assert (kept["1"].name, kept["1"].at, kept["1"].region) == (None, AT, None)
        assert (kept["2"].name, kept["2"].region) == ("Eva", "north")
        assert kept["2"].at == datetime(2024, 1, 31, tzinfo=UTC)

    def test_a_missing_column_is_told_once(self, memory: Backend):
        with pytest.raises(InvalidInput, match="amount: has no column that is known as it"):
            import_purchases(memory, pl.DataFrame(ROWS).drop("amount"), source="shop")

    def test_typed_facts(self, memory: Backend):
        """Instants, decimals, nested lists as they are in a frame."""
        filled(memory)
        line = {
            "product": "A", "quantity": Decimal(2), "unit_price": Decimal("4.50"),
            "amount": {"minor": 900, "currency": "EUR"},
        }  # fmt: skip
        row = {"customer": "7", "at": AT, "total": Decimal("9.00"), "lines": [line]}
        table = pa.Table.from_pylist([row | {"source_key": "x"}])

        report = import_facts(memory, "orders", table, source="shop")

        assert report.rejects == ()
        assert orders(memory)[-1].lines == (OrderLine.of("A", 2, "4.50", "EUR"),)

    def test_a_stream_of_another_store(self, open_store: Open):
        """`columns()` is a frame as well: one store fills another without a file."""
        source, target = filled(open_store()), open_store(tenant="copy")
        with target.unit_of_work() as uow:
            uow.customers.add(ANA)
        stream = source.columns("orders", personal=True)

        report = import_facts(target, "orders", stream, source="x", restore=True)

        assert report.added == 1
        assert orders(target) == orders(source)

    def test_what_is_no_rows_at_all(self, memory: Backend):
        class Odd:
            def __dataframe__(self) -> None: ...

        with pytest.raises(InvalidInput, match="rows: is no file, data frame"):
            import_facts(memory, "orders", Odd(), source="shop")

    def test_without_the_extra(
        self, memory: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        """It is named, for frames and for Parquet, in and out."""
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.delitem(sys.modules, "crmcore.services.frames", raising=False)
        for use in (
            lambda: import_purchases(memory, pl.DataFrame(ROWS), source="shop"),
            lambda: import_purchases(memory, tmp_path / "a.parquet", source="shop"),
            lambda: export(memory, "orders", tmp_path / "b.parquet"),
        ):
            with pytest.raises(MissingExtra, match=r"crmcore\[frames\]"):
                use()
        assert list(tmp_path.iterdir()) == []


class TestFiles:
    """Files by their suffix; a bad line loses no other (O17), and no error is a library's (O18)."""

    def test_json_lines(self, memory: Backend, tmp_path: Path):
        path = csv_file(
            tmp_path,
            '{"customer_id": 7, "date": "2024-01-31", "amount": 12.50}',
            "not json", "[1]", "", "[" * 100_000,
            '{"customer_id": "8", "date": "2024-02-01", "amount": 9007199254740991.5}',
            '{"customer_id": "8", "date": "2024-02-01", "amount": NaN}',
            '{"customer_id": "8", "date": "2024-02-01", "amount": "3"}',
            name="rows.ndjson",
        )  # fmt: skip
        file = tmp_path / "rejects.csv"

        report = import_purchases(memory, path, source="shop", rejects=file)

        assert (report.rows, report.added) == (7, 2)
        told = {row: reason for row, _, reason in reasons(report.rejects)}
        assert told[2] == told[3] == told[4] == "is no JSON object"
        assert told[5] == "is beyond 2**53 minor units"  # exact: no float has rounded it
        assert told[6] == "is missing"
        assert "not json" in file.read_text()

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_compressed(self, memory: Backend, tmp_path: Path, suffix: str):
        filled(memory)
        plain = export(memory, "orders", tmp_path / f"a.{suffix}").path.read_bytes()
        packed = export(memory, "orders", tmp_path / f"a.{suffix}.gz").path

        assert gzip.decompress(packed.read_bytes()) == plain
        assert import_facts(memory, "orders", packed, source="shop").unchanged == 1

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.parquet"])
    @pytest.mark.parametrize("content", [b"", b"no such thing", b"\x1f\x8b\x08\x00", b"PAR1PAR1"])
    def test_what_is_not_what_it_says(
        self, memory: Backend, tmp_path: Path, name: str, content: bytes
    ):
        path = tmp_path / name
        path.write_bytes(content)
        if name == "a.jsonl.gz" and not content:
            assert import_facts(memory, "orders", path, source="shop").rows == 0
            return
        with pytest.raises(InvalidInput) as caught:
            import_facts(memory, "orders", path, source="shop")
        assert caught.value.faults[0].path == "rows"

    def test_a_compressed_file_cut_short(self, memory: Backend, tmp_path: Path):
        filled(memory, *[an_order(ANA, nth=n, source_key=str(n)) for n in range(2_000)])
        path = export(memory, "orders", tmp_path / "a.csv.gz").path
        path.write_bytes(path.read_bytes()[:-20])

        with pytest.raises(InvalidInput, match="rows: is compressed and not whole"):
            import_facts(memory, "orders", path, source="shop")

    def test_a_file_that_is_not_there(self, memory: Backend, tmp_path: Path):
        for name in ("none.jsonl", "none.parquet", "none.csv.gz"):
            with pytest.raises(InvalidInput, match="rows: cannot be opened"):
                import_facts(memory, "orders", tmp_path / name, source="shop")

    def test_text_is_kept_to_the_last_blank(self, memory: Backend, tmp_path: Path):
        """In CSV too: an empty cell is what is absent, and no text of ours is empty."""
        texts = [" blank ", '"quoted"', "a,b", "line\nbreak", "cr\rhere", "\u2028", "=1+1", "NULL"]
        with memory.unit_of_work() as uow:
            uow.customers.add(ANA)
            calls = [an_interaction(ANA, topic=t, nth=n) for n, t in enumerate([*texts, None])]
            uow.interactions.add_many(calls)
        path = export(memory, "interactions", tmp_path / "a.csv", personal=True).path
        with memory.unit_of_work() as uow:
            for call in calls[:1]:
                assert uow.interactions.get(call.id).topic == " blank "

        report = import_facts(memory, "interactions", path, source="x", restore=True)

        assert report.unchanged == len(calls)
        with path.open(newline="", encoding="utf-8") as file:
            assert {row["topic"] for row in csv.DictReader(file)} == {*texts, ""}


class TestExport:
    """One file, whole or not at all."""

    def test_what_parquet_says_of_its_columns(self, memory: Backend, tmp_path: Path):
        filled(memory)
        table = pq.read_table(export(memory, "orders", tmp_path / "a.parquet").path)

        assert table.schema.field("at").type == pa.timestamp("ms", tz="UTC")
        assert table.schema.field("total_minor").type == pa.int64()
        assert not table.schema.field("total_minor").nullable
        assert table.column("id").to_pylist() == [str(orders(memory)[0].id)]

    def test_a_failure_leaves_the_former_file(
        self, memory: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        filled(memory)
        path = export(memory, "orders", tmp_path / "a.csv").path
        before = path.read_bytes()

        batch = next(iter(memory.columns("orders")))

        class Broken:
            def __iter__(self):
                yield batch
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(type(memory), "columns", lambda *_, **__: Broken())
        with pytest.raises(InvalidInput, match="path: cannot be written: No space left"):
            export(memory, "orders", path)

        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]

    @pytest.mark.parametrize("kind", ["customers", "products", "profiles"])
    @pytest.mark.parametrize("bound", ["since", "until"])
    def test_what_has_no_instant_takes_no_bounds(
        self, memory: Backend, tmp_path: Path, kind: str, bound: str
    ):
        with pytest.raises(InvalidInput, match=bound):
            export(memory, kind, tmp_path / "a.csv", **{bound: AT})  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_asked_for(self, memory: Backend, tmp_path: Path):
        for kind, name, place in (
            ("order", "a.csv", "kind"),
            ("orders", "a.xlsx", "path"),
            ("orders", "none/a.csv", "path"),
            ("orders", "a\0.csv", "path"),
        ):
            with pytest.raises(InvalidInput) as caught:
                export(memory, kind, tmp_path / name)
            assert [fault.path for fault in caught.value.faults] == [place]

    def test_a_cell_that_csv_does_not_take_back(self, memory: Backend, tmp_path: Path):
        """It is refused when it is written, and the other formats have it."""
        lines = [OrderLine.of(f"SKU-{n}", 1, "1.00", "EUR") for n in range(2_000)]
        filled(memory, Order.of_lines(ANA.id, lines, at=AT, source_key="1"))

        with pytest.raises(InvalidInput, match=r"lines: is longer than .* export .jsonl"):
            export(memory, "orders", tmp_path / "a.csv")
        assert export(memory, "orders", tmp_path / "a.jsonl").rows == 1

    def test_no_one_else_may_read_it_who_could_not_before(self, memory: Backend, tmp_path: Path):
        """The former file's permissions stay, and personal columns in a new one are private."""
        filled(memory)
        umask = os.umask(0o022)
        try:
            private = export(memory, "customers", tmp_path / "a.csv", personal=True).path
            public = export(memory, "orders", tmp_path / "b.csv").path
        finally:
            os.umask(umask)
        assert (mode(private), mode(public)) == (0o600, 0o644)

        public.chmod(0o640)
        private.chmod(0o400)
        export(memory, "orders", public, personal=True)
        export(memory, "customers", private)
        assert (mode(private), mode(public)) == (0o400, 0o640)

    def test_a_link_stays_one(self, memory: Backend, tmp_path: Path):
        filled(memory)
        (tmp_path / "held").mkdir()
        link, target = tmp_path / "a.csv", tmp_path / "held" / "b.csv"
        target.write_text("old")
        link.symlink_to(target)

        assert export(memory, "orders", link).path == link
        assert link.is_symlink()
        assert target.read_text().startswith("customer_id")
        assert [file.name for file in target.parent.iterdir()] == ["b.csv"]

    def test_the_rejects_file_is_private(self, memory: Backend, tmp_path: Path):
        import_purchases(memory, [{"amount": "x"}], source="shop", rejects=tmp_path / "r.csv")

        assert mode(tmp_path / "r.csv") == 0o600

    def test_the_order_in_which_things_came_does_not_show(self, open_store: Open, tmp_path: Path):
        """Two stores of the same facts, recorded at one instant in another order."""
        facts = [an_order(ANA, nth=n, at=AT + n * DAY, source_key=str(n)) for n in range(20)]
        files = []
        for tenant, told in (("a", facts), ("b", facts[::-1])):
            backend = filled(open_store(tenant=tenant), *told)
            for suffix in (".csv", ".jsonl.gz", ".parquet"):
                made = export(backend, "orders", tmp_path / f"{tenant}{suffix}", until=AT + 9 * DAY)
                files.append(made.path.read_bytes())

        assert files[:3] == files[3:]


class TestImport:
    """Rows of any kind, by the names of the fields or others."""

    def test_columns_are_called_otherwise(self, memory: Backend):
        filled(memory)
        rows = [{"quien": "7", "cuando": "2024-03-01 10:00", "importe": "5", "divisa": "EUR"}]
        columns = {
            "customer": "quien", "at": "cuando", "total": "importe", "total_currency": "divisa"
        }  # fmt: skip

        report = import_facts(
            memory, "orders", rows, source="shop", columns=columns, zone="Europe/Madrid"
        )

        assert report.added == 1
        order = next(order for order in orders(memory) if order.source_key != "1")
        assert (order.at, order.total) == (datetime(2024, 3, 1, 9, tzinfo=UTC), Money(5, "EUR"))
        with pytest.raises(UnknownField, match="did you mean 'total'"):
            import_facts(memory, "orders", rows, source="shop", columns={"totl": "importe"})
        with pytest.raises(InvalidInput, match="fecha: is no column"):
            import_facts(
                memory, "orders", pl.DataFrame(rows), source="shop", columns={"at": "fecha"}
            )

    def test_a_column_that_is_there_twice(self, memory: Backend, tmp_path: Path):
        """In no format does the last one win; what nobody reads may be there twice in CSV."""
        filled(memory)
        names = ["customer", "at", "total", "total"]
        table = pa.table([["7"], ["2024-01-31"], ["1"], ["99"]], names=names)
        pq.write_table(table, tmp_path / "a.parquet")
        csv_file(tmp_path, ",".join(names), "7,2024-01-31,1,99", name="a.csv")
        frame = pd.DataFrame([["7", "2024-01-31", "1", "99"]], columns=names)
        for rows in (tmp_path / "a.parquet", tmp_path / "a.csv", table, frame):
            with pytest.raises(
                InvalidInput, match=r"total: is there twice|two columns of one name"
            ):
                import_facts(memory, "orders", rows, source="shop")
        path = csv_file(tmp_path, "sku,name,name", "A,B,C", name="products.csv")
        with pytest.raises(InvalidInput, match="name: is there twice"):
            import_aggregates(memory, "products", path, source="shop")

        path = csv_file(tmp_path, "customer,at,total,,,memo,memo", "7,2024-01-31,1,,,a,b")
        assert import_facts(memory, "orders", path, source="shop").added == 1

    def test_every_fault_of_a_row_under_its_column(self, memory: Backend):
        filled(memory)
        line = {"product": "A", "quantity": "0", "unit_price": "1", "price": 1}
        rows = [
            {"customer": "7", "at": "soon", "total": "1,5", "channel": "pigeon", "lines": [line]},
            {"customer": "7", "at": "2024-01-01", "total_minor": "1.5"},
            {"customer": "7", "at": "2024-01-01"},
            {"customer": "7", "at": "2024-01-01", "total": "1", "total_currency": "XXQ"},
            {"customer": "7", "at": "2024-01-01", "total": "1", "total_currency": "USD"},
            {"customer_id": "7", "at": "2024-01-01", "total": "1"},
            {"at": "2024-01-01", "total": "1"},
            {"customer": "7", "at": "2024-01-01", "total": "-1"},
            {"customer": "7", "at": "2024-01-01", "total": "1", "lines": "{"},
        ]
        report = import_facts(memory, "orders", rows, source="shop")

        assert report.rejected == len(rows)
        assert reasons(report.rejects) == [
            (1, "at", "is no date or instant in ISO 8601 form"),
            (1, "lines", "[0]: has a key that is no field of OrderLine"),
            (1, "lines", "[0].amount: is missing"),
            (1, "channel", "is none of phone, email, chat, web, fax, visit, sms, post, shop, card"),
            (1, "total", "is not a number"),
            (2, "total_minor", "is no whole number"),
            (4, "total_currency", "is no ISO 4217 currency code"),
            (6, "customer_id", "must be an id (a UUID, or the text of one)"),
            (9, "lines", "is no JSON"),
            (3, "total", "is missing"),
            (7, "customer_id", "is missing"),
            (8, "total", "must not be negative; what comes back is a Return"),
            (5, "total_currency", "no exchange rate from USD to EUR on 2024-01-01"),
        ]

    def test_rows_without_any_key_are_known_by_what_they_say(self, memory: Backend):
        """Two alike are two; the same file again is nothing."""
        filled(memory)
        rows = [{"customer": "7", "at": "2024-03-01", "channel": "phone"}] * 2

        first, again = (import_facts(memory, "interactions", rows, source="shop") for _ in "12")

        assert (first.added, again.unchanged) == (2, 2)

    def test_only_a_restored_file_tells_who_recorded_it(self, open_store: Open, clock: FrozenClock):
        rows = [
            {
                "customer_id": str(ANA.id), "at": "2024-03-01", "total": "9", "source_key": key,
                "recorded_at": "2020-01-01", "actor": "mallory", "base_amount": "1",
                "base_amount_currency": "EUR", "total_currency": "USD",
            }
            for key in "ab"
        ]  # fmt: skip
        rates = DatedRates({("USD", "EUR", date(2024, 3, 1)): Decimal("0.5")})
        backend = filled(open_store(rates=rates))
        import_facts(backend, "orders", rows[:1], source="shop", actor="ines")
        restored = [rows[1] | {"source": "shop"}]
        import_facts(backend, "orders", restored, source="shop", actor="ines", restore=True)
        plain, kept = (o for o in orders(backend) if o.source_key in ("a", "b"))

        assert (plain.actor, plain.recorded_at, plain.base_amount) == (
            "ines", clock.now, Money("4.50", "EUR")
        )  # fmt: skip
        assert (kept.actor, kept.base_amount) == ("mallory", Money(1, "EUR"))
        assert kept.recorded_at == datetime(2020, 1, 1, tzinfo=UTC)

    def test_many_bad_rows_among_good_ones(self, backend: Backend):
        """Of a batch that the store refuses, every good row is found."""
        filled(backend)
        rows = [
            {
                "customer": "7" if n % 3 else "9", "at": "2024-03-01", "source_key": f"n{n}",
                "total": "90071992547409.00" if n % 40 == 10 else "1",
            }
            for n in range(120)
        ]  # fmt: skip
        report = import_facts(backend, "orders", rows, source="shop")

        assert report.rows == 120
        assert report.added + report.rejected == 120
        assert {r.column for r in report.rejects} == {"customer", ""}
        assert report.rejected == 40 + 2  # no profile holds what these two would make

    def test_customers_with_all_that_is_known_of_them(self, open_store: Open):
        model = Model(attributes=(AttributeType("seat", "text"), AttributeType("spend", "money")))
        backend = open_store(model=model)
        other = Customer.organisation("Acme", at=AT)
        row = {
            "kind": "person", "at": "2024-01-01", "name": "Ana", "channels": ["phone", "web"],
            "identifiers": '[{"type": "card", "value": "4000 1"}]',
            "contact_points": [{"kind": "email", "value": "ANA@example.com", "label": "home"}],
            "roles": [{"name": "holder", "since": "2024-01-01T00:00:00Z", "needs": ["ramp"]}],
            "relationships": [
                {"kind": "employee_of", "other_id": str(other.id), "since": "2024-01-01T00:00:00Z"}
            ],
            "attributes": [
                {"name": "seat", "type": "text", "value": "", "at": "2024-01-01T00:00:00Z"},
                {
                    "name": "spend", "type": "money", "at": "2024-01-01T00:00:00Z",
                    "value": {"amount": "1.50", "currency": "EUR"},
                },
            ],
        }  # fmt: skip
        bad = [
            row | {"identifiers": [{"type": "passport", "value": "1"}]},
            row | {"attributes": [{"name": "hat", "type": "text", "value": "x", "at": str(AT)}]},
            row | {"attributes": [{"name": "seat", "type": "colour", "value": "x"}]},
            row | {"identifiers": []},
        ]
        report = import_aggregates(backend, "customers", [row, *bad], source="desk")
        with backend.reading() as uow:
            ana = uow.customers.find_by_identifier("card", "40001")

        assert (report.added, report.rejected) == (1, 4)
        assert {r.row for r in report.rejects} == {2, 3, 4, 5}
        assert ana is not None
        assert (ana.roles[0].needs, ana.relationships[0].other_id) == (("ramp",), other.id)
        assert (ana.attribute("seat"), ana.attribute("spend")) == ("", Money("1.50", "EUR"))
        assert (ana.contact_points[0].value, ana.contact_points[0].label) == (
            "ana@example.com", "home"
        )  # fmt: skip

    def test_an_identifier_that_another_has(self, backend: Backend):
        """The row is set aside, and says which kind of identifier it is."""
        filled(backend)
        held = [{"type": "external", "value": "7", "source": "shop"}]
        rows = [
            {"id": str(a_customer("Eva").id), "kind": "person", "identifiers": held},
            {"id": str(a_customer("Ina").id), "kind": "person"},
        ]
        report = import_aggregates(backend, "customers", rows, source="desk")

        assert (report.added, report.rejected) == (1, 1)
        assert "belongs to another customer" in report.rejects[0].reason

    def test_segments_are_restored_with_their_predicates_or_not_at_all(
        self, memory: Backend, tmp_path: Path
    ):
        """What is told without personal values does not say it, and would make them static."""
        with memory.unit_of_work() as uow:
            held = uow.segments.add(
                Segment(name="rich", at=AT, predicate=field("revenue") > Money(9, "EUR"))
            )
        other = crmcore.connect("memory://")
        other.migrate()
        bare, whole = tmp_path / "bare.csv", tmp_path / "whole.csv"
        export(memory, "segments", bare)
        export(memory, "segments", whole, personal=True)

        with pytest.raises(InvalidInput, match="predicate"):
            import_aggregates(other, "segments", bare, source="x", restore=True)
        assert import_aggregates(other, "segments", whole, source="x", restore=True).added == 1
        with other.reading() as uow:
            assert uow.segments.named("rich").predicate == held.predicate

    def test_a_restored_row_is_the_whole(self, memory: Backend):
        """What it leaves empty becomes empty; any other row leaves what is known."""
        filled(memory)
        row = {"id": str(ANA.id), "kind": "person", "at": AT.isoformat(), "name": None}
        for restore, name in ((False, "Ana Ruiz"), (True, None)):
            import_aggregates(memory, "customers", [row], source="desk", restore=restore)
            with memory.reading() as uow:
                assert uow.customers.get(ANA.id).name == name

    def test_what_is_wrong_with_the_call_is_no_fault_of_a_row(self, memory: Backend):
        before = everything(filled(memory))
        for options in (
            {"kind": "purchases"}, {"kind": "customers"}, {"source": ""}, {"actor": ""},
            {"zone": "Mars/Base"}, {"currency": "XXQ"}, {"columns": ["at"]},
        ):  # fmt: skip
            given: dict[str, Any] = {"kind": "orders", "source": "shop", "rows": [{}], **options}
            with pytest.raises(InvalidInput):
                import_facts(memory, given.pop("kind"), given.pop("rows"), **given)
        with pytest.raises(InvalidInput):
            import_aggregates(memory, "orders", [], source="shop")
        assert everything(memory) == before

    def test_scores_are_exact(self, memory: Backend, tmp_path: Path):
        """The last digit of a float is in every format."""
        value = 0.1 + 0.2
        with memory.unit_of_work() as uow:
            uow.customers.add(ANA)
            uow.scores.add(a_score(ANA, value))
        for suffix in (".csv", ".jsonl", ".parquet"):
            path = export(memory, "scores", tmp_path / f"a{suffix}").path
            assert import_facts(memory, "scores", path, source="x", restore=True).unchanged == 1
        assert json.loads((tmp_path / "a.jsonl").read_text())["value"] == value


def test_memberships_are_known_by_programme_with_customer_or_number():
    """Customers by their external id too; whom nobody knows is told with place and reason. What
    facts tell of a member is set by restoring alone.
    """
    backend = filled(_of_club())
    rows = [
        {"customer": "7", "programme": "club", "number": "A-1", "tier": "blue", "at": "2024-03-01"},
        {"customer": "8", "programme": "club", "number": "A-2", "tier": "blue"},
        {"customer": "7", "programme": "clab", "tier": "blue"},
        {"number": "A-3", "programme": "club", "tier": "blue"},
        {"customer": "7", "tier": "blue"},
    ]
    first = import_aggregates(backend, "memberships", rows, source="shop")
    again = import_aggregates(backend, "memberships", rows[:1], source="shop")
    raised = [{"number": "A-1", "programme": "club", "tier": "gold"}]
    by_hand = import_aggregates(backend, "memberships", raised, source="shop")
    whole = [rows[0] | raised[0]]
    dry = import_aggregates(
        backend, "memberships", whole, source="shop", restore=True, dry_run=True
    )
    by_number = import_aggregates(backend, "memberships", whole, source="shop", restore=True)
    with backend.reading() as uow:
        member = uow.memberships.of(ANA.id, "club")

    assert (first.added, first.rejected) == (1, 4)
    assert [(r.row, r.column) for r in first.rejects] == [
        (2, "customer"), (3, "programme"), (4, "customer_id"), (5, "id"),
    ]  # fmt: skip
    assert (again.unchanged, dry.updated, by_number.updated) == (1, 1, 1)
    assert [(r.row, r.column) for r in by_hand.rejects] == [(1, "tier")]
    assert member is not None
    assert (member.number, member.tier, member.version) == ("A-1", "gold", 2)


def _of_club() -> Backend:
    made = MemoryBackend(model=Model(programmes=[a_programme()]))
    made.migrate()
    return made
