"""Advancing by hand: what an expert in SQL would write for one programme, all members at once.

Tiers by points of a calendar year, kept to the end of the next one, and points that expire: a few
statements over whole tables in one transaction, which leave the rows that crmcore leaves. They know
what the programme's rules are, and that its members returned nothing, were not promoted, and have
every purchase behind the last advance. The years' bounds are given. Whom something falls due for is
held until the end, as a posting at the same time asks for it, and a journal row names 10,000
memberships or facts, with what changed of the memberships.

One purchase is posted by its own few statements, which do what any program must: they hold the
membership, leave out who joined later or has left, enter a purchase once (its key is unique), and
tell the journal what changed. Who asks for a purchase that was posted already is told by the index.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import sqlalchemy as sa

from benchmarks.rivals.hand_rows import JOURNAL
from benchmarks.rivals.hand_sql import insert
from benchmarks.rivals.loyalty_rows import PROGRAMME
from crmcore import Order
from crmcore.domain.ids import new_id
from crmcore.domain.instants import LATEST, from_millis, start_of, to_millis

__all__ = ["LoyaltyPostgres", "LoyaltySqlite"]

TIERS = PROGRAMME.rules[0].tiers
NEVER = to_millis(LATEST)
PAGE = 10_000
ENTRY = (
    "tenant", "resolved_customer_id", "schema_version", "customer_id", "at", "source",
    "source_key", "id", "recorded_at", "membership_id", "programme", "movement", "active",
    "pending", "qualifying", "spend", "purchases", "qualifies_at", "lots", "expires_at",
    "of_fact", "policy",
)  # fmt: skip


def rank(points: str) -> str:
    """SQL for the rank that so many points reach."""
    known = reversed(list(enumerate(TIERS)))
    cases = [f"WHEN {points} >= {tier.points} THEN {place}" for place, tier in known if tier.points]
    return f"CASE {' '.join(cases)} ELSE 0 END"


def name(place: str) -> str:
    """SQL for the name of a rank."""
    cases = [f"WHEN {rank} THEN '{tier.name}'" for rank, tier in enumerate(TIERS)]
    return f"CASE {place} {' '.join(cases)} END"


def place(tier: str) -> str:
    """SQL for the rank of a tier."""
    cases = [f"WHEN '{known.name}' THEN {rank}" for rank, known in enumerate(TIERS)]
    return f"CASE {tier} {' '.join(cases)} END"


def year(at: datetime) -> list[int]:
    """When the year before, this one, the next and the one behind it begin."""
    return [
        to_millis(start_of(datetime(at.year + n, 1, 1, tzinfo=UTC).date(), zone=PROGRAMME.zone))
        for n in (-1, 0, 1, 2)
    ]


class LoyaltyHand:
    """What both programs share; each says how its database spells the rest."""

    mark = "?"
    for_update = ""
    new_id = ""
    """A UUIDv7 of the milliseconds `{at}`."""
    lots = ""
    """Open lots of who is due: `customer_id`, `membership_id`, `lot`, `points`, `expires`."""
    instant = ""
    """The text of an instant `{at}`, but for its zone."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.entering = insert("points", ENTRY, self.mark, "") + " ON CONFLICT DO NOTHING"
        self.journalling = insert("journal", JOURNAL, self.mark, "")
        mark = self.mark
        self.posting = (
            f"UPDATE crm_memberships SET lots = {mark}, entered_at = {mark}, due_at = {mark},"
            f" version = version + 1 WHERE tenant = 'main' AND id = {mark} AND version = {mark}"
        )
        self.counting = (
            f"UPDATE crm_profiles SET club_points = club_points + {mark}"
            f" WHERE tenant = 'main' AND customer_id = {mark}"
        )

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def begin(self) -> None:
        """PostgreSQL begins by itself."""

    def run(self, text: str) -> None:
        """One statement."""
        self.cursor.execute(text)

    def journal(self, kind: str, operation: str, table: str, now: int) -> None:
        """What was done to the ids of a table, so many a row."""
        told = operation == "saved"
        self.cursor.execute(f"SELECT id, at{', changes' if told else ''} FROM {table}")
        rows = []
        while page := self.cursor.fetchmany(PAGE):
            ids, at = b"".join(bytes(row[0]) for row in page), max(row[1] for row in page)
            changes, personal = "[]", "[]"
            if told:
                changes = f"[{', '.join(row[2] for row in page)}]"
                personal = f"[{', '.join('{}' for _ in page)}]"
            rows.append(
                ("main", kind, operation, None, ids, None, changes, personal, at, now, "advance",
                 "advance")
            )  # fmt: skip
        self.cursor.executemany(self.journalling, rows)

    @property
    def changes(self) -> str:
        """SQL for what differs between a row of `due` and the membership behind it, as JSON."""
        told = ["tier", "tier_since", "tier_until", "entered_at", "due_at"]
        parts = []
        for name in told:
            pair = [f"{table}.{name}" for table in ("due", "m")]
            if name != "tier":
                pair = [f"{self.instant.format(at=at)} || '+00:00'" for at in pair]
            text = f"""', "{name}": ["' || {pair[0]} || '", "' || {pair[1]} || '"]'"""
            parts.append(f"CASE WHEN due.{name} <> m.{name} THEN {text} ELSE '' END")
        return f"'{{' || substr({' || '.join(parts)}, 3) || '}}'"

    def earn(self, order: Order, now: int) -> None:
        """One stored purchase: its points, as a unit of work."""
        self.begin()
        columns = "id, lots, tier_until, entered_at, due_at, version, at, closed_at"
        self.cursor.execute(
            f"SELECT {columns} FROM crm_memberships WHERE tenant = 'main' AND programme = 'club'"
            f" AND customer_id = {self.mark}{self.for_update}",
            (order.customer_id.bytes,),
        )
        found = self.cursor.fetchone()
        if found is None:
            self.connection.rollback()
            return
        member, text, tier_until, entered_at, due_at, version, joined, closed_at = found
        lots, at, rules = json.loads(text), to_millis(order.at), PROGRAMME.rules[0]
        if at < joined or closed_at is not None:
            self.connection.rollback()
            return
        if any(datetime.fromisoformat(lot["expires_at"]) <= order.at for lot in lots):
            raise SystemExit("points that end before the purchase are beyond this program")
        points, id = order.total.minor // 100, new_id(order.at)
        end = rules.expiry.end(
            order.at, window=rules.window, joined=order.at, zone=PROGRAMME.zone
        )  # fmt: skip
        lots.append(
            {"id": str(id), "points": points, "earned_at": order.at.isoformat(),
             "expires_at": end.isoformat(), "pending": False, "available_at": None}
        )  # fmt: skip
        part = json.dumps([{"lot": str(id), "points": points}], separators=(",", ":"))
        who, first = order.customer_id.bytes, datetime.fromisoformat(lots[0]["expires_at"])
        due = min(to_millis(first), tier_until, at, due_at if due_at <= entered_at else at)
        self.cursor.execute(
            self.entering,
            ("main", who, 1, who, at, "crmcore", f"earn:club:{order.id}", id.bytes, now, member,
             "club", "earn", points, 0, points, order.total.minor, 1, at, part, to_millis(end),
             order.id.bytes, "club 1"),
        )  # fmt: skip
        if self.cursor.rowcount == 0:  # it was posted before
            self.connection.rollback()
            return
        entered = max(entered_at, at)
        self.cursor.execute(
            self.posting,
            (json.dumps(lots, separators=(",", ":")), entered, due, member, version),
        )
        before_and_after = {"entered_at": (entered_at, entered), "due_at": (due_at, due)}
        changes = {
            name: [from_millis(before).isoformat(), from_millis(after).isoformat()]
            for name, (before, after) in before_and_after.items()
            if before != after
        }
        self.cursor.execute(self.counting, (points, who))
        self.cursor.execute(
            self.journalling,
            ("main", "points", "appended", id.bytes, id.bytes, None, "[]", "[]", at, now, None,
             None),
        )  # fmt: skip
        self.cursor.execute(
            self.journalling,
            ("main", "memberships", "saved", member, member, version + 1, json.dumps([changes]),
             "[{}]", now, now, None, None),
        )  # fmt: skip
        self.connection.commit()

    def advance(self, at: datetime, now: int) -> None:
        """All that is due until then, in one transaction."""
        with self.transaction():
            self.advanced(to_millis(at), year(at), now)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One, committed."""
        self.begin()
        yield
        self.connection.commit()

    def advanced(self, until: int, years: list[int], now: int) -> None:
        """The statements."""
        before, this, after, behind = years
        self.run(
            f"""CREATE TEMP TABLE due AS SELECT id, customer_id, tier, tier_since, tier_until,
                due_at, entered_at FROM crm_memberships
                WHERE tenant = 'main' AND programme = 'club' AND due_at <= {until}
                {self.for_update}"""
        )
        self.run("CREATE UNIQUE INDEX temp_due ON due (id)")
        self.analyse("due")
        # The points that end, and when the next ones do.
        self.run(f"CREATE TEMP TABLE ends AS {self.lots}")
        self.run(
            f"""CREATE TEMP TABLE gone AS SELECT {self.new_id.format(at="expires")} AS id,
                expires AS at, customer_id, membership_id, lot, points
                FROM ends WHERE expires <= {until} AND points > 0"""
        )
        self.run(
            f"""CREATE TEMP TABLE soonest AS SELECT membership_id AS id, min(expires) AS first
                FROM ends WHERE expires > {until} AND points > 0 GROUP BY membership_id"""
        )
        self.run(
            f"""INSERT INTO crm_points (tenant, resolved_customer_id, schema_version, customer_id,
                at, source, source_key, id, recorded_at, actor, membership_id, programme, movement,
                active, pending, qualifying, spend, purchases, qualifies_at, lots, policy)
                SELECT 'main', customer_id, 1, customer_id, at, 'crmcore', 'expire:' || lot, id,
                {now}, 'advance', membership_id, 'club', 'expire', -points, 0, 0, 0, 0, at,
                '[{{"lot":"' || lot || '","points":' || -points || '}}]', 'club 1' FROM gone"""
        )
        # Who rises: the running sums of each year, where they reach more than before.
        self.run(
            f"""CREATE TEMP TABLE sums AS SELECT membership_id, at, this_year,
                {rank("total")} AS rank FROM (
                    SELECT membership_id, qualifies_at AS at, qualifies_at >= {this} AS this_year,
                    sum(qualifying) OVER (PARTITION BY membership_id, qualifies_at >= {this}
                        ORDER BY qualifies_at, points.id) AS total
                    FROM crm_points AS points JOIN due ON due.id = membership_id
                    WHERE tenant = 'main' AND removed_at IS NULL AND purchases <> 0
                    AND qualifies_at >= {before} AND qualifies_at <= {until}
                    AND (due.due_at <= due.entered_at OR due.tier_until <= {until})) AS running"""
        )
        self.run(
            """CREATE TEMP TABLE best AS SELECT membership_id,
                max(CASE WHEN this_year THEN 0 ELSE rank END) AS last_year,
                max(CASE WHEN this_year THEN rank ELSE 0 END) AS this_year
                FROM sums GROUP BY membership_id"""
        )
        self.run("CREATE UNIQUE INDEX temp_best ON best (membership_id)")
        self.analyse("best")
        self.run(
            f"""CREATE TEMP TABLE moves AS
                SELECT {self.new_id.format(at="at")} AS id, steps.* FROM (
                SELECT due.customer_id, due.id AS membership_id, sums.at AS at, sums.rank AS rank,
                sums.former AS former, CASE WHEN sums.this_year OR best.this_year >= sums.rank
                    THEN {behind} ELSE {after} END AS until, 'qualified' AS reason
                FROM (SELECT membership_id, at, this_year, rank, coalesce(max(rank) OVER (
                        PARTITION BY membership_id ORDER BY at
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS former
                    FROM sums) AS sums
                JOIN best USING (membership_id) JOIN due ON due.id = membership_id
                WHERE sums.rank > sums.former AND sums.at >= due.tier_since
                AND due.due_at <= due.entered_at
                UNION ALL
                SELECT due.customer_id, due.id, due.tier_until, coalesce(best.last_year, 0),
                {place("due.tier")}, CASE WHEN coalesce(best.last_year, 0) = 0 THEN {NEVER}
                    ELSE {after} END, 'lowered'
                FROM due LEFT JOIN best ON best.membership_id = due.id
                WHERE due.tier_until <= {until}) AS steps"""
        )
        self.run(
            f"""INSERT INTO crm_tier_changes (tenant, resolved_customer_id, schema_version,
                customer_id, at, id, source, recorded_at, actor, membership_id, programme, tier,
                previous, until, reason)
                SELECT 'main', customer_id, 1, customer_id, at, id, 'advance', {now}, 'advance',
                membership_id, 'club', {name("rank")}, {name("former")}, until, reason FROM moves"""
        )
        self.run(
            """CREATE TEMP TABLE last_move AS SELECT membership_id, customer_id, at, rank, until
                FROM (SELECT moves.*, row_number() OVER (
                    PARTITION BY membership_id ORDER BY at DESC) AS nth FROM moves) AS ranked
                WHERE nth = 1"""
        )
        self.run("CREATE UNIQUE INDEX temp_last_move ON last_move (membership_id)")
        self.analyse("last_move")
        self.members(until)
        self.run(
            f"""UPDATE crm_profiles SET club_tier = {name("rank")}, club_tier_at = at,
                club_tier__recorded_at = {now} FROM last_move
                WHERE crm_profiles.tenant = 'main'
                AND crm_profiles.customer_id = last_move.customer_id"""
        )
        self.run(
            """UPDATE crm_profiles SET club_points = club_points - lost.points FROM (
                SELECT customer_id, sum(points) AS points FROM gone GROUP BY customer_id) AS lost
                WHERE crm_profiles.tenant = 'main'
                AND crm_profiles.customer_id = lost.customer_id"""
        )
        self.journal("points", "appended", "gone", now)
        self.journal("tier_changes", "appended", "moves", now)
        saved = (
            f"(SELECT due.id AS id, {now} AS at, {self.changes} AS changes FROM due"
            " JOIN crm_memberships AS m ON m.tenant = 'main' AND m.id = due.id) AS saved"
        )
        self.journal("memberships", "saved", saved, now)
        for table in ("due", "ends", "gone", "soonest", "sums", "best", "moves", "last_move"):
            self.run(f"DROP TABLE {table}")

    def analyse(self, table: str) -> None:
        """PostgreSQL plans by what it knows of a table."""

    def members(self, until: int) -> None:
        """The memberships: lots that are left, the tier, when they are due next."""
        raise NotImplementedError


class LoyaltySqlite(LoyaltyHand):
    """By hand on sqlite3."""

    new_id = (
        "unhex_id(printf('%012x7%s%s%s', {at}, substr(hex(randomblob(2)), 1, 3),"
        " substr('89AB', 1 + abs(random() % 4), 1), substr(hex(randomblob(8)), 1, 15)))"
    )
    lots = """SELECT due.customer_id AS customer_id, due.id AS membership_id,
        json_extract(lot.value, '$.id') AS lot, json_extract(lot.value, '$.points') AS points,
        CAST(strftime('%s', json_extract(lot.value, '$.expires_at')) AS INTEGER) * 1000 AS expires
        FROM due JOIN crm_memberships AS m ON m.tenant = 'main' AND m.id = due.id
        JOIN json_each(m.lots) AS lot"""

    instant = (
        "strftime('%Y-%m-%dT%H:%M:%S', {at} / 1000, 'unixepoch') || CASE {at} % 1000 WHEN 0 THEN ''"
        " ELSE printf('.%03d000', {at} % 1000) END"
    )

    @classmethod
    def connected(cls, url: str) -> LoyaltySqlite:
        """On the file of that URL, with the settings of crmcore's own connections."""
        connection = sqlite3.connect(sa.make_url(url).database or "", isolation_level=None)
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.create_function("unhex_id", 1, bytes.fromhex, deterministic=True)
        return cls(connection)

    def begin(self) -> None:
        """At once, as crmcore does."""
        self.cursor.execute("BEGIN IMMEDIATE")

    def members(self, until: int) -> None:
        """With its functions on JSON."""
        ends = "CAST(strftime('%s', json_extract(value, '$.expires_at')) AS INTEGER) * 1000"
        self.run(
            f"""CREATE TEMP TABLE kept AS SELECT m.id AS id, json_group_array(json(value)) AS lots
                FROM crm_memberships AS m JOIN json_each(m.lots) WHERE m.tenant = 'main'
                AND m.id IN (SELECT membership_id FROM gone) AND {ends} > {until} GROUP BY m.id"""
        )
        self.run("CREATE UNIQUE INDEX temp_kept ON kept (id)")
        self.run("CREATE UNIQUE INDEX temp_soonest ON soonest (id)")
        self.run(
            f"""UPDATE crm_memberships AS m SET version = version + 1,
                lots = CASE WHEN lost.last IS NULL THEN m.lots ELSE coalesce(kept.lots, '[]') END,
                entered_at = max(m.entered_at, coalesce(lost.last, m.entered_at)),
                tier = coalesce({name("moved.rank")}, m.tier),
                tier_since = coalesce(moved.at, m.tier_since),
                tier_until = coalesce(moved.until, m.tier_until),
                due_at = min(coalesce(moved.until, m.tier_until), coalesce(soonest.first, {NEVER}))
                FROM due LEFT JOIN kept ON kept.id = due.id
                LEFT JOIN soonest ON soonest.id = due.id
                LEFT JOIN last_move AS moved ON moved.membership_id = due.id
                LEFT JOIN (SELECT membership_id, max(at) AS last FROM gone GROUP BY 1) AS lost
                ON lost.membership_id = due.id
                WHERE m.tenant = 'main' AND m.id = due.id"""
        )
        self.run("DROP TABLE kept")


class LoyaltyPostgres(LoyaltyHand):
    """By hand on psycopg."""

    mark = "%s"
    for_update = " FOR UPDATE"
    new_id = (
        "overlay(uuid_send(gen_random_uuid()) placing"
        " substring(int8send({at}::bigint << 16) from 1 for 6) || '\\x70'::bytea from 1 for 7)"
    )
    lots = """SELECT due.customer_id AS customer_id, due.id AS membership_id,
        lot.id AS lot, lot.points AS points,
        (extract(epoch FROM lot.expires_at) * 1000)::bigint AS expires
        FROM due JOIN crm_memberships AS m ON m.tenant = 'main' AND m.id = due.id
        CROSS JOIN LATERAL json_to_recordset(m.lots::json)
            AS lot (id text, points bigint, expires_at timestamptz)"""
    instant = (
        "to_char(to_timestamp({at} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        " || CASE {at} % 1000 WHEN 0 THEN ''"
        " ELSE '.' || lpad(({at} % 1000)::text, 3, '0') || '000' END"
    )

    @classmethod
    def connected(cls, url: str) -> LoyaltyPostgres:
        """On the server of that URL."""
        plain = sa.make_url(url).set(drivername="postgresql")
        return cls(psycopg.connect(plain.render_as_string(hide_password=False)))

    def analyse(self, table: str) -> None:
        """What is new has no statistics yet."""
        self.run(f"ANALYZE {table}")

    def members(self, until: int) -> None:
        """With its functions on JSON, which leave each lot's text as it is."""
        ends = "(extract(epoch FROM (value ->> 'expires_at')::timestamptz) * 1000)::bigint"
        self.run(
            f"""CREATE TEMP TABLE kept AS SELECT m.id AS id,
                '[' || string_agg(value::text, ',' ORDER BY nth) || ']' AS lots
                FROM crm_memberships AS m CROSS JOIN LATERAL json_array_elements(m.lots::json)
                    WITH ORDINALITY AS lot (value, nth)
                WHERE m.tenant = 'main' AND m.id IN (SELECT membership_id FROM gone)
                AND {ends} > {until} GROUP BY m.id"""
        )
        self.run("CREATE UNIQUE INDEX temp_kept ON kept (id)")
        self.run("CREATE UNIQUE INDEX temp_soonest ON soonest (id)")
        self.analyse("kept")
        self.run(
            f"""UPDATE crm_memberships AS m SET version = version + 1,
                lots = CASE WHEN lost.last IS NULL THEN m.lots ELSE coalesce(kept.lots, '[]') END,
                entered_at = greatest(m.entered_at, lost.last),
                tier = coalesce({name("moved.rank")}, m.tier),
                tier_since = coalesce(moved.at, m.tier_since),
                tier_until = coalesce(moved.until, m.tier_until),
                due_at = least(coalesce(moved.until, m.tier_until), soonest.first)
                FROM due LEFT JOIN kept ON kept.id = due.id
                LEFT JOIN soonest ON soonest.id = due.id
                LEFT JOIN last_move AS moved ON moved.membership_id = due.id
                LEFT JOIN (SELECT membership_id, max(at) AS last FROM gone GROUP BY 1) AS lost
                ON lost.membership_id = due.id
                WHERE m.tenant = 'main' AND m.id = due.id"""
        )
        self.run("DROP TABLE kept")
