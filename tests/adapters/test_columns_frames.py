"""Profiles and facts as data frames: their columns and types, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from crmcore import (
    Backend,
    InvalidInput,
    MissingExtra,
    Money,
    Predicate,
    UnknownField,
    ago,
    connect,
    facts,
    field,
    in_segment,
)
from crmcore.adapters.columns import (
    FrameLibrary,
    count_each,
    fact_frame,
    matching,
    profile_frame,
    with_segments,
)
from crmcore.testing import a_customer, a_line, an_order
from tests.adapters.frame_questions import MODEL

AT = datetime(2024, 3, 31, 11, tzinfo=UTC)
"""The clocks of Madrid went forward in this night."""
LIBRARIES: tuple[FrameLibrary, ...] = ("polars", "pandas", "duckdb")
ZONES = (
    "Etc/GMT+12", "Pacific/Pago_Pago", "America/New_York", "UTC", "Europe/Madrid",
    "Asia/Kathmandu", "Pacific/Kiritimati", None,
)  # fmt: skip
WHOLE: dict[str, Any] = {
    "seat": "12Á", "visits": 2**53 - 1, "weight": 0.1, "height": Decimal("0.000001"), "vip": False,
    "born": date(1988, 2, 29), "renewed_at": AT, "budget": Money("1.01", "EUR"),
}  # fmt: skip


@pytest.fixture
def backend() -> Backend:
    """Somebody with everything, and somebody with nothing."""
    made = connect("memory://", model=MODEL)
    made.migrate()
    with made.unit_of_work() as uow:
        ana = uow.customers.add(a_customer("Ana García", tags=["vip"], attributes=WHOLE))
        uow.customers.add(a_customer(None, language=None))
        lines = [a_line("B", category="mugs"), a_line("A"), a_line("A", category="mugs")]
        uow.orders.add(an_order(ana, "30.00", lines=lines, at=AT))
    return made


def names(frame: Any) -> list[str | None]:
    return sorted(frame.get_column("name").to_list(), key=str)


def test_every_field_of_the_model_is_a_column_of_its_type(backend: Backend):
    frame = profile_frame(backend, "polars", personal=True)
    ana = frame.filter(pl.col("name").is_not_null()).row(0, named=True)

    assert {n: frame.schema[n] for n in ("vip", "visits", "weight", "born", "seat")} == {
        "vip": pl.Boolean, "visits": pl.Int64, "weight": pl.Float64, "born": pl.Date,
        "seat": pl.String,
    }  # fmt: skip
    assert frame.schema["height"] == pl.Decimal(16, 6)
    assert frame.schema["renewed_at"] == pl.Datetime("ms", "UTC")
    assert frame.schema["tags"] == pl.List(pl.String)
    assert {n: ana[n] for n in WHOLE if n != "budget"} == {
        n: value for n, value in WHOLE.items() if n != "budget"
    }
    assert (ana["budget_minor"], ana["revenue_minor"], ana["tags"]) == (101, 3000, ["vip"])
    assert UUID(bytes=ana["customer_id"]).version == 7


def test_what_is_absent_is_null_and_no_tags_are_an_empty_list(backend: Backend):
    frame = profile_frame(backend, "polars", personal=True)
    nobody = frame.filter(pl.col("name").is_null()).row(0, named=True)

    assert {nobody[name] for name in WHOLE if name != "budget"} == {None}
    assert (nobody["tags"], nobody["order_count"], nobody["delivered_whole"]) == ([], 0, None)


def test_an_absent_truth_value_is_absent_in_the_stream_as_well(backend: Backend):
    table = pa.table(backend.columns("profiles"))

    assert table.column("delivered_whole").to_pylist() == [None, None]


def test_personal_columns_are_there_when_asked_for(backend: Backend):
    frame = profile_frame(backend, "polars")

    assert {"name", "email", "phone"} & set(frame.columns) == set()
    assert "seat" in frame.columns
    with pytest.raises(InvalidInput, match=r"name: needs the column name.*personal"):
        matching(field("name") == "Ana", frame, model=MODEL)
    with pytest.raises(InvalidInput, match="personal"):
        profile_frame(backend, "polars", folded=["name"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_nobody_is_a_frame_as_well(library: FrameLibrary):
    empty = connect("memory://")
    empty.migrate()
    frame = profile_frame(empty, library)
    told = {"orders": fact_frame(empty, "orders", library)}
    asked = {"all": facts("orders").count() >= 0, "none": facts("orders").count() > 0}

    assert count_each(asked, frame, model=empty.model, facts=told) == {"all": 0, "none": 0}


def test_orders_and_purchases_have_the_products_and_categories_of_their_lines(backend: Backend):
    for kind in ("orders", "purchases"):
        (row,) = fact_frame(backend, kind, "polars").rows(named=True)
        assert (row["products"], row["categories"]) == (["A", "B"], ["mugs"])


def test_facts_are_those_of_the_window(backend: Backend):
    assert fact_frame(backend, "purchases", "polars", until=AT).height == 0
    assert fact_frame(backend, "purchases", "polars", since=AT).height == 1
    with pytest.raises(InvalidInput):
        fact_frame(backend, "profiles", "polars")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("period", ["today", "yesterday", "this_week"])
def test_days_are_those_of_the_customers_zone(library: FrameLibrary, period: str):
    """O6: the same customers as the store, from -12 to +14, on a day that is 23 hours long."""
    store = connect("memory://", model=MODEL)
    store.migrate()
    with store.unit_of_work() as uow:
        for zone in ZONES:
            for hours in range(-48, 48, 3):
                at = AT + timedelta(hours=hours)
                uow.customers.add(
                    a_customer(zone, zone=zone, attributes={"renewed_at": at}, nth=hours)
                )
    asked = field("renewed_at").during(period, zone="customer")
    with store.reading() as uow:
        expected = uow.profiles.where(asked, at=AT).count()
        outside = uow.profiles.where(~asked, at=AT).count()

    frame = profile_frame(store, library)
    counts = count_each({"in": asked, "out": ~asked}, frame, model=MODEL, at=AT)
    assert counts == {"in": expected, "out": outside}
    assert 0 < expected < len(ZONES) * 32


def test_a_number_that_is_none_compares_with_none_and_is_not_absent():
    """NaN is stored nowhere; a frame of the host's may hold it."""
    frame = pl.DataFrame({"weight": [float("nan"), 1.0, None]})
    asked = {
        "greater": field("weight") > 0.5, "at least": field("weight") >= 0.5,
        "less": field("weight") < 2.0, "not less": ~(field("weight") < 2.0),
        "itself": field("weight") == field("weight"), "absent": field("weight").is_absent(),
    }  # fmt: skip

    assert list(count_each(asked, frame, model=MODEL).values()) == [1, 1, 1, 2, 1, 1]


@pytest.mark.parametrize("minus", [False, True])
def test_zero_is_in_a_set_with_minus_zero(minus: bool):
    """pandas tells them apart within a set, and in no comparison."""
    zeros = pd.DataFrame({"weight": pd.array([0.0, -0.0, 1.0, None], dtype="float64[pyarrow]")})
    zero = -0.0 if minus else 0.0
    asked = {"==": field("weight") == zero, "in": field("weight").is_in(zero, 3.0)}
    for frame in (zeros, pl.from_pandas(zeros), duckdb.from_df(zeros)):
        assert count_each(asked, frame, model=MODEL) == {"==": 2, "in": 2}


def test_categories_are_compared_as_texts():
    words = ["b", "a", None, "c"]
    for type in (pl.Categorical(), pl.Enum(["c", "b", "a"])):
        frame = pl.DataFrame({"seat": pl.Series(words, dtype=type)})
        asked = {"<": field("seat") < "b", "in": field("seat").is_in("b", "x"),
                 "has": field("seat").contains("C")}  # fmt: skip
        assert count_each(asked, frame, model=MODEL) == {"<": 1, "in": 1, "has": 1}


def test_a_frame_of_the_hosts_own_is_asked_the_same_way(backend: Backend):
    frame = pl.DataFrame({"seat": ["", "a", None], "id": [1, 2, 3]})
    found = matching(~(field("seat") == "a"), frame, model=MODEL)

    assert found.rows() == [("", 1), (None, 3)]


def test_segments_are_columns_of_yes_and_no(backend: Backend):
    frame = profile_frame(backend, "polars", personal=True)
    asked = {"gold": field("tags").has("vip"), "seated": in_segment("seats")}
    known = {"seats": field("seat").is_present()}
    marked = with_segments(asked, frame, model=MODEL, segments=known.__getitem__)

    assert marked.columns == [*frame.columns, "gold", "seated"]
    assert sorted(marked["gold"].to_list()) == sorted(marked["seated"].to_list()) == [False, True]
    with pytest.raises(InvalidInput, match=r"seated\.segment: vips is not told"):
        with_segments(
            {"seated": in_segment("vips")}, frame, model=MODEL, segments=known.__getitem__
        )
    with pytest.raises(InvalidInput, match="seat: is the name of a column"):
        with_segments({"seat": known["seats"]}, frame, model=MODEL)


def test_a_relation_stays_a_relation(backend: Backend):
    frame = profile_frame(backend, "duckdb")
    told = {"orders": fact_frame(backend, "orders", "duckdb")}
    found = matching(facts("orders").count() == 0, frame, model=MODEL, facts=told)

    assert isinstance(found, duckdb.DuckDBPyRelation)
    assert found.columns == frame.columns


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (field("visits") > 1, "visits"),  # a text in this frame
        (field("weight") > 1, "weight"),  # not in this frame
        (field("renewed_at") < AT, "renewed_at"),  # without a zone
        (field("renewed_at") < ago(days=1), "at"),
        (facts("orders").count() > 1, "frame"),  # which has no customers
        (in_segment("vip"), "segment"),
        (field("no_such") == 1, "no_such"),
        (field("seat") == 1, "seat"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(asked: Predicate, path: str):
    frame = pl.DataFrame({"seat": ["a"], "visits": ["1"], "renewed_at": [datetime(2024, 1, 1)]})  # noqa: DTZ001
    with pytest.raises(InvalidInput) as raised:
        matching(asked, frame, model=MODEL)

    assert raised.value.faults[0].path == path


def test_several_questions_are_given_by_name():
    with pytest.raises(InvalidInput, match="give predicates by name"):
        with_segments([field("seat") == "12A"], pl.DataFrame(), model=MODEL)  # type: ignore[arg-type]


def test_facts_are_asked_of_a_frame_of_the_same_library(backend: Backend):
    frame, asked = profile_frame(backend, "polars"), facts("orders").count() > 0
    with pytest.raises(InvalidInput, match=r"facts\.orders: is asked about"):
        matching(asked, frame, model=MODEL)
    with pytest.raises(InvalidInput, match=r"facts\.orders: is of pandas"):
        told = {"orders": fact_frame(backend, "orders", "pandas")}
        matching(asked, frame, model=MODEL, facts=told)
    with pytest.raises(InvalidInput, match=r"facts\.orders: lacks the column customer_id"):
        matching(asked, frame, model=MODEL, facts={"orders": pl.DataFrame({"at": [AT]})})


@pytest.mark.parametrize("frame", [None, [{"seat": "a"}], pa.table({"seat": ["a"]})])
def test_what_is_no_frame_of_a_known_library_is_refused(frame: Any):
    with pytest.raises(InvalidInput) as raised:
        matching(field("seat") == "a", frame, model=MODEL)

    assert raised.value.faults[0].path == "frame"


def test_an_unknown_library_or_field_is_refused(backend: Backend):
    with pytest.raises(InvalidInput, match="library"):
        profile_frame(backend, "excel")  # type: ignore[arg-type]
    with pytest.raises(UnknownField, match="no_such"):
        profile_frame(backend, "polars", folded=["no_such"])
    with pytest.raises(InvalidInput, match="visits"):
        profile_frame(backend, "polars", folded=["visits"])


def test_more_texts_than_a_query_takes_ask_for_a_prepared_column(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("crmcore.adapters.columns.texts.MOST", 0)
    asked = field("seat").contains("á")
    with pytest.raises(InvalidInput, match="folded='seat'"):
        matching(asked, profile_frame(backend, "duckdb"), model=MODEL)

    prepared = profile_frame(backend, "duckdb", folded=["seat"])
    assert count_each({"": asked}, prepared, model=MODEL) == {"": 1}
    assert len(matching(asked, profile_frame(backend, "polars"), model=MODEL)) == 1


def test_pandas_frames_have_types_that_know_what_is_absent(backend: Backend):
    frame = profile_frame(backend, "pandas")

    assert isinstance(frame, pd.DataFrame)
    assert str(frame.dtypes["visits"]) == "int64[pyarrow]"
    assert frame["visits"].dropna().tolist() == [2**53 - 1]


def test_without_an_extra_it_is_named(backend: Backend, monkeypatch: pytest.MonkeyPatch):
    code = (
        "import sys; sys.modules['narwhals'] = None\n"
        "import crmcore; from crmcore.adapters.columns import profile_frame\n"
        "backend = crmcore.connect('memory://'); backend.migrate()\n"
        "try: profile_frame(backend, 'polars')\n"
        "except crmcore.MissingExtra as error: print(error.extra)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (finished.stdout.strip(), finished.stderr) == ("frames", "")

    monkeypatch.setattr("crmcore.adapters.columns.tables.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as raised:
        profile_frame(backend, "pyspark")
    assert raised.value.extra == "spark"
    with pytest.raises(InvalidInput, match="duckdb is not installed"):
        profile_frame(backend, "duckdb")
