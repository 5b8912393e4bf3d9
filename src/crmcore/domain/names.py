"""Names as they are searched: in words, folded for case and accents.

    Ana María García-Łuczak  →  ana, maria, garcia, luczak, garcialuczak

The rules, the same for what is stored and what is asked, on every backend:

- Compatibility forms are resolved and letters parted from their marks (NFKD), capitals folded, and
  the marks dropped: `É` is `e`, `ü` is `u` (not `ue`), `ñ` is `n`, `İ` is `i`.
- Letters that no rule of Unicode takes apart are written as people type them: `ß` ss, `æ` ae,
  `œ` oe, `ø` o, `đ` and `ð` d, `ł` l, `þ` th, `ħ` h, `ŧ` t, `ŋ` n, `ı` i.
- Letters, digits and signs of a script make words. Invisible characters are passed over, and all
  else, punctuation, accents by themselves and white space, parts words.
- What white space does not part is a word as well when written in one: `O'Brien` is found by
  `o'b`, `brien` and `obrien`, `Jean-Luc` by `luc` and `jeanl`, `AT&T` by `att`.
- The first 100 words of a name count, and the first 60 characters of a word.

A script that puts no space between words is searched from the beginning of each run.

`folded_text` folds letters by the same rules and leaves everything else where it is, for what is
asked of a whole text: whether it contains another, or begins with it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from crmcore.domain.errors import InvalidInput
from crmcore.domain.text import checked_text

__all__ = ["BEYOND", "WORD", "folded_text", "name_words", "next_beyond", "searched_words"]

WORD = 60
"""Characters of a word."""
WORDS = 100
"""Words of a name."""
SEARCHED = 20
"""Words of a search."""
BEYOND = "\U0010ffff"
"""Behind it in the order of code points comes nothing, and no word has it: those that begin with
`p` are from `p` to below `p` + this."""

SURROGATES, FIRST_BEHIND = 0xD800, 0xE000
"""Code points that no text has, and the first one behind them."""

PART = "'"
"""What stands for a character that parts words and is no white space."""
LETTERS = str.maketrans({
    "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ħ": "h", "ŧ": "t",
    "ŋ": "n", "ı": "i", "ʼ": PART, "ʻ": PART, "ʹ": PART, "ʺ": PART,
})  # fmt: skip
IOTA_BELOW = "\u0345"
KEPT = 0x3000
"""Below are the scripts whose folding is kept: some thousand characters at most."""


class _Folding(dict[int, str]):
    """By code point, what `str.translate` puts in its place; worked out when it first comes."""

    def __init__(self, one: Callable[[str], str]) -> None:
        self.one = one

    def __missing__(self, code: int) -> str:
        folded = self.one(chr(code))
        if code < KEPT:
            self[code] = folded
        return folded


def _word_form(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).casefold()
    if plain.startswith(" ") and not character.isspace():
        plain = PART + plain[1:]  # an accent by itself: of Unicode a space with its mark
    plain = unicodedata.normalize("NFKD", plain).translate(LETTERS)
    return "".join(map(_in_word, plain))


def _text_form(character: str) -> str:
    """A letter or digit folded, white space as one space, all else in lower case without its
    marks; marks and what is invisible are nothing. However a text is composed, it folds alike.
    """
    if character.isspace():
        return " "
    if character == IOTA_BELOW:
        return "ι"  # a letter where case is folded, and within a composed one as well
    category = unicodedata.category(character)
    if unicodedata.combining(character) or category == "Cf":
        return ""
    if category[0] in "LN":
        return _word_form(character).replace(PART, "")
    plain = unicodedata.normalize("NFD", character).casefold()
    return "".join(part for part in plain if not unicodedata.combining(part))


def _in_word(character: str) -> str:
    """A letter, digit or sign as it is, nothing for a mark or what is invisible."""
    category = unicodedata.category(character)
    if unicodedata.combining(character) or category == "Cf":
        return ""
    if category[0] in "LNM":
        return character
    return " " if character.isspace() else PART


FOLDING = _Folding(_word_form)
TEXT_FOLDING = _Folding(_text_form)


def folded_text(text: str) -> str:
    """`text` folded for case and accents, letter by letter, with all else in its place."""
    return text.lower() if text.isascii() and text.isprintable() else text.translate(TEXT_FOLDING)


def next_beyond(beginning: str) -> str | None:
    """The first text, in the order of code points, behind all that begin so; `None` where there is
    none. Unlike with `BEYOND`, any character may follow the beginning.
    """
    kept = beginning.rstrip(BEYOND)
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(FIRST_BEHIND if code == SURROGATES else code)


def name_words(name: str | None) -> tuple[str, ...]:
    """The words that a name is found by, each once, in order."""
    folded = (name or "").translate(FOLDING)
    if PART not in folded and len(folded) <= WORD:
        return tuple(sorted(set(folded.split())))
    found: dict[str, None] = {}
    for parts in _runs(folded):
        found |= dict.fromkeys(parts)
        if len(parts) > 1:
            found["".join(parts)[:WORD]] = None
    return tuple(sorted(list(found)[:WORDS]))


def searched_words(text: str) -> tuple[str, ...]:
    """The words asked for, each once; `InvalidInput` where there is none, or more than 20."""
    asked = dict.fromkeys(
        word
        for parts in _runs(checked_text(text, "text", 500).translate(FOLDING))
        for word in parts
    )
    if not asked:
        raise InvalidInput.of("text", "has no letter or digit to search for")
    if len(asked) > SEARCHED:
        raise InvalidInput.of("text", f"is more than {SEARCHED} words")
    return tuple(asked)


def _runs(folded: str) -> Iterator[list[str]]:
    """The words of each run between white space."""
    for run in folded.split():
        if PART not in run:
            yield [run[:WORD]]
        elif parts := [part[:WORD] for part in run.split(PART) if part]:
            yield parts
