"""Dictionaries and JSON: every public class comes back, and nothing wrong with one is passed over.

The classes are found in `crmcore.__all__`, so a new one is tried as soon as it is exported.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
from collections.abc import Iterator
from typing import Any, cast

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import (
    CrmError,
    InvalidInput,
    Predicate,
    from_dict,
    from_json,
    json_schema,
    to_dict,
    to_json,
)
from crmcore.adapters.dicts.forms import DECLARED, SCHEMA, form_of
from crmcore.adapters.dicts.shapes import parts_of
from crmcore.domain.kinds import AGGREGATES, FACTS
from tests.adapters.dict_samples import MODEL, strategy_of
from tests.adapters.json_schema_check import breaks

PUBLIC = sorted(
    {
        value
        for value in (getattr(crmcore, name) for name in crmcore.__all__)
        if inspect.isclass(value)
        and (attrs.has(value) or value is Predicate)
        and value
        not in (crmcore.Backend, crmcore.Explanation, crmcore.Timeline, crmcore.UnitOfWork)
    },
    key=lambda cls: cls.__name__,
)
"""Every public class that holds data: not the store, the unit of work, answers about them, words,
or bare roots."""

SLOW = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def same(one: Any, other: Any) -> bool:
    """Errors have no equality of their own."""
    if not isinstance(one, CrmError):
        return bool(one == other)
    fields = attrs.fields(cast(Any, type(one)))
    return type(one) is type(other) and all(
        getattr(one, field.name) == getattr(other, field.name) for field in fields
    )


def test_every_public_class_has_a_form_and_every_form_is_of_a_public_class():
    """A class that is exported and not declared fails here: declare it in `dicts/forms.py`."""
    assert [cls.__name__ for cls in PUBLIC if cls not in DECLARED] == []
    assert [cls.__name__ for cls in DECLARED if cls not in PUBLIC] == []
    assert len({form_of(cls).name for cls in DECLARED}) == len(DECLARED)


def test_no_field_is_called_as_the_key_that_says_the_form():
    fields = {
        field.name for cls in DECLARED if attrs.has(cls) and cls for field in attrs.fields(cls)
    }
    assert SCHEMA not in fields
    with pytest.raises(InvalidInput):
        crmcore.Model(attributes=[crmcore.AttributeType(SCHEMA, "text")])


def test_the_form_of_a_stored_kind_is_at_the_version_of_the_kind():
    assert {kind.name: form_of(kind.cls).version for kind in FACTS} == {
        kind.name: kind.version for kind in FACTS
    }
    assert all(form_of(kind.cls).version == 1 for kind in AGGREGATES)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_what_is_written_reads_back_the_same(cls: type[Any], data: st.DataObject):
    """As dictionary and as JSON text, of JSON's own types alone, and within its JSON Schema."""
    before = data.draw(strategy_of(cls))
    plain = to_dict(before)

    assert plain[SCHEMA] == f"{form_of(cls).name}/{form_of(cls).version}"
    assert next(iter(plain)) == SCHEMA
    assert list(odd_types(plain)) == []
    assert same(from_dict(cls, plain, model=MODEL), before)
    assert same(from_json(cls, to_json(before), model=MODEL), before)
    assert same(from_json(cls, json.dumps(plain, allow_nan=False).encode(), model=MODEL), before)
    assert to_dict(from_dict(cls, plain, model=MODEL)) == plain
    assert list(breaks(plain, json_schema(cls, model=MODEL))) == []


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_one_thing_wrong_is_told_at_its_place(cls: type[Any], data: st.DataObject):
    """A key too many, or a value of another type, anywhere within."""
    plain = to_dict(data.draw(strategy_of(cls)))
    where = data.draw(st.sampled_from([path for path in places(plain) if not free(cls, path)]))
    broken, path = data.draw(st.sampled_from([retyped, with_one_more]))(plain, where)

    with pytest.raises(InvalidInput) as refused:
        from_dict(cls, broken, model=MODEL)
    told = [fault.path for fault in refused.value.faults]
    # A wrong value may be told by a part of it.
    assert any(one.startswith(path) for one in told), (path, told)
    assert list(breaks(broken, json_schema(cls, model=MODEL))) or deep(where)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_a_missing_key_is_told_unless_it_has_a_default(cls: type[Any], data: st.DataObject):
    """Of one dropped anywhere within, where it was; of a required one, by its name."""
    plain = to_dict(data.draw(strategy_of(cls)))
    where = data.draw(st.sampled_from(list(places(plain))))
    broken = copy.deepcopy(plain)
    del at_place(broken, where[:-1])[where[-1]]
    required = json_schema(cls, model=MODEL).get("required", [])
    _, error = outcome(cls, broken)
    told = [fault.path for fault in error.faults] if error else []
    assert error is None or where != (SCHEMA,)
    assert where[0] in told or where[0] not in required or len(where) > 1


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["op", "field", "value", "parts", "amount", "at", "date", "schema"])
            | st.text(max_size=8),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
@SLOW
@given(data=st.data())
def test_no_junk_raises_anything_but_our_error(cls: type[Any], data: st.DataObject):
    """Junk whole, and junk in any one place of what is right."""
    plain = to_dict(data.draw(strategy_of(cls)))
    where = data.draw(st.sampled_from(list(places(plain))))
    junk = data.draw(JUNK)
    for broken in (junk, replaced(plain, where, junk)):
        back, error = outcome(cls, broken)
        assert isinstance(back, cls) if error is None else error.faults
        assert error is None or error.__cause__ is None


@pytest.mark.parametrize("cls", [c for c in PUBLIC if c is not Predicate], ids=lambda c: c.__name__)
@SLOW
@given(data=st.data())
def test_without_personal_values_no_marked_field_is_written(cls: type[Any], data: st.DataObject):
    """The mark decides, in what is held as well; the schema of it says the same."""
    thing = data.draw(strategy_of(cls))
    plain = to_dict(thing, personal=False, model=MODEL)
    if attrs.has(cls) and cls is not crmcore.Profile:
        marked = {part.name for part in parts_of(cls) if part.personal}
        assert marked & set(plain) == set()
        assert set(plain) | marked == set(to_dict(thing))
    assert json.loads(to_json(thing, personal=False, model=MODEL)) == plain
    assert list(breaks(plain, json_schema(cls, personal=False, model=MODEL))) == []


def outcome(cls: type[Any], data: Any) -> tuple[Any, InvalidInput | None]:
    """What was read, or our error; any other exception fails the test."""
    try:
        return from_dict(cls, data, model=MODEL), None
    except InvalidInput as error:
        return None, error


Path = tuple[str | int, ...]


def odd_types(value: Any) -> Iterator[type]:
    """Types that JSON does not have."""
    if type(value) is dict:
        yield from (type(key) for key in value if type(key) is not str)
        for inner in value.values():
            yield from odd_types(inner)
    elif type(value) is list:
        for inner in value:
            yield from odd_types(inner)
    elif value is not None and type(value) not in (str, int, float, bool):
        yield type(value)
    elif isinstance(value, float) and not math.isfinite(value):
        yield float


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below the outermost dictionary."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inner:
        yield (*path, key)
        if isinstance(held, dict | list):
            yield from places(held, (*path, key))


def spelt(path: Path) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def at_place(plain: Any, path: Path) -> Any:
    for key in path:
        plain = plain[key]
    return plain


def replaced(plain: Any, path: Path, value: Any) -> Any:
    made = copy.deepcopy(plain)
    at_place(made, path[:-1])[path[-1]] = value
    return made


def retyped(plain: Any, path: Path) -> tuple[Any, str]:
    """`plain` with a value that no field takes, and the path that should say so."""
    old = at_place(plain, path)
    return replaced(plain, path, [[]] if isinstance(old, dict) else {"never": []}), spelt(path)


def with_one_more(plain: Any, path: Path) -> tuple[Any, str]:
    """`plain` with a key or an item too many beside this place, and the path of it."""
    made = copy.deepcopy(plain)
    holder = at_place(made, path[:-1])
    key: str | int = "no_such_key" if isinstance(holder, dict) else len(holder)
    if isinstance(holder, dict):
        holder[key] = 1
    else:
        holder.append({"never": []})
    return made, spelt((*path[:-1], key))


def free(cls: type[Any], path: Path) -> bool:
    """The journal's changes are plain data of any shape."""
    return cls is crmcore.Entry and path[0] in ("changes", "personal") and len(path) > 1


def deep(path: Path) -> bool:
    """What the schemas leave open: the parts of a predicate, the rows of rates, and more."""
    return len(path) > 1
