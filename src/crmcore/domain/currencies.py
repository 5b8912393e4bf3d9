"""ISO 4217 currencies and the number of digits of their minor unit.

Most have two; the exceptions are listed. Where CLDR rounds cash further than ISO 4217 does
(Iraqi dinar, Serbian dinar...) the ISO figure stands: it is what banks settle in.
Source: ISO 4217 list one, as amended; withdrawn codes are left out.
"""

from __future__ import annotations

from crmcore.domain.errors import InvalidInput

__all__ = ["CURRENCIES", "minor_digits"]

TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: TWO,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

CURRENCIES: dict[str, int] = {
    code: digits for digits, codes in EXPONENTS.items() for code in codes.split()
}
"""Minor digits by currency code."""


def minor_digits(currency: str) -> int:
    """How many digits the minor unit of `currency` has; an unknown code is refused."""
    digits = CURRENCIES.get(currency) if isinstance(currency, str) else None
    if digits is None:
        raise InvalidInput.of("currency", "is no ISO 4217 currency code")
    return digits
