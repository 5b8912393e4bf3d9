"""Documents of one class: its codec's row under the column names, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import attrs

from crmcore.adapters.codec import codec_of
from crmcore.adapters.mongo.client import Document
from crmcore.domain.errors import NotMigrated

__all__ = ["Documents", "documents_of"]


@attrs.frozen
class Documents:
    """How a stored class is written to documents and read from them."""

    names: tuple[str, ...]
    encode: Callable[[Any], Any]
    decode: Callable[[Document], Any]


def documents_of(cls: type[Any]) -> Documents:
    """The documents of a stored class; other fields of a document are left out."""
    return _made(cast(Any, cls))


@lru_cache(maxsize=256)
def _made(cls: Any) -> Documents:
    codec = codec_of(cls)
    names = tuple(column.name for column in codec.columns)
    row, read = itemgetter(*names), codec.decode

    def decode(document: Document) -> Any:
        try:
            found = row(document)
        except KeyError:
            reason = "an older crmcore made these documents: call migrate()"
            raise NotMigrated(reason) from None
        return read(found)

    return Documents(names, codec.encode, decode)
