"""The same commands on each server, told by its URL, with the same answers as on SQLite."""

from __future__ import annotations

import re
from typing import Any

from tests.cli.conftest import PURCHASES
from tests.cli.terminals import Ran, Shell

COMMANDS = (
    ["init", "--zone", "Europe/Madrid"],
    ["init"],
    ["import", "purchases", "purchases.csv", "--source", "shop"],
    ["import", "purchases", "purchases.csv", "--source", "shop"],
    ["advance", "--at", "2026-03-01"],
    ["segments", "--where", "revenue > 10"],
    ["customers", "--order-by", "revenue", "--descending", "--limit", "2"],
    ["customers", "--where", "last_purchase_at <= 2026-02-10", "--count"],
    ["profile", "external:C-1", "--source", "shop"],
    ["profile", "external:C-9", "--source", "shop"],
    ["customers", "--tenant", "nobody"],
    ["doctor"],
)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}")


def answers(shell: Shell, url: str, tenant: str) -> list[tuple[int, Any, str]]:
    """Exit code, answer and error of each command, without what differs by nature."""
    (shell.folder / "purchases.csv").write_text(PURCHASES)
    told = []
    for arguments in COMMANDS:
        options = ["--url", url, "--json"]
        if "--tenant" not in arguments:
            options += ["--tenant", tenant]
        ran = shell(*arguments, *options, code=None)
        told.append((ran.code, alike(arguments[0], ran), ran.err.partition('"message"')[0]))
    return told


def alike(command: str, ran: Ran) -> Any:
    if command == "doctor":
        return [(f["name"], f["state"]) for f in ran.json["findings"]]
    if command == "init":
        return {**ran.json, "url": "", "tenant": ""}
    return re.sub(r'"next": "[^"]*"', "", ID.sub("id", ran.out))


def test_every_command_answers_alike(server_url: str, shell: Shell):
    elsewhere = answers(shell, server_url, "told by url")

    assert elsewhere == answers(shell, "sqlite:///crm.db", "told by url")
    assert [code for code, _, _ in elsewhere] == [0, 0, 3, 3, 0, 0, 0, 0, 0, 1, 1, 0]
