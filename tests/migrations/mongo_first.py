"""Makes Mongo databases of the first shape, with two tenants' data in every collection.

Nothing here comes from the library: documents and indexes stand in `first/documents.json`, and
pymongo carries them over. What they mean is told in `told.py`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pymongo import ASCENDING, MongoClient

__all__ = ["documents_of", "make"]

FILE = Path(__file__).parent / "first" / "documents.json"


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if isinstance(plain, dict):
        if "hex" in plain:
            return bytes.fromhex(plain["hex"])
        if "document" in plain:
            return {key: _value(item) for key, item in plain["document"].items()}
        part, times = plain["repeat"]
        return part * times
    return plain


@cache
def _told() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return told


def documents_of() -> dict[str, list[dict[str, Any]]]:
    """By collection, its documents."""
    return {
        name: [
            {key: _value(value) for key, value in document.items()}
            for document in held["documents"]
        ]
        for name, held in _told().items()
    }


def make(url: str) -> None:
    """A database of the first shape, with everything, in the empty one that `url` names."""
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        for name, documents in documents_of().items():
            collection = database.create_collection(name)
            for index in _told()[name]["indexes"]:
                only = {"partialFilterExpression": index["where"]} if "where" in index else {}
                collection.create_index(
                    [(key, ASCENDING) for key in index["keys"]],
                    name=index["name"],
                    unique=index["unique"],
                    **only,
                )
            collection.insert_many(documents)
