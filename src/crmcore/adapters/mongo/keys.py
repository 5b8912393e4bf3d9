"""The keys of aggregates in Mongo, in a collection of their own under a unique partial index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from pymongo import DeleteOne

from crmcore.adapters.mongo.access import REFUSED_WRITES, MongoAccess, duplicate
from crmcore.adapters.mongo.client import translated
from crmcore.domain.errors import IdentifierTaken
from crmcore.domain.kinds import A, AggregateKind, Key

__all__ = ["MongoKeys"]


class MongoKeys(MongoAccess):
    """Finding aggregates by key, and claiming keys for them."""

    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        holders: dict[str, list[UUID]] = {}
        for held in self.read_each("keys", "value", values, kind=kind.name, scope=scope):
            holders.setdefault(held["value"], []).append(UUID(bytes=held["id"]))
        return {value: tuple(sorted(ids)) for value, ids in holders.items()}

    def claim(self, kind: AggregateKind[A], claims: Sequence[tuple[UUID, Key]]) -> None:
        """Claim keys; an exclusive one of another aggregate is `IdentifierTaken`."""
        tenant, name = self.tenant, kind.name
        documents = [
            {
                "tenant": tenant, "kind": name, "scope": k.scope, "value": k.value,
                "id": id.bytes, "claim": k.value if k.exclusive else None,
            }
            for id, k in claims
        ]  # fmt: skip
        with translated():
            try:
                self.insert_documents("keys", documents)
            except REFUSED_WRITES as error:
                place = duplicate(error)
                if place is None:
                    raise
                id, key = claims[place]
                raise IdentifierTaken(key.scope, str(id), kind.name) from None

    def rekey(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        """Let go of keys that are no longer named, and claim the new ones."""
        ids = [aggregate.id.bytes for aggregate, _ in saved]
        held = {
            (found["id"], found["scope"], found["value"])
            for found in self.read_each("keys", "id", ids, kind=kind.name)
        }
        wanted = {(a.id.bytes, k.scope, k.value): (a.id, k) for a, ks in saved for k in ks}
        if lost := held - wanted.keys():
            mine = {"tenant": self.tenant, "kind": kind.name}
            leave = [DeleteOne({**mine, "scope": s, "value": v, "id": i}) for i, s, v in lost]
            self.write_many("keys", list(leave))
        if new := [claim for place, claim in wanted.items() if place not in held]:
            self.claim(kind, new)
