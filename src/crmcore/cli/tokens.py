"""The words, signs and quotations of `--where`, one after the other, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from crmcore.domain.errors import Fault, InvalidInput

__all__ = ["Token", "Tokens", "unreadable"]

TOKEN = re.compile(
    r"""\s* (?: (?P<op> == | != | <= | >= | = | < | > ) | (?P<mark> [(),] )
    | "(?P<d> [^"]* )" | '(?P<s> [^']* )' | (?P<word> [^\s"'=<>!(),]+ ) )""",
    re.VERBOSE,
)
LONGEST = 4_000
EXAMPLE = "write e.g. revenue > 100 and stage = active"


@attrs.frozen
class Token:
    """A sign, a mark, a word, or what stood in quotation marks; the last one is an `end`."""

    kind: str
    text: str
    place: int

    def is_word(self, *words: str) -> bool:
        """Is it one of these words, not quoted, however it is written?"""
        return self.kind == "word" and self.text.lower() in words

    def is_mark(self, mark: str) -> bool:
        """Is it this mark?"""
        return self.kind == "mark" and self.text == mark

    @property
    def where(self) -> str:
        """Its place, for whoever looks for it."""
        return "at the end" if self.kind == "end" else f"at character {self.place}"


def unreadable(why: str, token: Token | None = None) -> InvalidInput:
    """The error for what cannot be read, with its place. It does not tell values."""
    place = "" if token is None else f" {token.where}"
    return InvalidInput.of("where", f"{why}{place}; {EXAMPLE}")


def _read(text: str) -> Iterator[Token]:
    if len(text) > LONGEST:
        raise unreadable(f"it is longer than {LONGEST:,} characters")
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None:
            at = Token("word", "", end - len(text[place:end].lstrip()) + 1)
            raise unreadable(
                "a quotation mark is not closed, or a sign is none of = != < <= > >=,", at
            )
        kind = str(found.lastgroup)
        quoted = kind in ("d", "s")
        began = found.start(kind) + (0 if quoted else 1)
        yield Token("quoted" if quoted else kind, found[kind], began)
        place = found.end()


class Tokens:
    """What is still to be read."""

    def __init__(self, text: str) -> None:
        self._all = [*_read(text), Token("end", "", len(text) + 1)]
        self._next = 0

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or one behind it, left where it is."""
        return self._all[min(self._next + ahead, len(self._all) - 1)]

    def take(self) -> Token:
        """The next token; the end is there for ever."""
        found = self.peek()
        self._next += 1
        return found

    def takes(self, *words: str) -> bool:
        """Take these words if they come next, one after the other."""
        if not all(self.peek(n).is_word(word) for n, word in enumerate(words)):
            return False
        self._next += len(words)
        return True

    def takes_mark(self, mark: str) -> bool:
        """Take this mark if it comes next."""
        if not self.peek().is_mark(mark):
            return False
        self._next += 1
        return True

    def wants(self, mark: str, why: str) -> None:
        """Take this mark, or refuse."""
        if not self.takes_mark(mark):
            raise unreadable(why, self.peek())

    def placed(self, error: InvalidInput, token: Token) -> InvalidInput:
        """The same error, which says where in the text it is."""
        faults = [
            fault if fault.path == "where" else _placed(fault, token) for fault in error.faults
        ]
        return attrs.evolve(error, faults=tuple(faults))


def _placed(fault: Fault, token: Token) -> Fault:
    told, mark, hint = fault.reason.partition("; did you mean")
    return Fault(fault.path, f"{told} ({token.where}){mark}{hint}")
