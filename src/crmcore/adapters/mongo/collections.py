"""The collections and their indexes, derived from the declarations in `crmcore.domain.kinds`.

Whatever the host's database object says, ours reads what a majority has from the primary, writes
to a majority and its journal, and decodes documents plainly.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

import attrs
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.predicates import WORDS
from crmcore.adapters.mongo.upgrading import tell_shape, upgrade_documents
from crmcore.adapters.profile_codec import measure_columns
from crmcore.domain.kinds import AGGREGATES, FACTS
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
        for kind in AGGREGATES:
            self._index(kind.name, "id", unique=True)
            for names in kind.indexes:
                self._index(kind.name, *names)
        for fact in FACTS:
            self._index(fact.name, "id", unique=True)
            # By a field of its own: a condition on the type is not seen to follow from `$in`.
            self[fact.name].create_index(
                [(name, ASCENDING) for name in ("tenant", "source", "keyed", "source_key")],
                name="source_key",
                unique=True,
                partialFilterExpression={"keyed": True},
            )
            # With the id, so that a page of the timeline is a stretch of it: nothing is sorted.
            self._index(fact.name, "resolved_customer_id", "at", "id")
            self._drop(fact.name, "resolved_customer_id_at")
            self._index(fact.name, "at")
            if fact.of_order:
                self._index(fact.name, "order_id")
            if fact.grouped_by:
                self._index(fact.name, fact.grouped_by, "resolved_customer_id", "at")
        self._index("keys", "kind", "scope", "value", "id", unique=True)
        self["keys"].create_index(
            [(name, ASCENDING) for name in ("tenant", "kind", "scope", "claim")],
            name="claim",
            unique=True,
            partialFilterExpression={"claim": {"$type": "string"}},
        )
        self._index("keys", "kind", "id")
        self._index("profiles", "customer_id", unique=True)
        self._index("profiles", "stage", "customer_id")
        self._index("profiles", "tags", "customer_id")
        self._index("profiles", WORDS)  # last of the profiles' own: it says that they have them
        for measure in model.all_measures:
            if measure.indexed:
                self._index("profiles", measure_columns(measure)[0].name, "customer_id")
        for attribute in model.attributes:
            if attribute.indexed:
                self._index("profiles", f"attributes.{attribute.name}", "customer_id")
        self["journal"].create_index(
            [("tenant", ASCENDING), ("position", ASCENDING)],
            name="position",
            unique=True,
            partialFilterExpression={"position": {"$gt": 0}},
        )
        self["journal"].create_index(
            [("tenant", ASCENDING), ("waiting", ASCENDING)],
            name="waiting",
            partialFilterExpression={"waiting": True},
        )
        self._index("journal", "kind", "ids")
        self._index("models", "version", unique=True)
        self._index("counters", "name", unique=True)
        tell_shape(self["models"])

    def _index(self, collection: str, *names: str, unique: bool = False) -> None:
        keys = [(name, ASCENDING) for name in ("tenant", *names)]
        self[collection].create_index(keys, name="_".join(names), unique=unique)

    def _drop(self, collection: str, name: str) -> None:
        """Drop an index that an earlier release made, once what follows it is there."""
        if name in self[collection].index_information():
            with suppress(OperationFailure):  # another process was first
                self[collection].drop_index(name)
