"""From what scorers answer to facts: all of it is checked before the first score is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.ports import Backend
from crmcore.domain.score import Score
from crmcore.domain.text import NAME, checked_text
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.purchase_columns import Ids, end_of
from crmcore.services.purchase_scorers import HistoryInWords
from crmcore.services.scorers import Scorer, ScoreValues, ends_of, input_names
from crmcore.services.scoring_columns import read_only

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["ScoreColumn", "ask", "check_scorers", "record_scores"]

BATCH = 10_000
SOURCE = "crmcore.score"


@attrs.frozen(kw_only=True, eq=False)
class ScoreColumn:
    """What a scorer said of all customers, checked: scores (n,) in float64.

    `low` and `high` (n,) are the ends of intervals, NaN where there is none, or None if it told
    none at all; `why` the ground of each; `columns` what it was given.
    """

    name: str
    version: str
    unit: str
    model: str | None
    value: npt.NDArray[np.float64] = attrs.field(repr=False)
    low: npt.NDArray[np.float64] | None = attrs.field(repr=False)
    high: npt.NDArray[np.float64] | None = attrs.field(repr=False)
    why: Sequence[str | None] | None = attrs.field(repr=False)
    columns: Mapping[str, npt.NDArray[Any]] = attrs.field(repr=False)


def check_scorers(scorers: Sequence[Scorer]) -> None:
    """Refuse what is no scorer, and two of one name."""
    if not isinstance(scorers, Sequence) or not scorers:
        raise InvalidInput.of("scorers", "must be a sequence of one scorer at least")
    faults: list[Fault] = []
    places: dict[str, int] = {}
    for place, scorer in enumerate(scorers):
        path = f"scorers[{place}]"
        missing = [n for n in ("name", "version", "inputs", "unit") if not hasattr(scorer, n)]
        if missing or not callable(getattr(scorer, "score", None)):
            faults.append(Fault(path, f"has no {', '.join(missing) or 'score to be called'}"))
            continue
        name: Any = scorer.name
        if not isinstance(name, str) or not NAME.fullmatch(name):
            faults.append(Fault(f"{path}.name", "must be a name such as basket_size"))
        elif places.setdefault(name, place) != place:
            faults.append(Fault(f"{path}.name", f"{name} is that of scorers[{places[name]}] too"))
        for part in ("version", "unit"):
            try:
                if not checked_text(getattr(scorer, part), f"{path}.{part}", 40):
                    faults.append(Fault(f"{path}.{part}", "is empty"))
            except InvalidInput as error:
                faults += error.faults
        try:
            input_names(scorer.inputs)
        except InvalidInput as error:
            faults += error.under(path).faults
    if faults:
        raise InvalidInput(tuple(faults))


def ask(scorer: Scorer, columns: Mapping[str, npt.NDArray[Any]], ids: Ids) -> ScoreColumn:
    """What the scorer says of its own columns. InvalidInput names it where that is no score of
    each customer; an error of its own says by a note whose it was.
    """
    own = read_only(columns, scorer.inputs)
    try:
        told: Any = scorer.score(own)
    except Exception as error:
        error.add_note(f"raised by the scorer {scorer.name} {scorer.version}")
        raise
    found = _spelled(told)
    checking = _Checking(scorer.name, ids)
    value = checking.numbers(found.value, "value")
    checking.refuse(~_finite(value), "value", "a finite number")
    low, high = checking.ends(value, found.low, found.high)
    return ScoreColumn(
        name=scorer.name, version=scorer.version, unit=scorer.unit,
        model=checking.model(found.model), columns=own, value=value, low=low, high=high,
        why=checking.whys(found.why),
    )  # fmt: skip


def _spelled(told: Any) -> ScoreValues:
    from crmcore.analytics import IntervalOf

    if isinstance(told, ScoreValues):
        return told
    if isinstance(told, IntervalOf):
        low, high = ends_of(told)
        return ScoreValues(value=told.value, low=low, high=high)
    return ScoreValues(value=told)


def _finite(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    import numpy as np

    return np.isfinite(values)


@attrs.frozen
class _Checking:
    """Refuses what one scorer said, with its name and how many rows are wrong."""

    name: str
    ids: Ids

    def numbers(self, told: Any, what: str) -> npt.NDArray[np.float64]:
        """One number for each customer."""
        import numpy as np

        if np.ma.isMaskedArray(told):
            raise InvalidInput.of(f"{self.name}.{what}", "has masked values")
        try:
            raw = np.asarray(told)
            plain = raw.dtype.kind in "iufb" or (
                raw.dtype.kind == "O" and not any(isinstance(v, str | bytes) for v in raw.flat)
            )
            array = raw.astype(np.float64) if plain else None
        except (TypeError, ValueError, OverflowError):
            array = None
        if array is None:
            raise InvalidInput.of(f"{self.name}.{what}", "must be numbers")
        if array.ndim != 1:
            raise InvalidInput.of(f"{self.name}.{what}", "must have one dimension")
        if len(array) != len(self.ids):
            self._count(len(array), what)
        return array + 0.0

    def _count(self, given: int, what: str) -> None:
        raise InvalidInput.of(
            f"{self.name}.{what}", f"has {given:,} rows for {len(self.ids):,} customers"
        )

    def refuse(self, wrong: npt.NDArray[np.bool_], what: str, must_be: str) -> None:
        """Name the first of the customers of whom something wrong was said."""
        count = int(wrong.sum())
        if count:
            first = self.ids[int(wrong.argmax())]
            reason = f"is not {must_be} for {count:,} of {len(self.ids):,} customers, first {first}"
            raise InvalidInput.of(f"{self.name}.{what}", reason)

    def ends(
        self, value: npt.NDArray[np.float64], low: Any, high: Any
    ) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
        """Both ends around the value, NaN in both where there is no interval."""
        import numpy as np

        if low is None and high is None:
            return None, None
        if low is None or high is None:
            raise InvalidInput.of(f"{self.name}.{'low' if low is None else 'high'}", "is missing")
        begins, ends = self.numbers(low, "low"), self.numbers(high, "high")
        absent = np.isnan(begins)
        self.refuse(absent != np.isnan(ends), "high", "told together with low")
        self.refuse(~absent & ~(np.isfinite(begins) & (begins <= value)), "low", "at or below")
        self.refuse(~absent & ~(np.isfinite(ends) & (value <= ends)), "high", "at or above")
        return begins, ends

    def whys(self, told: Any) -> Sequence[str | None] | None:
        """A text or nothing for each customer."""
        if told is None:
            return None
        if isinstance(told, str) or not hasattr(told, "__len__"):
            raise InvalidInput.of(f"{self.name}.why", "must be a sequence of texts")
        if len(told) != len(self.ids):
            self._count(len(told), "why")
        if not isinstance(told, HistoryInWords):
            for why in told:
                self._text(why, "why", 500)
        whys: Sequence[str | None] = told
        return whys

    def model(self, told: Any) -> str | None:
        """The model in a line."""
        return self._text(told, "model", 200)

    def _text(self, told: Any, what: str, limit: int) -> str | None:
        found = None if told is None else checked_text(told, f"{self.name}.{what}", limit)
        if found == "":
            raise InvalidInput.of(f"{self.name}.{what}", "is empty: None says that there is none")
        return found


def record_scores(
    backend: Backend, answers: Iterable[Sequence[ScoreColumn]], ids: Ids, *, as_of: date, actor: str
) -> int:
    """Store the answers as facts dated by the end of the day; how many were new. Those that belong
    together are keyed together: with one of them, all are new.
    """
    at = end_of(as_of, backend.model.zone) - timedelta(milliseconds=1)
    added = 0
    for together in answers:
        scores = _facts(together, ids, at, _fingerprint(together, ids, at))
        while batch := list(islice(scores, BATCH)):
            added += backend.run(_record, batch, actor=actor, source=SOURCE)
    return added


def _facts(answers: Sequence[ScoreColumn], ids: Ids, at: datetime, tag: str) -> Iterator[Score]:
    columns = [
        (answer, answer.value.tolist(), _listed(answer.low), _listed(answer.high), answer.why)
        for answer in answers
    ]
    for row, customer_id in enumerate(ids):
        for answer, value, low, high, why in columns:
            bounded = low is not None and high is not None and low[row] == low[row]
            yield Score(
                customer_id=customer_id, at=at, scorer=answer.name, value=value[row],
                unit=answer.unit, model=answer.model, why=None if why is None else why[row],
                low=low[row] if low and bounded else None,
                high=high[row] if high and bounded else None,
                scorer_version=answer.version, source=SOURCE,
                source_key=f"{answer.name}:{tag}:{customer_id.hex}",
            )  # fmt: skip


def _listed(ends: npt.NDArray[np.float64] | None) -> list[float] | None:
    return None if ends is None else ends.tolist()


def _fingerprint(answers: Sequence[ScoreColumn], ids: Ids, at: datetime) -> str:
    """The same for the same customers, columns, options and results, to the last digit.

    So a repeated run adds nothing, and one with results of its own (other options, another
    version of the scorer) meets no score of the same key with other content.
    """
    digest = blake2b(digest_size=8)
    digest.update(b"".join(id.bytes for id in ids))
    for answer in answers:
        told = (at, answer.name, answer.version, answer.unit, answer.model, sorted(answer.columns))
        digest.update(repr(told).encode())
        for name in sorted(answer.columns):
            digest.update(_bytes(answer.columns[name]))
        for column in (answer.value, answer.low, answer.high):
            digest.update(b"" if column is None else column.tobytes())
        if answer.why is not None and not isinstance(answer.why, HistoryInWords):
            digest.update(repr(list(answer.why)).encode())
    return digest.hexdigest()


def _bytes(column: npt.NDArray[Any]) -> bytes:
    plain = column.dtype.kind != "O"
    return column.tobytes() if plain else repr(column.tolist()).encode()


def _record(unit: UnitOfWork, scores: list[Score]) -> int:
    return unit.scores.add_many(scores)
