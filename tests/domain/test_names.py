"""Words of names: the folding is done once and for all, and a search never misses its own name."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore import InvalidInput
from crmcore.domain.names import (
    BEYOND,
    WORD,
    folded_text,
    name_words,
    next_beyond,
    searched_words,
)
from crmcore.testing.strategies import texts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ana María García-Łuczak", "ana garcia garcialuczak luczak maria"),
        ("ẞtraße", "sstrasse"),
        ("İstanbul", "istanbul"),
        ("Ǿrsted ŊÐÞĦŦ", "ndthht orsted"),
        ("ﬁne ② Ａ", "2 a fine"),
        ("D’Arc ʼt O'B", "arc b d darc o ob t"),
        ("J.P. Morgan", "j jp morgan p"),
        ("so\u00adft", "soft"),
        ("a\tb\u2028c\x85d", "a b c d"),
        ("हिन्दी", "हिनदी"),
        ("Ana ana ANA Àna", "ana"),
        (" - ’ ", ""),
    ],
)
def test_a_name_is_found_by_these_words(name: str, words: str):
    assert name_words(name) == tuple(words.split())


@pytest.mark.parametrize("accent", "´¨¯¸˘˙˚˛˜˝")
def test_an_accent_by_itself_parts_words_as_an_apostrophe_does(accent: str):
    assert name_words(f"O{accent}Brien") == ("brien", "o", "obrien")


def test_no_name_has_no_words():
    assert name_words(None) == name_words("") == ()


@given(texts(max_size=60))
@example("a" * 61 + " b-" + "c" * 100)
def test_words_are_folded_for_good(name: str):
    """Folding a word again changes nothing, so what is stored and what is asked meet."""
    for word in name_words(name):
        assert word == "".join(searched_words(word))
        assert 0 < len(word) <= WORD
        assert word < word + BEYOND
        assert BEYOND not in word


@given(texts(max_size=60).filter(lambda name: bool(name_words(name))), st.data())
def test_a_name_is_found_by_the_beginning_of_its_words(name: str, data: st.DataObject):
    """Also spelt in capitals, or with letters parted from their marks."""
    asked = " ".join(data.draw(st.lists(st.sampled_from(name_words(name)), min_size=1, max_size=3)))
    for text in (asked, asked.upper(), unicodedata.normalize("NFKD", asked)):
        for word in searched_words(text):
            assert any(known.startswith(word) for known in name_words(name))


@given(st.text("aáAé '-", max_size=20))
def test_composed_and_decomposed_are_one_name(name: str):
    assert name_words(unicodedata.normalize("NFD", name)) == name_words(name)


@pytest.mark.parametrize("text", ["", " ", "%", "_", "\u0301", "a" * 501, "x\0", 7, None])
def test_what_cannot_be_searched_is_refused(text: object):
    with pytest.raises(InvalidInput):
        searched_words(text)  # type: ignore[arg-type]


EVERY = [
    one
    for one in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(one) not in ("Cn", "Co", "Cs")
]
"""All characters that Unicode assigned. They are folded one by one, so what holds for each holds
for every text of them.
"""


def test_a_text_folded_is_its_parts_folded():
    """So that a part is found wherever it stands; folded again it is the same."""
    whole = "".join(EVERY)
    folded = folded_text(whole)
    assert folded == "".join(map(folded_text, EVERY))
    assert folded_text(folded) == folded


@given(texts(), texts())
def test_parts_of_texts_fold_to_parts_of_what_they_fold_to(first: str, second: str):
    whole = folded_text(first + second)
    assert whole == folded_text(first) + folded_text(second)
    assert folded_text(whole) == whole
    assert folded_text(second) in whole


def test_neither_case_nor_how_it_is_composed_tells_texts_apart():
    """Upper, lower and folded case, and the two canonical forms of Unicode."""
    apart = [
        (hex(ord(one)), form)
        for one in EVERY
        for form in (
            one.upper(), one.lower(), one.casefold(),
            unicodedata.normalize("NFD", one), unicodedata.normalize("NFC", one),
        )
        if form != one and folded_text(form) != folded_text(one)
    ]  # fmt: skip
    assert apart == []


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("García LÓPEZ", "garcia lopez"),
        ("Garci\u0301a", "garcia"),
        ("Groß", "gross"),
        ("ﬁne ²", "fine 2"),
        ("Łódź, Øre & Æther", "lodz, ore & aether"),
        ("İIıi", "iiii"),
        ("a\u00a0b\tc", "a b c"),
        ("100%_\\'", "100%_\\'"),
        ("\u200fx\u00ady", "xy"),
        ("Ⓐᾳ", "ⓐαι"),
        ("한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("\u0301", ""),
        ("", ""),
    ],
)
def test_what_a_text_folds_to(text: str, folded: str):
    assert folded_text(text) == folded


@given(texts(max_size=3), texts(max_size=3))
def test_between_a_beginning_and_what_is_next_beyond_is_what_begins_so(beginning: str, text: str):
    """In the order of code points, whatever characters they end in."""
    for known in (text, beginning + text, beginning):
        beyond = next_beyond(beginning)
        between = beginning <= known and (beyond is None or known < beyond)
        assert between is known.startswith(beginning)


@pytest.mark.parametrize(
    ("beginning", "beyond"),
    [("ab", "ac"), ("a\ud7ff", "a\ue000"), (f"a{BEYOND}", "b"), (BEYOND, None), ("", None)],
)
def test_what_is_next_beyond(beginning: str, beyond: str | None):
    assert next_beyond(beginning) == beyond
