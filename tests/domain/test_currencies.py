"""ISO 4217: the digits of every currency's minor unit, with Babel's CLDR as the oracle."""

from __future__ import annotations

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from crmcore import InvalidInput
from crmcore.domain.currencies import CURRENCIES, minor_digits

# CLDR says how amounts are shown, ISO 4217 what the minor unit is. Where they differ, the ISO
# figure stands, because banks and payment services settle in it. ISO digits, CLDR digits, why.
SHOWN_DIFFERENTLY = {
    "AFN": (2, 0, "the pul is not in use"),
    "ALL": (2, 0, "the qindarka is not in use"),
    "IQD": (3, 0, "the fils is not in use"),
    "IRR": (2, 0, "the dinar, a hundredth, is not in use"),
    "KPW": (2, 0, "the chon is not in use"),
    "LAK": (2, 0, "the att is not in use"),
    "LBP": (2, 0, "the piastre is not in use"),
    "MGA": (2, 0, "ISO keeps 2 for the iraimbilanja, a fifth"),
    "MMK": (2, 0, "the pya is not in use"),
    "RSD": (2, 0, "the para is not in use"),
    "SOS": (2, 0, "the senti is not in use"),
    "SYP": (2, 0, "the piastre is not in use"),
    "YER": (2, 0, "the fils is not in use"),
}

WITHDRAWN = {"BGN": "Bulgaria pays in euro since 2026; an older CLDR does not know it yet"}


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_the_minor_unit_has_the_digits_that_babel_knows(currency: str):
    """Ours equals CLDR's but for the listed ones, each of which has its reason."""
    ours, shown = minor_digits(currency), get_currency_precision(currency)
    listed = SHOWN_DIFFERENTLY.get(currency, (shown, shown, ""))

    assert (ours, shown) == listed[:2]


def test_every_currency_in_use_is_known():
    """What a territory pays with is in the list, and no code that CLDR has never heard of."""
    used = {
        code
        for infos in get_global("territory_currencies").values()
        for code, _, end, tender in infos
        if end is None and tender
    }
    assert used - CURRENCIES.keys() <= WITHDRAWN.keys()
    assert CURRENCIES.keys() - list_currencies() <= {"ZWG"}


def test_every_listed_difference_is_one():
    """The table holds no line that a newer CLDR has made needless."""
    for currency, (ours, shown, why) in SHOWN_DIFFERENTLY.items():
        assert ours != shown, currency
        assert why


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("EUR", 2), ("KWD", 3), ("CLF", 4)])
def test_all_four_exponents_occur(currency: str, digits: int):
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "XTS", "XAU", "ITL", "HRK", "€"])
def test_what_is_no_currency_is_refused(currency: str):
    with pytest.raises(InvalidInput, match="currency: is no ISO 4217 currency code"):
        minor_digits(currency)
