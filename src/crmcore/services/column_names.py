"""Columns by their names: what English and Spanish exports call them, as one table.

Names are compared without case, accents, spaces and punctuation, so `CustomerID`, `customer_id`
and `Customer Id` are one. A column is taken only where one name fits; else the caller is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from crmcore.domain.errors import Fault, InvalidInput

__all__ = ["REQUIRED", "SYNONYMS", "folded", "found_columns", "guess_columns"]

C = TypeVar("C")

SYNONYMS: Mapping[str, str] = {
    "customer": "customer, customer id, customer no, customer number, customer code, cust id, "
    "client, client id, client no, buyer id, member id, user id, cliente, id cliente, cliente id, "
    "código cliente, cod cliente, código de cliente, número de cliente, nº cliente, socio, "
    "id socio",
    "at": "date, purchase date, order date, invoice date, transaction date, purchased at, "
    "ordered at, timestamp, fecha, fecha compra, fecha de compra, fecha pedido, fecha factura, "
    "fecha de factura, fecha venta, fecha hora",
    "amount": "amount, total, total amount, order total, price, value, revenue, importe, "
    "importe total, total factura, total pedido, precio, monto, valor",
    "key": "order id, order no, order number, invoice, invoice id, invoice no, invoice number, "
    "transaction id, receipt no, receipt number, ticket, ticket no, id pedido, número de pedido, "
    "nº pedido, pedido, factura, nº factura, número de factura, id transacción, número de ticket",
    "currency": "currency, currency code, moneda, divisa, código moneda",
    "channel": "channel, sales channel, canal, canal de venta",
    "kind": "kind, customer kind, customer type, tipo, tipo de cliente, tipo cliente",
    "name": "name, full name, customer name, nombre, nombre completo, nombre y apellidos, "
    "nombre cliente, razón social",
    "email": "email, e-mail, mail, email address, correo, correo electrónico, email cliente",
    "phone": "phone, phone number, telephone, mobile, mobile phone, teléfono, tel, móvil, "
    "teléfono móvil, celular",
    "language": "language, lang, locale language, idioma, lengua",
    "zone": "zone, time zone, tz, zona horaria, huso horario",
    "region": "region, state, province, región, provincia, comunidad autónoma",
    "CustomerColumns.customer": "id, code, código",
    "CustomerColumns.at": "since, customer since, created at, registered at, registration date, "
    "signup date, joined, join date, alta, fecha alta, fecha de alta, fecha registro, "
    "fecha de registro, cliente desde",
    "invoice": "invoice, invoice no, invoice number, invoice id, order id, order no, order number, "
    "receipt no, ticket, factura, nº factura, número de factura, num factura, id factura, pedido, "
    "nº pedido, número de pedido, id pedido, número de ticket",
    "product": "stock code, sku, product, product id, product code, item, item code, article, "
    "article no, código artículo, cod artículo, artículo, referencia, producto, id producto, "
    "código producto, código de producto",
    "description": "description, product name, product description, item name, descripción, "
    "nombre producto, nombre artículo, concepto",
    "quantity": "quantity, qty, units, count, cantidad, unidades, uds, cant",
    "unit_price": "unit price, price, price each, item price, precio, precio unitario, "
    "precio unidad, pvp",
    "rate": "rate, exchange rate, value, tipo de cambio, cambio, tasa, cotización",
    "country": "country, country name, ship country, país",
}
"""By field of a class of columns: names it goes by; `Class.field` adds to those of `field`."""

STANDS_ALONE = {"CustomerColumns.at"}
"""Here the names of the plain field mean something else, and are not added to."""

REQUIRED = "has no column that is known as it"
"""The beginning of what is said of a required field without a column."""

SHOWN = re.compile(r"[^\W\d_][\w .\-/()º#]{0,39}")
DIGITS = re.compile(r"\d{4}|@")


def folded(name: str) -> str:
    """`name` without case, accents, spaces and punctuation: `Código_Cliente` is `codigocliente`."""
    letters = unicodedata.normalize("NFKD", name.replace("ß", "ss")).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def guess_columns(header: Iterable[str], columns_class: type[C]) -> C:
    """The columns of a header line, by their names: an instance of `columns_class`.

    A column called exactly as the class has it by default is taken first. A field that is optional
    and has no column is `None`. Where several names fit, or none fits a required field,
    `InvalidInput` lists what was found and how to name the column.

    ```python
    >>> from crmcore.services import PurchaseColumns, guess_columns
    >>> found = guess_columns(["Código Cliente", "Fecha", "Importe"], PurchaseColumns)
    >>> found.customer, found.at, found.amount, found.key
    ('Código Cliente', 'Fecha', 'Importe', None)

    ```
    """
    header = list(header)
    found, faults = found_columns(header, columns_class)
    if faults:
        raise InvalidInput(tuple(faults))
    return columns_class(**found)


def found_columns(
    header: Iterable[str], columns_class: type[Any]
) -> tuple[dict[str, str | None], list[Fault]]:
    """By field, the column; and what could not be placed. Missing required fields are left out."""
    names = [name for name in header if name]
    fields = attrs.fields(columns_class)
    usual = {field.name: field.default for field in fields}
    found: dict[str, str | None] = {}
    faults: list[Fault] = []
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(folded(name), []).append(name)
    exact = {column for column in usual.values() if column in names}
    for field in fields:
        default = usual[field.name]
        if isinstance(default, str) and names.count(default) == 1:
            found[field.name] = default
            continue
        fitting = _synonyms(columns_class.__name__, field.name, default)
        candidates = [
            name for fold in fitting for name in by_folded.get(fold, ()) if name not in exact
        ]
        how = f"{columns_class.__name__}({field.name}=...)"
        if len(candidates) == 1:
            found[field.name] = candidates[0]
        elif candidates or names.count(default) > 1:
            several = set(candidates)
            reason = f"can be any of {_listed(candidates)}: say which with {how}"
            twice = "has a column that is there twice"
            faults.append(Fault(field.name, reason if len(several) > 1 else twice))
        elif _is_required(field):
            reason = f"{REQUIRED} among {_listed(names)}: name it with {how}"
            faults.append(Fault(field.name, reason))
        else:
            found[field.name] = None
    return found, [*faults, *_taken_twice(found)]


def _synonyms(owner: str, field: str, default: object) -> dict[str, None]:
    own = f"{owner}.{field}"
    texts = [SYNONYMS.get(own, "")]
    if own not in STANDS_ALONE:
        texts.append(SYNONYMS.get(field, field))
    names = [name for text in texts for name in text.split(",") if name]
    if isinstance(default, str):
        names.insert(0, default)
    return dict.fromkeys(map(folded, names))


def _is_required(field: attrs.Attribute[Any]) -> bool:
    return "None" not in str(field.type)


def _taken_twice(found: Mapping[str, str | None]) -> list[Fault]:
    """No column stands for two fields."""
    fields: dict[str, list[str]] = {}
    for field, column in found.items():
        if column is not None:
            fields.setdefault(column, []).append(field)
    return [
        Fault(names[0], f"and {', '.join(names[1:])} would be the same column: name them")
        for names in fields.values()
        if len(names) > 1
    ]


def _listed(names: Iterable[str]) -> str:
    """Column names as text; of a line in which one looks like a value, only their numbers.

    A first line that holds somebody's data, and no names, is not repeated.
    """
    names = list(names)
    are_names = all(SHOWN.fullmatch(name) and not DIGITS.search(name) for name in names)
    shown = [
        repr(name) if are_names else f"column {number}"
        for number, name in enumerate(names, start=1)
    ]
    return ", ".join(shown[:30]) or "none"
