"""Predicates asked of data frames, in the engine of the frame, whatever narwhals knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import attrs

from crmcore.adapters.columns.fact_terms import KEY, with_terms
from crmcore.adapters.columns.frames import FrameLibrary
from crmcore.adapters.columns.predicates import Question
from crmcore.adapters.columns.texts import Texts
from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.instants import instant
from crmcore.domain.model import Model
from crmcore.domain.predicates import FactTerm, Predicate, terms
from crmcore.domain.resolving import Definition, inlined

try:
    import narwhals.stable.v2 as nw
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["Asking"]

LIBRARIES = get_args(FrameLibrary)
SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@attrs.frozen
class Asking:
    """Questions by name, put to a frame: `rows` has what they ask of facts as columns."""

    rows: nw.LazyFrame[Any] = attrs.field(repr=False)
    own: tuple[str, ...]
    question: Question
    asked: Mapping[str, Predicate]
    eager: bool

    @classmethod
    def of(
        cls,
        asked: Mapping[str, Predicate],
        frame: Any,
        *,
        model: Model,
        at: datetime | None,
        facts: Mapping[str, Any],
        segments: Definition | None,
    ) -> Asking:
        """The questions as they are asked of this frame; what cannot be asked is `InvalidInput`."""
        if not isinstance(asked, Mapping):
            raise InvalidInput.of("", "give predicates by name")
        told = _resolved(asked, model, at, segments)
        known = _known(frame, "frame")
        rows = known.lazy()
        schema = rows.collect_schema()
        engine = known.implementation.value
        distinct = dict.fromkeys(
            term
            for predicate in told.values()
            for term in terms(predicate)
            if isinstance(term, FactTerm)
        )
        if distinct and KEY not in schema:
            raise InvalidInput.of("frame", f"lacks the column {KEY}")
        texts = Texts(rows, in_sql=engine in ("duckdb", "pyspark"))

        def facts_of(kind: str) -> nw.LazyFrame[Any]:
            if kind not in facts:
                raise InvalidInput.of(f"facts.{kind}", "is asked about, and no frame is given")
            own = _known(facts[kind], f"facts.{kind}")
            if own.implementation.value != engine:
                what = f"is of {own.implementation.value}, and the frame of {engine}"
                raise InvalidInput.of(f"facts.{kind}", what)
            return own.lazy()

        rows, places = with_terms(rows, distinct, facts_of, engine=engine)
        question = Question(
            fields=model.profile_fields, schema=schema, texts=texts, terms=places, engine=engine
        )
        eager = isinstance(known, nw.DataFrame)
        return cls(rows, tuple(schema), question, told, eager)

    def filtered(self) -> Any:
        """The rows for which all of the questions hold, as a frame of the same library."""
        found = self.rows.filter(*map(self.question.kept, self.asked.values()))
        return self._native(found)

    def marked(self) -> Any:
        """All rows, with a column that says yes or no for each of the questions."""
        if taken := sorted(set(self.asked) & set(self.own)):
            raise InvalidInput.of(taken[0], "is the name of a column of the frame")
        return self._native(self.rows.with_columns(*self._answers()), *self.asked)

    def counted(self) -> dict[str, int]:
        """By question, how many rows it holds for; all of them counted in one pass."""
        if not self.asked:
            return {}
        names = {name: f"__asked_{index}" for index, name in enumerate(self.asked)}
        counts = [
            self.question.number(one).sum().alias(names[name]) for name, one in self.asked.items()
        ]
        row = self.rows.select(*counts).collect("pyarrow").row(0)
        return {name: int(found or 0) for name, found in zip(names, row, strict=True)}

    def _answers(self) -> list[nw.Expr]:
        return [self.question.known(one).alias(name) for name, one in self.asked.items()]

    def _native(self, found: nw.LazyFrame[Any], *more: str) -> Any:
        if self.question.terms:
            found = found.select(*self.own, *more)
        if not self.eager:
            return found.to_native()
        same: Any = self.question.engine
        return found.collect(same).to_native()


def _known(frame: Any, path: str) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    try:
        found: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
    except TypeError:
        raise InvalidInput.of(path, "is no data frame") from None
    if found.implementation.value not in LIBRARIES:
        raise InvalidInput.of(path, f"must be of one of {', '.join(LIBRARIES)}")
    return found


def _resolved(
    asked: Mapping[str, Predicate], model: Model, at: datetime | None, segments: Definition | None
) -> dict[str, Predicate]:
    found: dict[str, Predicate] = {}
    for name, predicate in asked.items():
        try:
            found[name] = _as_asked(predicate, model, at, segments)
        except InvalidInput as error:
            raise error.under(name) if name else error from None
    return found


def _as_asked(
    predicate: Predicate, model: Model, at: datetime | None, segments: Definition | None
) -> Predicate:
    def definition(name: str) -> Predicate:
        if segments is None:
            raise InvalidInput.of("segment", f"{name} is not told: give segments=")
        try:
            return segments(name)
        except KeyError:
            raise InvalidInput.of("segment", f"{name} is not told by segments=") from None

    checked = model.checked(predicate)
    asked_at = SOME_DAY if at is None else instant(at)
    found = model.resolved(checked, at=asked_at, definition=definition)
    if at is None and found != inlined(checked, lambda name: model.checked(definition(name))):
        raise InvalidInput.of("at", "is needed: the question depends on when it is asked")
    return found
