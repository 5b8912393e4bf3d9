"""`--where`: comparisons joined by `and`, as a predicate over the profile's fields.

    revenue > 100 and stage = active and last_purchase_at >= 2026-01-01 and language is absent

A value is read as its field's type: a number, `true`, a day or an instant in ISO form (a day is
the whole local day), an amount with or without its currency, or text, quoted where it has spaces.
Nothing of it is executed. What cannot be read is `InvalidInput`, an unknown field `UnknownField`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import reduce
from typing import Any

from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.expressions import FieldRef, field
from crmcore.domain.fields import FieldType
from crmcore.domain.instants import start_of, zone_named
from crmcore.domain.model import Model
from crmcore.domain.money import Money, number
from crmcore.domain.predicates import Predicate

__all__ = ["day_or_instant", "where"]

TOKEN = re.compile(
    r"""\s* (?: (?P<op> == | != | <= | >= | = | < | > )
    | "(?P<d> [^"]* )" | '(?P<s> [^']* )' | (?P<w> [^\s"'=<>!]+ ) )""",
    re.VERBOSE,
)
LONGEST = 4_000
OPERATORS: dict[str, Callable[[Any, Any], Predicate]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def where(text: str, model: Model) -> Predicate:
    """The predicate that `text` says over the profiles of `model`, checked."""
    tokens = list(_tokens(text))
    parts: list[Predicate] = []
    while tokens:
        if parts and not _is_word(joint := tokens.pop(0), "and"):
            known = "; `or` is not known here" if _is_word(joint, "or") else ""
            raise _unreadable(f"comparisons are joined by `and`{known}")
        parts.append(_comparison(tokens, model))
    if not parts:
        raise _unreadable("it is empty")
    return model.checked(reduce(operator.and_, parts))


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


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput.of("where", f"{why}; write e.g. revenue > 100 and stage = active")


def _tokens(text: str) -> Iterator[re.Match[str]]:
    if len(text) > LONGEST:
        raise _unreadable(f"it is longer than {LONGEST:,} characters")
    text, place = text.strip(), 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            raise _unreadable("a quotation mark is not closed, or a sign is none of = != < <= > >=")
        place = found.end()
        yield found


def _is_word(token: re.Match[str], word: str) -> bool:
    return token["w"] is not None and token["w"].lower() == word


def _comparison(tokens: list[re.Match[str]], model: Model) -> Predicate:
    """Take one comparison off the front."""
    if len(tokens) < 3:
        raise _unreadable("a comparison is a field, a sign and a value")
    name, sign, value = (tokens.pop(0) for _ in range(3))
    known = model.profile_fields.get(name["w"] or "")
    if known is None:
        given = name["w"] or name["d"] or name["s"] or name["op"]
        raise UnknownField.named(given, known=tuple(model.profile_fields))
    left = field(known.name)
    if _is_word(sign, "is"):
        return _presence(left, tokens, value)
    if sign["op"] is None:
        raise _unreadable(f"{known.name} is followed by none of = != < <= > >=, is")
    if value["op"] is not None:
        raise _unreadable(f"{known.name} {sign['op']} lacks its value")
    text = next(part for part in (value["w"], value["d"], value["s"]) if part is not None)
    if known.type is FieldType.MONEY:
        return OPERATORS[sign["op"]](left, _amount(text, known.name, tokens, model))
    if known.type is FieldType.INSTANT:
        at = day_or_instant(text, zone=model.zone, path=known.name)
        if not isinstance(at, datetime):
            return _on_day(left, sign["op"], at, model.zone)
        return OPERATORS[sign["op"]](left, at)
    if known.name == "stage":
        _check_stage(text, model)
    return OPERATORS[sign["op"]](left, _scalar(text, known.type, known.name))


def _check_stage(text: str, model: Model) -> None:
    """A stage that the model lacks, nobody is in; most likely it is written wrong."""
    known = [stage.name for stage in model.life_cycle.stages]
    if text in known:
        return
    near = get_close_matches(text, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InvalidInput.of("where", f"stage is none of {', '.join(known)}{hint}")


def _presence(left: FieldRef, tokens: list[re.Match[str]], value: re.Match[str]) -> Predicate:
    negated = _is_word(value, "not") and bool(tokens)
    word = tokens.pop(0) if negated else value
    for name, found in (("present", not negated), ("absent", negated)):
        if _is_word(word, name):
            return left.is_present() if found else left.is_absent()
    raise _unreadable(f"{left.name} is … wants present or absent")


def _amount(text: str, name: str, tokens: list[re.Match[str]], model: Model) -> Money:
    follows = tokens[0]["w"] if tokens else None
    stated = follows if follows and follows.lower() not in ("and", "or") else None
    if stated is not None:
        tokens.pop(0)
    try:
        return Money(text, stated or model.currency)
    except InvalidInput as error:
        raise error.under(name) from None


def _scalar(text: str, type: FieldType, name: str) -> Any:
    match type:
        case FieldType.TEXT:
            return text
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


def _on_day(left: FieldRef, sign: str, day: date, zone: str) -> Predicate:
    """A comparison with the whole local day."""
    try:
        begins, ends = start_of(day, zone=zone), start_of(day + timedelta(days=1), zone=zone)
    except OverflowError:
        raise InvalidInput.of(
            str(left.name), "is compared with a day beyond the calendar"
        ) from None
    within = (left >= begins) & (left < ends)
    match sign:
        case "<":
            return left < begins
        case "<=":
            return left < ends
        case ">":
            return left >= ends
        case ">=":
            return left >= begins
        case "!=":
            return ~within
    return within
