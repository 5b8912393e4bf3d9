"""How numbers and days are written: `1.234,56` or `1,234.56`, `31/01/2024` or `01/31/2024`.

One look at a whole file decides, and only where nothing in it could be read both ways; a program's
own rows are ISO dates and decimal points unless told otherwise. What cannot be decided is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from functools import lru_cache

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import instant, start_of, zone_named
from crmcore.services.rejects import Row

__all__ = ["DAY", "Notation", "moment", "notation_of", "plain"]

DAY = re.compile(
    r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)
"""A day before or behind its month, then the year, then perhaps a time."""

GROUPED = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?"),
}
"""By decimal mark: thousands in groups. No group begins with 0: `0.990` is less than one."""
SINGLE = {",": re.compile(r"[+-]?\d*,\d*"), ".": re.compile(r"[+-]?\d*\.\d*")}
OTHER = {".": ",", ",": "."}
REMEMBERED = 65_536
NO_DAY = "is no date or instant in ISO 8601 form"
SPACES = str.maketrans("", "", "\u00a0\u202f' ")
"""What stands between thousands beside points and commas."""


@attrs.frozen(kw_only=True)
class Notation:
    """The decimal mark, and whether days stand before months; `None`: dates are ISO only.

    Without `grouped` a number has no marks between its thousands.
    """

    decimal: str = "."
    day_first: bool | None = None
    grouped: bool = False
    guessed: tuple[str, ...] = ()


@lru_cache(maxsize=REMEMBERED)
def moment(text: str, zone: str, day_first: bool | None = None) -> datetime:
    """An instant from ISO text, or `19970131`; a day, or a time without offset, is in `zone`.

    With `day_first` also from `31/01/2024 18:30`, or `01/31/2024` where it is false.
    """
    try:
        if (parts := DAY.fullmatch(text)) is not None:
            found = _day(parts, day_first)
        elif len(text) <= 10:
            return start_of(date.fromisoformat(text), zone=zone)
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of("", NO_DAY) from None
    if isinstance(found, datetime):
        return instant(found.replace(tzinfo=zone_named(zone)) if found.tzinfo is None else found)
    return start_of(found, zone=zone)


def _day(parts: re.Match[str], day_first: bool | None) -> date | datetime:
    if day_first is None:
        raise InvalidInput.of("", f"{NO_DAY}; say day_first for days such as 31/01/2024")
    first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
    day, month = (first, second) if day_first else (second, first)
    if month > 12 >= day:
        order = "day" if day_first else "month"
        raise InvalidInput.of("", f"has no such month, read with the {order} first")
    found = date(year, month, day)
    if parts[5] is None:
        return found
    return datetime.combine(found, time(int(parts[5]), int(parts[6]), int(parts[7] or 0)))


def plain(text: str, notation: Notation) -> str:
    """A number with a point before its decimals and nothing between its thousands.

    What is written in another notation is `InvalidInput`.
    """
    decimal, other = notation.decimal, OTHER[notation.decimal]
    if decimal == "." and text.replace(".", "", 1).isdigit():
        return text
    if notation.grouped:
        text = text.translate(SPACES)
        if GROUPED[decimal].fullmatch(text):
            text = text.replace(other, "")
    if other in text:
        if decimal == ".":
            raise InvalidInput.of("", "is no number (a point before the decimals, no grouping)")
        raise InvalidInput.of("", "is no number (a comma before the decimals, groups of three)")
    return text if decimal == "." else text.replace(",", ".")


def notation_of(
    rows: Iterable[tuple[int, Row]],
    *,
    dates: Collection[str],
    numbers: Collection[str],
    decimal: str | None,
    day_first: bool | None,
    delimiter: str,
) -> Notation:
    """The notation of a file, from all its rows; `InvalidInput` names what it leaves open."""
    seen, days = _Seen(), set[str]()
    numbers = () if decimal is not None else tuple(numbers)
    dates = () if day_first is not None else tuple(dates)
    for index, row in rows:
        for column in numbers:
            if text := row.get(column):
                if text[-3:-2] == "." and "," not in text and text.count(".") == 1:
                    seen.points += 1  # by far the most usual form, told without a regex
                else:
                    seen.number(text)
        for column in dates:
            if (text := row.get(column)) and text not in days:
                seen.day(index, text)
                if len(days) < REMEMBERED:
                    days.add(text)
    guessed: list[str] = []
    if decimal is None:
        decimal = seen.decimal(delimiter, guessed)
    if day_first is None:
        day_first = seen.day_first(guessed)
    return Notation(decimal=decimal, day_first=day_first, grouped=True, guessed=tuple(guessed))


@attrs.define
class _Seen:
    """What the cells of a file say of its notation."""

    points: int = 0
    commas: int = 0
    open_marks: set[str] = attrs.field(factory=set[str])
    day_row: int = 0
    month_row: int = 0
    open_row: int = 0
    either: bool = False

    def number(self, text: str) -> None:
        """A mark that is no mark of thousands is that of decimals."""
        comma, point = text.rfind(","), text.rfind(".")
        if comma == point:
            return
        mark = "," if comma > point else "."
        if min(comma, point) < 0:
            text = text.strip()
            if text.count(mark) > 1:
                mark = OTHER[mark]
            elif GROUPED[OTHER[mark]].fullmatch(text):
                self.open_marks.add(mark)
                return
            elif not SINGLE[mark].fullmatch(text):
                return
        if mark == ",":
            self.commas += 1
        else:
            self.points += 1

    def day(self, index: int, text: str) -> None:
        """A number above twelve is no month."""
        if text[:4].isdigit() or (parts := DAY.fullmatch(text.strip())) is None:
            return
        first, second = int(parts[1]), int(parts[3])
        if first > 12 >= second:
            self.day_row = self.day_row or index
        elif second > 12 >= first:
            self.month_row = self.month_row or index
        elif first != second:
            self.open_row = self.open_row or index
        else:
            self.either = True

    def decimal(self, delimiter: str, guessed: list[str]) -> str:
        """The mark of decimals: what most cells say that can be read one way only."""
        if not self.points and not self.commas:
            if "," in self.open_marks or (self.open_marks and delimiter != ","):
                reason = "is left open by numbers such as 1.234 or 1,234: say which mark it is"
                raise InvalidInput.of("decimal", reason)
            return "."
        mark = "," if self.commas > self.points else "."
        if self.commas:
            name = "comma" if mark == "," else "point"
            counts = f"{self.commas} cells have a comma there and {self.points} a point"
            guessed.append(f"decimals stand behind a {name}: {counts}")
        return mark

    def day_first(self, guessed: list[str]) -> bool | None:
        """Does the day stand first? `None` if no date is of that kind."""
        if self.day_row and self.month_row:
            reason = (
                f"is left open: row {self.day_row} has the day first and row {self.month_row} "
                "the month; say which, and the others are rejected"
            )
            raise InvalidInput.of("day_first", reason)
        if not self.day_row and not self.month_row:
            if self.open_row:
                reason = (
                    f"is left open: the date of row {self.open_row}, as all others, can be read "
                    "with the day or the month first"
                )
                raise InvalidInput.of("day_first", reason)
            return True if self.either else None
        first, row = ("day", self.day_row) if self.day_row else ("month", self.month_row)
        guessed.append(f"dates have the {first} first: row {row} cannot be read otherwise")
        return bool(self.day_row)
