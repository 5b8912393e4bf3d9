"""Literals: how the values of `--where` are read, each as its field's type.

An amount may name its currency; a day stands for the whole local day. `90 days ago`, `2 weeks from
now`, `now`, `today`, `last_month` are relative to the instant of asking, by the model's days, or by
each customer's own where `in customer zone` follows.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from crmcore.cli.tokens import Token, Tokens, unreadable
from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import LENGTHS, PERIODS, FieldRef
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.instants import start_of, zone_named
from crmcore.domain.money import Money, number
from crmcore.domain.predicates import Predicate
from crmcore.domain.relative import LONGEST, Relative, Unit, Zone

__all__ = ["Literals", "day_or_instant"]

TRUTH = {"true": True, "yes": True, "false": False, "no": False}
TIMES = (FieldType.INSTANT, FieldType.DATE)
OPERATORS: dict[str, Callable[[Any, Any], Predicate]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
JOINTS = ("and", "or", "not", "in")


def day_or_instant(text: str, *, zone: str, path: str) -> date | datetime:
    """A day as it is; an instant in ISO form, in `zone` where it names none."""
    try:
        if len(text) <= 10:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        reason = "is no day or instant in ISO form, such as 2026-03-01 or 2026-03-01T12:00"
        raise InvalidInput.of(path, reason) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone_named(zone))


@attrs.frozen
class Literals:
    """Reads values off the front of the tokens, under a model's currency and zone."""

    tokens: Tokens
    currency: str
    zone: str

    def compared(self, left: FieldRef, sign: str, known: Field) -> Predicate:
        """The comparison with the value that comes next."""
        asked, tokens = OPERATORS[sign], self.tokens
        if tokens.peek().is_word("field") and tokens.peek(1).kind == "word":
            tokens.take()
            return asked(left, FieldRef(tokens.take().text))
        if known.type in TIMES:
            period = self.period()
            if period is not None:
                return _during(left, sign, period)
            relative = self.relative()
            if relative is not None:
                return asked(left, relative)
        token, value = tokens.peek(), self.value(known)
        if known.type is FieldType.INSTANT and not isinstance(value, datetime):
            return _on_day(left, sign, value, self.zone, token)
        return asked(left, value)

    def value(self, known: Field) -> Any:
        """One value of the field's type."""
        token = self.tokens.take()
        if token.kind not in ("word", "quoted") or token.is_word(*JOINTS):
            raise unreadable(f"{known.name} lacks its value", token)
        try:
            if known.type is FieldType.MONEY:
                return self._amount(token.text, known.name)
            if known.type is FieldType.INSTANT:
                return day_or_instant(token.text, zone=self.zone, path=known.name)
            return _scalar(token.text, known.type, known.name)
        except InvalidInput as error:
            raise self.tokens.placed(error, token) from None

    def text(self, known: Field) -> str:
        """One text."""
        token = self.tokens.take()
        if token.kind not in ("word", "quoted"):
            raise unreadable(f"{known.name} lacks its value", token)
        return token.text

    def period(self) -> tuple[Relative, Relative] | None:
        """Where a period that has a name begins and ends, if one comes next."""
        first, second = self.tokens.peek(), self.tokens.peek(1)
        for name, (period, shift) in PERIODS.items():
            words = name.split("_")
            both = len(words) == 2 and first.is_word(words[0]) and second.is_word(words[1])
            if first.is_word(name) or both:
                self.tokens.take()
                if both:
                    self.tokens.take()
                zone, (length, unit) = self._whose_zone(), LENGTHS[period]
                begins = Relative(shift * length, unit, period, zone)
                return begins, Relative((shift + 1) * length, unit, period, zone)
        return None

    def relative(self) -> Relative | None:
        """An instant relative to that of asking, if one comes next."""
        if self.tokens.takes("now"):
            return Relative()
        number, word = self.tokens.peek(), self.tokens.peek(1)
        unit = _unit(word)
        if not re.fullmatch(r"[0-9]{1,6}", number.text) or number.kind != "word" or unit is None:
            return None
        self.tokens.take()
        self.tokens.take()
        if self.tokens.takes("ago"):
            side = -1
        elif self.tokens.takes("from", "now"):
            side = 1
        else:
            raise unreadable(f"{word.text} are followed by `ago` or `from now`,", word)
        return Relative(side * _count(number), unit, None, self._whose_zone())

    def length(self) -> tuple[int, Unit]:
        """So many hours, days, weeks, months or years."""
        token, word = self.tokens.take(), self.tokens.take()
        unit = _unit(word)
        if unit is None or not re.fullmatch(r"[0-9]{1,6}", token.text):
            raise unreadable("a length is e.g. 6 months,", token)
        return _count(token), unit

    def moment(self) -> datetime | Relative:
        """A bound of a window: an instant, or the beginning of a day or period."""
        period = self.period()
        if period is not None:
            return period[0]
        relative = self.relative()
        if relative is not None:
            return relative
        token, found = self.tokens.peek(), self.value(Field("window", FieldType.INSTANT))
        return found if isinstance(found, datetime) else _beginning(found, self.zone, token)

    def _whose_zone(self) -> Zone:
        return Zone.CUSTOMER if self.tokens.takes("in", "customer", "zone") else Zone.MODEL

    def _amount(self, text: str, name: str) -> Money:
        follows = self.tokens.peek()
        stated = follows.kind == "word" and not follows.is_word(*JOINTS)
        currency = self.tokens.take().text if stated else self.currency
        try:
            return Money(text, currency)
        except InvalidInput as error:
            raise error.under(name) from None


def _count(token: Token) -> int:
    count = int(token.text)
    if count > LONGEST:
        raise unreadable(f"a length is at most {LONGEST:,}", token)
    return count


def _unit(token: Token) -> Unit | None:
    found = (unit for unit in Unit if token.is_word(unit.value, unit.value.removesuffix("s")))
    return next(found, None)


def _scalar(text: str, type: FieldType, name: str) -> Any:
    match type:
        case FieldType.TEXT | FieldType.TEXT_SET:
            return text  # of several texts none is compared, as the check says best
        case FieldType.INTEGER if re.fullmatch(r"[+-]?[0-9]{1,19}", text):
            return int(text)
        case FieldType.FLOAT:
            return float(number(text, name))
        case FieldType.DECIMAL:
            return Decimal(number(text, name))
        case FieldType.BOOLEAN if text.lower() in TRUTH:
            return TRUTH[text.lower()]
        case FieldType.DATE:
            found = day_or_instant(text, zone="UTC", path=name)
            if not isinstance(found, datetime):
                return found
    raise InvalidInput.of(name, f"is compared with what is no {type.value}")


def _beginning(day: date, zone: str, token: Token) -> datetime:
    try:
        return start_of(day, zone=zone)
    except OverflowError:
        raise unreadable("a day lies beyond the calendar", token) from None


def _on_day(left: FieldRef, sign: str, day: date, zone: str, token: Token) -> Predicate:
    """A comparison with the whole local day."""
    try:
        following = day + timedelta(days=1)
    except OverflowError:
        raise unreadable("a day lies beyond the calendar", token) from None
    return _during(left, sign, (_beginning(day, zone, token), _beginning(following, zone, token)))


def _during(left: FieldRef, sign: str, period: tuple[Any, Any]) -> Predicate:
    """A comparison with a whole stretch of time."""
    begins, ends = period
    within: Predicate = (left >= begins) & (left < ends)
    found: dict[str, Predicate] = {
        "<": left < begins, "<=": left < ends, ">": left >= ends, ">=": left >= begins,
        "!=": ~within,
    }  # fmt: skip
    return found.get(sign, within)
