"""The client that `connect` makes, and the translation of driver errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from crmcore.domain.errors import Busy, OutcomeUnknown, StorageError, UnknownBackend

__all__ = ["Document", "database_for", "translated"]

Document = dict[str, Any]

STANDALONE = 20
WRITE_CONFLICT = 112
LOCK_TIMEOUT = 24


def database_for(url: str) -> Database[Document]:
    """The database that a URL names, with writes acknowledged by the majority and journalled."""
    try:
        client: MongoClient[Document] = MongoClient(
            url, w="majority", journal=True, readConcernLevel="majority", tz_aware=True,
            serverSelectionTimeoutMS=5000,
        )  # fmt: skip
        return client.get_default_database()
    except (ConfigurationError, InvalidURI):
        raise UnknownBackend("a Mongo URL names its database: mongodb://host/database") from None


@contextmanager
def translated(*, committing: bool = False) -> Iterator[None]:
    """Let no driver exception out. Nothing is chained: a driver's text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise _ours(error, committing) from None


def _ours(error: PyMongoError, committing: bool) -> StorageError:
    if committing and (
        isinstance(error, ConnectionFailure)
        or error.has_error_label("UnknownTransactionCommitResult")
    ):
        return OutcomeUnknown("the connection was lost while committing")
    code = error.code if isinstance(error, OperationFailure) else None
    if error.has_error_label("TransientTransactionError") and not isinstance(
        error, ConnectionFailure
    ):
        return Busy("another writer holds what is needed")
    if code in (WRITE_CONFLICT, LOCK_TIMEOUT):
        return Busy("another writer holds what is needed")
    if code == STANDALONE:
        return StorageError(
            "this server is no replica set, so it has no transactions: start mongod with "
            "--replSet rs0 and run rs.initiate() once; one node is enough"
        )
    if isinstance(error, ConnectionFailure):
        return StorageError("the connection to the database was lost")
    return StorageError(f"the database refused: {type(error).__name__} {code or ''}".rstrip())
