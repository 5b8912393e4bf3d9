"""Words of names: the folding is done once and for all, and a search never misses its own name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore import InvalidInput
from crmcore.domain.names import BEYOND, WORD, name_words, searched_words
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
