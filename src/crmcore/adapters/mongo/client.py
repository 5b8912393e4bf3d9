"""The client that `connect` makes, and the translation of driver errors to ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from crmcore.domain.errors import Busy, CrmError, OutcomeUnknown, StorageError, UnknownBackend

__all__ = ["LOST", "Document", "database_for", "forget", "translated"]

Document = dict[str, Any]

STANDALONE = 20
WRITE_CONFLICT = 112
NO_SUCH_TRANSACTION = 251
"""The server gave it up for another writer's."""
LOCK_TIMEOUT = 24

LOST = "the connection to the database was lost"

SAFE: Mapping[str, Any] = {"w": "majority", "journal": True, "readConcernLevel": "majority"}
PATIENT: Mapping[str, Any] = {"serverSelectionTimeoutMS": 5000}


def database_for(url: str) -> Database[Document]:
    """The database that a URL names, with writes acknowledged by the majority and journalled.

    What else the URL says (TLS, pool, timeouts) goes to the driver as it is; five seconds of
    looking for a server unless it says otherwise.
    """
    try:
        given = {option.partition("=")[0].lower() for option in url.partition("?")[2].split("&")}
        patient = {name: value for name, value in PATIENT.items() if name.lower() not in given}
        client: MongoClient[Document] = MongoClient(url, **SAFE, **patient, tz_aware=True)
        database = client.get_default_database()
    except (ConfigurationError, InvalidURI, OSError) as error:
        unnamed = "default database" in str(error)
    else:
        _keep_documents_out_of_logs()
        return database
    named = "a Mongo URL names its database: mongodb://host/database"
    raise UnknownBackend(named if unnamed else "this is no Mongo URL, or an option of it is wrong")


def _keep_documents_out_of_logs() -> None:
    """Where the whole program logs at DEBUG, pymongo would log every document: whoever wants that
    sets this very logger to DEBUG.
    """
    commands = logging.getLogger("pymongo.command")
    if commands.level == logging.NOTSET and commands.getEffectiveLevel() < logging.INFO:
        commands.setLevel(logging.INFO)


@contextmanager
def translated(*, committing: bool = False) -> Iterator[None]:
    """Let no driver exception out. Nothing is chained: a driver's text may quote a document."""
    try:
        yield
    except CrmError as error:
        error.__context__ = None  # what it was raised from may be a driver's error as well
        raise
    except PyMongoError as error:
        ours = _ours(error, committing)
    else:
        return
    try:
        raise ours
    finally:
        ours.__context__ = None  # the driver's error, which whoever walks the chain would find


def forget(session: ClientSession) -> None:
    """Have the server end a transaction whose end it may not have heard: it would keep it open for
    a minute, and hold up other writers. What is committed stays.
    """
    with suppress(PyMongoError):
        session.client.admin.command("killSessions", [session.session_id])


def _code(error: PyMongoError) -> int | None:
    """The server's number; several writes at once have one each, and pymongo none of its own."""
    if isinstance(error, BulkWriteError):
        told = (error.details or {}).get("writeErrors", ())
        return next((found.get("code") for found in told), error.code)
    return error.code if isinstance(error, OperationFailure) else None


def _ours(error: PyMongoError, committing: bool) -> StorageError:
    if committing and (
        isinstance(error, ConnectionFailure)
        or error.has_error_label("UnknownTransactionCommitResult")
    ):
        return OutcomeUnknown("the connection was lost while committing")
    code = _code(error)
    if error.has_error_label("TransientTransactionError") and not isinstance(
        error, ConnectionFailure
    ):
        return Busy("another writer holds what is needed")
    if code in (WRITE_CONFLICT, LOCK_TIMEOUT, NO_SUCH_TRANSACTION):
        return Busy("another writer holds what is needed")
    if code == STANDALONE:
        return StorageError(
            "this server is no replica set, so it has no transactions: start mongod with "
            "--replSet rs0 and run rs.initiate() once; one node is enough"
        )
    if isinstance(error, ConnectionFailure):
        return StorageError(LOST)
    return StorageError(f"the database refused: {type(error).__name__} {code or ''}".rstrip())
