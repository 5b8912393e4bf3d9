"""The collections and their indexes, derived from the declarations in `crmcore.domain.kinds`.

Whatever the host's database object says, ours reads what a majority has from the primary, writes
to a majority and its journal, and decodes documents plainly.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

import attrs
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel, ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.predicates import WORDS
from crmcore.adapters.mongo.upgrading import tell_shape, upgrade_documents
from crmcore.adapters.profile_codec import measure_columns
from crmcore.domain.kinds import AGGREGATES, FACTS, AggregateKind, FactKind
from crmcore.domain.model import Model

__all__ = ["Collections"]


@attrs.frozen(slots=False)
class Collections:
    """All collections under one prefix."""

    database: Database[Document]
    prefix: str

    @cached_property
    def write_concern(self) -> WriteConcern:
        """A majority and its journal; how long to wait for it is the host's to say."""
        patience = self.database.write_concern.document.get("wtimeout")
        return WriteConcern(w="majority", j=True, wtimeout=patience)

    @cached_property
    def _ours(self) -> Database[Document]:
        return self.database.with_options(
            codec_options=CodecOptions(),
            read_preference=ReadPreference.PRIMARY,
            write_concern=self.write_concern,
            read_concern=ReadConcern("majority"),
        )

    @cached_property
    def _opened(self) -> dict[str, Collection[Document]]:
        return {}

    def __getitem__(self, name: str) -> Collection[Document]:
        found = self._opened.get(name)
        if found is None:
            found = self._opened[name] = self._ours[self.prefix + name]
        return found

    def prepare(self, model: Model) -> None:
        """Create what is missing: collections (a transaction creates none) and indexes."""
        held = set(self._ours.list_collection_names())
        known = [kind.name for kind in (*AGGREGATES, *FACTS)]
        for name in (*known, "keys", "profiles", "journal", "models", "counters"):
            if self.prefix + name not in held:
                with suppress(CollectionInvalid):  # another process was first
                    self._ours.create_collection(self.prefix + name)
        upgrade_documents(self.__getitem__)
        for name, indexes in _wanted(model).items():
            # All of a collection at once: those that are there are no work but the asking.
            self[name].create_indexes(indexes)
        for fact in FACTS:
            self._drop(fact.name, "resolved_customer_id_at")
        tell_shape(self["models"])

    def _drop(self, collection: str, name: str) -> None:
        """Drop an index that an earlier release made, once what follows it is there."""
        if name in self[collection].index_information():
            with suppress(OperationFailure):  # another process was first
                self[collection].drop_index(name)


def _wanted(model: Model) -> dict[str, list[IndexModel]]:
    """The indexes of each collection."""
    wanted: dict[str, list[IndexModel]] = {kind.name: _of_aggregate(kind) for kind in AGGREGATES}
    wanted |= {fact.name: _of_facts(fact) for fact in FACTS}
    wanted["keys"] = [
        _index("kind", "scope", "value", "id", unique=True),
        _index(
            "kind", "scope", "claim",
            name="claim", unique=True, where={"claim": {"$type": "string"}},
        ),
        _index("kind", "id"),
    ]  # fmt: skip
    indexed = [measure_columns(m)[0].name for m in model.all_measures if m.indexed]
    indexed += [f"attributes.{known.name}" for known in model.attributes if known.indexed]
    wanted["profiles"] = [
        _index("customer_id", unique=True),
        _index("stage", "customer_id"),
        _index("tags", "customer_id"),
        _index(WORDS),  # last of the profiles' own: it says that they have them
        *(_index(name, "customer_id") for name in indexed),
    ]
    wanted["journal"] = [
        _index("position", unique=True, where={"position": {"$gt": 0}}),
        _index("waiting", where={"waiting": True}),
        _index("kind", "ids"),
    ]
    return wanted | {
        "models": [_index("version", unique=True)],
        "counters": [_index("name", unique=True)],
    }


def _of_aggregate(kind: AggregateKind[Any]) -> list[IndexModel]:
    return [_index("id", unique=True), *(_index(*names) for names in kind.indexes)]


def _of_facts(fact: FactKind[Any]) -> list[IndexModel]:
    # By a field of its own: a condition on the type is not seen to follow from `$in`.
    keyed = {"keyed": True}
    indexes = [
        _index("id", unique=True),
        _index("source", "keyed", "source_key", name="source_key", unique=True, where=keyed),
        # With the id, so that a page of the timeline is a stretch of it: nothing is sorted.
        _index("resolved_customer_id", "at", "id"),
        _index("at"),
    ]
    if fact.of_order:
        indexes.append(_index("order_id"))
    if fact.grouped_by:
        indexes.append(_index(fact.grouped_by, "resolved_customer_id", "at"))
    return indexes


def _index(
    *names: str, name: str = "", unique: bool = False, where: Document | None = None
) -> IndexModel:
    """An index by the tenant and these fields, of all documents or of those `where` it holds."""
    keys = [(field, ASCENDING) for field in ("tenant", *names)]
    partial = {} if where is None else {"partialFilterExpression": where}
    return IndexModel(keys, name=name or "_".join(names), unique=unique, **partial)
