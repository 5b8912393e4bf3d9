"""`--where`: the language of segments as text, read as a predicate over the profile's fields.

    revenue > 100 and (stage = active or language in (es, ca)) and not tags has vip
    last_purchase_at < 90 days ago or last_purchase_at is absent
    last_purchase_at during last_month and name contains garcía and born has birthday in 7 days
    count of purchases where (channel = web) in last 6 months >= 3
    sum amount of purchases since 2026-01-01 > 500 EUR
    in segment vip
    @audience.json

`not` binds more than `and`, and `and` more than `or`. A value is read as its field's type: a
number, `true`, a day or an instant in ISO form (a day is the whole local day), an amount with or
without its currency, what is relative to the instant of asking, `field` and the name of another
one, or text, quoted where it has spaces. Behind `@` stands a file with the predicate as JSON.

Nothing of it is executed. What cannot be read is `InvalidInput` with its place in the text, an
unknown field `UnknownField`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs

from crmcore.adapters.dicts import from_json
from crmcore.cli.literals import Literals, day_or_instant
from crmcore.cli.tokens import Token, Tokens, unreadable
from crmcore.domain.bounds import DEPTH
from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.expressions import FactsRef, FieldRef, facts, field, in_segment
from crmcore.domain.fact_terms import term_field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.model import Model
from crmcore.domain.predicates import And, FactTerm, Or, Predicate
from crmcore.domain.relative import Relative

__all__ = ["day_or_instant", "where"]

FOLDS = {"count": "count", "sum": "sum", "min": "min", "least": "min", "max": "max",
         "greatest": "max", "latest": "latest"}  # fmt: skip
LARGEST = 10_000_000


def where(text: str, model: Model) -> Predicate:
    """The predicate that `text` says over the profiles of `model`, checked."""
    if text.startswith("@"):
        return model.checked(_from_file(text[1:]))
    tokens = Tokens(text)
    if tokens.peek().kind == "end":
        raise unreadable("it is empty")
    found = _Reading(tokens, model, model.profile_fields, is_fact=False).joined(0)
    if tokens.peek().kind != "end":
        told = "conditions are joined by `and` or `or`, and text with spaces is quoted,"
        raise unreadable(told, tokens.peek())
    return model.checked(found)


def _from_file(name: str) -> Predicate:
    path = Path(name)
    if path.stat().st_size > LARGEST:
        raise unreadable(f"the file is larger than {LARGEST:,} bytes")
    try:
        found: Predicate = from_json(Predicate, path.read_bytes())
    except InvalidInput as error:
        raise error.under("where") from None
    return found


@attrs.frozen
class _Reading:
    """Reads a predicate off the front of the tokens, over these fields."""

    tokens: Tokens
    model: Model
    fields: Mapping[str, Field]
    is_fact: bool

    def joined(self, level: int) -> Predicate:
        """Conditions with `or` and `and` between them."""
        if level > DEPTH:
            raise unreadable(f"it is nested in more than {DEPTH} levels", self.tokens.peek())
        options = [self._every(level)]
        while self.tokens.takes("or"):
            options.append(self._every(level))
        return options[0] if len(options) == 1 else Or(tuple(options))

    def _every(self, level: int) -> Predicate:
        parts = [self._one(level)]
        while self.tokens.takes("and"):
            parts.append(self._one(level))
        flat = (p.parts if isinstance(p, And) else (p,) for p in parts)
        return parts[0] if len(parts) == 1 else And(tuple(one for part in flat for one in part))

    def _one(self, level: int) -> Predicate:
        if level > DEPTH:
            raise unreadable(f"it is nested in more than {DEPTH} levels", self.tokens.peek())
        if self.tokens.takes("not"):
            return ~self._one(level + 1)
        if self.tokens.takes_mark("("):
            found = self.joined(level + 1)
            self.tokens.wants(")", "a parenthesis is not closed")
            return found
        token = self.tokens.peek()
        found = self._condition(level)
        if self.is_fact:
            return found
        try:
            return self.model.checked(found)
        except InvalidInput as error:
            raise self.tokens.placed(error, token) from None

    def _condition(self, level: int) -> Predicate:
        if not self.is_fact and self.tokens.takes("in", "segment"):
            return in_segment(self.tokens.take().text)
        left, known = self._term(level)
        tokens = self.tokens
        if tokens.takes("is"):
            return self._presence(left)
        negated = tokens.takes("not")
        found = self._asked(left, known)
        if found is None and not negated and tokens.peek().kind == "op":
            sign = tokens.take().text
            if known.name == "stage" and not self.is_fact:
                self._check_stage()
            return self._literals.compared(left, sign, known)
        if found is None:
            told = "= != < <= > >=, is, in, contains, starts with, has, has word, during, falls on"
            raise unreadable(f"{known.name} is followed by none of {told},", tokens.peek())
        return ~found if negated else found

    @property
    def _literals(self) -> Literals:
        return Literals(self.tokens, self.model.currency, self.model.zone)

    def _term(self, level: int) -> tuple[FieldRef, Field]:
        """A field, or facts folded."""
        tokens = self.tokens
        first, second, third = (tokens.peek(n) for n in range(3))
        if not self.is_fact and first.kind == "word" and first.text.lower() in FOLDS:
            how = FOLDS[first.text.lower()]
            of = second if how == "count" else third
            if of.is_word("of"):
                tokens.take()
                value = None if how == "count" else tokens.take().text
                tokens.take()
                return self._folded(how, value, level)
        token = tokens.take()
        if token.kind == "end":
            raise unreadable("a condition is missing", token)
        if token.kind == "mark":
            raise unreadable("a condition is a field, a sign and a value,", token)
        known = self.fields.get(token.text) if token.kind == "word" else None
        if known is None:
            error = UnknownField.named(token.text, known=tuple(self.fields))
            raise tokens.placed(error, token)
        return field(known.name), known

    def _folded(self, how: str, value: str | None, level: int) -> tuple[FieldRef, Field]:
        tokens = self.tokens
        kind = tokens.take()
        if kind.text not in MEASURABLE:
            near = get_close_matches(kind.text, MEASURABLE, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            told = f"facts are none of {', '.join(MEASURABLE)} {kind.where}{hint}"
            raise InvalidInput.of("where", told)
        about = facts(kind.text)
        if tokens.takes("where"):
            tokens.wants("(", "the condition of facts stands in parentheses,")
            within = _Reading(tokens, self.model, MEASURABLE[kind.text].comparable, is_fact=True)
            about = about.where(within.joined(level + 1))
            tokens.wants(")", "a parenthesis is not closed")
        about = self._windowed(about)
        term = FactTerm(about.of, how, value, about.condition, about.since, about.until)
        try:
            return FieldRef(term), term_field(attrs.evolve(term, where=None))
        except InvalidInput as error:
            raise tokens.placed(error, kind) from None

    def _windowed(self, about: FactsRef) -> FactsRef:
        tokens = self.tokens
        if tokens.takes("in", "last") or tokens.takes("in", "the", "last"):
            count, unit = self._literals.length()
            return about.between(Relative(-count, unit), Relative())
        since = self._literals.moment() if tokens.takes("since") else None
        until = self._literals.moment() if tokens.takes("until") else None
        return about.between(since, until)

    def _asked(self, left: FieldRef, known: Field) -> Predicate | None:
        """What is asked with words rather than a sign, if that comes next."""
        tokens, literals = self.tokens, self._literals
        asked: list[tuple[tuple[str, ...], Callable[[], Predicate]]] = [
            (("in",), lambda: left.is_in(*self._several(known))),
            (("contains",), lambda: left.contains(literals.text(known))),
            (("starts", "with"), lambda: left.starts_with(literals.text(known))),
            (("has", "word"), lambda: left.has_word(literals.text(known))),
            (("has", "birthday"), lambda: self._birthday(left)),
            (("has",), lambda: left.has(literals.text(known))),
            (("during",), lambda: self._during(left)),
            (("falls", "on"), lambda: left.falls_on(literals.text(known))),
        ]
        for words, ask in asked:
            token = tokens.peek()
            if tokens.takes(*words):
                try:
                    return ask()
                except InvalidInput as error:
                    raise tokens.placed(error, token) from None
        return None

    def _several(self, known: Field) -> list[Any]:
        self.tokens.wants("(", "values stand in parentheses,")
        found: list[Any] = []
        while not self.tokens.takes_mark(")"):
            if found:
                self.tokens.wants(",", "values are parted by commas,")
            token, value = self.tokens.peek(), self._literals.value(known)
            if known.type is FieldType.INSTANT and not isinstance(value, datetime):
                raise unreadable("an instant is none of some days", token)
            found.append(value)
        return found

    def _during(self, left: FieldRef) -> Predicate:
        token, period = self.tokens.peek(), self._literals.period()
        if period is None:
            raise unreadable("`during` is followed by today, last_month and the like,", token)
        return And((left >= period[0], left < period[1]))

    def _birthday(self, left: FieldRef) -> Predicate:
        if self.tokens.takes("today"):
            return left.has_birthday()
        if not self.tokens.takes("in"):
            raise unreadable("a birthday is `today` or `in 7 days`,", self.tokens.peek())
        token, (count, unit) = self.tokens.peek(), self._literals.length()
        if unit.value != "days":
            raise unreadable("a birthday is `today` or `in 7 days`,", token)
        return left.has_birthday(within=count)

    def _presence(self, left: FieldRef) -> Predicate:
        negated = self.tokens.takes("not")
        token = self.tokens.take()
        if not token.is_word("present", "absent", "known"):
            raise unreadable("`is` is followed by present or absent,", token)
        present = token.is_word("present", "known") is not negated
        return left.is_present() if present else left.is_absent()

    def _check_stage(self) -> None:
        """A stage that the model lacks, nobody is in; most likely it is written wrong."""
        token: Token = self.tokens.peek()
        known = [stage.name for stage in self.model.life_cycle.stages]
        if token.kind not in ("word", "quoted") or token.text in known or token.is_word("field"):
            return
        near = get_close_matches(token.text, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput.of("where", f"stage is none of {', '.join(known)} {token.where}{hint}")
