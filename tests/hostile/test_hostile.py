"""A small draw of what `python -m tests.hostile --times 100000` does at length, and its controls:
each planted fault, some of them real ones of other systems, is noticed by the same check.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.collection import Collection

from crmcore.adapters.memory import profiles as memory_profiles
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain import attributes
from crmcore.domain import text as domain_text
from crmcore.domain.matching import matcher
from crmcore.domain.predicates import Comparison
from tests import servers
from tests.hostile.fuzzing import Tally, batches, check
from tests.hostile.stores import STORES, Make, on_engine, opened
from tests.hostile.texts import hostile_texts

FEW = [
    "a", "A", "a ", " a", "á", "a\u0301", "%", "_", "a%", "'", "' OR ''='", "x'; --", "ss", "ß",
    "$gt", ".", "a.b", "acb", "😀", "\\",
]  # fmt: skip


def tally_of(make: Make, texts: Iterator[str] | list[str]) -> Tally:
    tally = Tally()
    for batch in batches(texts, 100):
        check(make, batch, tally, Random(1))
    return tally


@pytest.mark.parametrize("store", STORES)
def test_hostile_text_is_kept_or_refused_and_never_interpreted(store: str):
    # The Mongo-protocol server takes half a second for each text.
    times = 30 if store == "mongo" else 120
    try:
        with opened(store) as make:
            tally = tally_of(make, islice(hostile_texts(2024), 60, 60 + times))
    except servers.Unavailable as missing:
        pytest.skip(str(missing))

    assert tally.findings == []
    assert tally.interpreted == tally.differing == 0
    assert tally.stored > 20 * times > tally.refused > 0


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_so_is_any_other_text(store: str):
    letters = st.characters() | st.characters(categories=["Cs", "Cc", "Cf", "Mn"])

    with opened(store) as make:

        @settings(max_examples=8, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.text(letters, min_size=1, max_size=50), min_size=2, max_size=20))
        def draw(texts: list[str]):
            assert tally_of(make, texts).findings == []

        draw()


def test_a_text_that_an_example_has_by_itself_is_no_second_of_its_kind():
    """A number that an unstorable text left as it was must not be what the next text says."""
    with opened("memory") as make:
        assert tally_of(make, ["\ud800", "0", "card 0x"]).findings == []


Rewrite = Callable[[str, Any], tuple[str, Any]]


def splice(statement: str, values: Any) -> tuple[str, Any]:
    """Texts set between quotes, as who has never heard of bound values would."""
    first, *rest = statement.split("?")
    if len(rest) != len(values):
        return statement, values
    kept = [value for value in values if not isinstance(value, str)]
    spliced = [f"'{value}'" if isinstance(value, str) else "?" for value in values]
    return first + "".join(a + b for a, b in zip(spliced, rest, strict=True)), tuple(kept)


def as_pattern(statement: str, values: Any) -> tuple[str, Any]:
    return statement.replace(" = ?", " LIKE ?"), values


def without_case(statement: str, values: Any) -> tuple[str, Any]:
    return statement.replace(" = ?", " = ? COLLATE NOCASE"), values


def without_blanks(statement: str, values: Any) -> tuple[str, Any]:
    return statement.replace(" = ?", " = ? COLLATE RTRIM"), values


@pytest.mark.parametrize("fault", [splice, as_pattern, without_case, without_blanks])
def test_a_query_that_interprets_is_noticed(fault: Rewrite, tmp_path: Path):
    engine = engine_for(f"sqlite:///{tmp_path}/crm.db")
    make = on_engine(engine)
    assert tally_of(make, FEW).findings == []

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def changed(_, __, statement, parameters, ___, executemany):
        if executemany or not statement.startswith("SELECT") or "profiles" not in statement:
            return statement, parameters
        return fault(statement, parameters)

    assert tally_of(make, FEW).interpreted
    engine.dispose()


def test_a_store_that_composes_accents_is_noticed(tmp_path: Path):
    engine = engine_for(f"sqlite:///{tmp_path}/crm.db")
    make = on_engine(engine)

    def composed(value: object) -> object:
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def changed(_, __, statement, parameters, ___, executemany):
        rows = parameters if executemany else [parameters]
        rows = [tuple(map(composed, row)) for row in rows]
        return statement, rows if executemany else rows[0]

    assert tally_of(make, FEW).differing
    engine.dispose()


def test_a_filter_that_forgets_blanks_is_noticed(monkeypatch: pytest.MonkeyPatch):
    def careless(predicate: Any) -> Any:
        match predicate:
            case Comparison(name, "==", str(text)):
                return lambda get: (get(name) or "\0").strip() == text.strip()
        return matcher(predicate)

    monkeypatch.setattr(memory_profiles, "matcher", careless)
    with opened("memory") as make:
        assert tally_of(make, FEW).interpreted


def test_a_filter_that_takes_text_for_a_pattern_is_noticed(monkeypatch: pytest.MonkeyPatch):
    find = Collection.find

    def by_pattern(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$eq"), str):
                return {"$regex": value["$eq"]}
            return {name: by_pattern(inner) for name, inner in value.items()}
        return [by_pattern(inner) for inner in value] if isinstance(value, list) else value

    def careless(self: Any, filter: Any = None, *arguments: Any, **more: Any) -> Any:
        return find(self, by_pattern(filter), *arguments, **more)

    try:
        with opened("mongo") as make:
            monkeypatch.setattr(Collection, "find", careless)
            assert tally_of(make, FEW[-9:]).interpreted
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def test_a_field_that_takes_anything_is_noticed(monkeypatch: pytest.MonkeyPatch):
    for module in (domain_text, attributes):
        monkeypatch.setattr(module, "checked_text", lambda value, path, limit: value)
    with opened("memory") as make:
        assert tally_of(make, ["a\ud800", "a\0b"]).differing
