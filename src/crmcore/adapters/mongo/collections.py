"""The collections and their indexes, derived from the declarations in `crmcore.domain.kinds`."""

from __future__ import annotations

import attrs
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.profile_codec import measure_columns
from crmcore.domain.kinds import AGGREGATES, FACTS
from crmcore.domain.model import Model

__all__ = ["Collections"]


@attrs.frozen
class Collections:
    """All collections under one prefix."""

    database: Database[Document]
    prefix: str

    def __getitem__(self, name: str) -> Collection[Document]:
        return self.database[self.prefix + name]

    def prepare(self, model: Model) -> None:
        """Create what is missing: collections (a transaction creates none) and indexes."""
        held = set(self.database.list_collection_names())
        names = [kind.name for kind in (*AGGREGATES, *FACTS)]
        for name in (*names, "keys", "profiles", "journal", "models", "counters"):
            if self.prefix + name not in held:
                self.database.create_collection(self.prefix + name)
        for kind in AGGREGATES:
            self._index(kind.name, "id", unique=True)
        for fact in FACTS:
            self._index(fact.name, "id", unique=True)
            self[fact.name].create_index(
                [("tenant", ASCENDING), ("source", ASCENDING), ("source_key", ASCENDING)],
                name="source_key",
                unique=True,
                partialFilterExpression={"source_key": {"$type": "string"}},
            )
            self._index(fact.name, "resolved_customer_id", "at")
            self._index(fact.name, "at")
            if fact.of_order:
                self._index(fact.name, "order_id")
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
            partialFilterExpression={"position": {"$type": "number"}},
        )
        self._index("journal", "kind", "ids")
        self._index("models", "version", unique=True)
        self._index("counters", "name", unique=True)

    def _index(self, collection: str, *names: str, unique: bool = False) -> None:
        keys = [(name, ASCENDING) for name in ("tenant", *names)]
        self[collection].create_index(keys, name="_".join(names), unique=unique)
