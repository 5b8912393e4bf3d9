"""Segments over a frame of a million profiles, beside the same query written in Polars by hand.

Both sides filter the same frame, of all the columns that a profile has, into the same rows. The
first segment has three conditions over built-in fields; the second three that are negated; the
third asks about purchases of the last half year, of half a million in all; the last line counts a
hundred segments in one pass. Frames are made before, and not timed.
`CRMCORE_BENCH_PROFILES` sets another number of profiles, `CRMCORE_BENCH_REPEAT` of runs.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import polars as pl

from benchmarks.harness import Comparison, Work, compare
from crmcore import Model, Money, Predicate, ago, facts, field
from crmcore.adapters.columns import count_each, matching

PROFILES = int(os.environ.get("CRMCORE_BENCH_PROFILES", "1000000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "9"))
AT = datetime(2024, 6, 30, tzinfo=UTC)
MODEL = Model()
STAGES: list[str | None] = ["prospect", "active", "lapsed", "closed"]


def profiles() -> pl.DataFrame:
    """As `profile_frame` makes them, without a store of a million customers."""
    n = pl.int_range(PROFILES, eager=True)
    spread = n * 7919 % 100_003
    rows = pl.DataFrame({"n": n, "spread": spread})
    days = pl.duration(days=pl.col("spread") % 900, time_unit="ms")
    return rows.select(
        pl.col("n").cast(pl.String).str.zfill(16).cast(pl.Binary).alias("customer_id"),
        pl.lit("person").alias("kind"),
        _one_of(STAGES, pl.col("spread") % 4).alias("stage"),
        _one_of(["es", "en", None], pl.col("spread") % 3).alias("language"),
        (pl.col("spread") % 20).alias("purchase_count"),
        (pl.col("spread") * 13 % 200_000).alias("revenue_minor"),
        pl.when(pl.col("spread") % 20 > 0)
        .then(pl.lit(AT, pl.Datetime("ms", "UTC")) - days)
        .alias("last_purchase_at"),
    )


def purchases() -> pl.DataFrame:
    """Half as many, of every fourth customer two."""
    n = pl.int_range(PROFILES // 2, eager=True)
    days = pl.duration(days=pl.col("n") * 31 % 900, time_unit="ms")
    return pl.DataFrame({"n": n}).select(
        (pl.col("n") * 4 % PROFILES).cast(pl.String).str.zfill(16).cast(pl.Binary)
        .alias("customer_id"),
        (pl.lit(AT, pl.Datetime("ms", "UTC")) - days).alias("at"),
        (pl.col("n") * 7 % 30_000).alias("amount_minor"),
        _one_of(["web", "shop", None], pl.col("n") % 3).alias("channel"),
    )  # fmt: skip


def _one_of(words: list[str | None], which: pl.Expr) -> pl.Expr:
    return which.replace_strict(dict(enumerate(words)), return_dtype=pl.String)


FRAME = profiles()
FACTS = {"purchases": purchases()}
BOUNDS = [Money.of_minor(amount, "EUR") for amount in range(0, 200_000, 2_000)]


def three_conditions() -> int:
    """Active, bought for more than a thousand euros, and nothing for 90 days."""
    asked = (
        (field("stage") == "active")
        & (field("revenue") >= Money("1000.00", "EUR"))
        & (field("last_purchase_at") < ago(days=90))
    )
    return len(matching(asked, FRAME, model=MODEL, at=AT))


def three_conditions_by_hand() -> int:
    bound = AT - timedelta(days=90)
    return FRAME.filter(
        (pl.col("stage") == "active")
        & (pl.col("revenue_minor") >= 100_000)
        & (pl.col("last_purchase_at") < bound)
    ).height


def with_not() -> int:
    """Neither Spanish nor a prospect, and not seen to buy within a year."""
    asked = (
        (field("language") != "es")
        & ~field("stage").is_in("prospect", "closed")
        & ~(field("last_purchase_at") >= ago(days=365))
    )
    return len(matching(asked, FRAME, model=MODEL, at=AT))


def with_not_by_hand() -> int:
    bound = AT - timedelta(days=365)
    return FRAME.filter(
        pl.col("language").ne_missing("es")
        & ~pl.col("stage").is_in(["prospect", "closed"])
        & (pl.col("last_purchase_at").is_null() | (pl.col("last_purchase_at") < bound))
    ).height


def over_facts() -> int:
    """Active, with a purchase on the web within half a year."""
    web = facts("purchases").where(field("channel") == "web").within(days=180)
    asked = (field("stage") == "active") & (web.count() >= 1)
    return len(matching(asked, FRAME, model=MODEL, at=AT, facts=FACTS))


def over_facts_by_hand() -> int:
    bought = (
        FACTS["purchases"].lazy()
        .filter((pl.col("at") >= AT - timedelta(days=180)) & (pl.col("at") < AT),
                pl.col("channel") == "web")
        .group_by("customer_id").agg(pl.len().alias("bought"))
    )  # fmt: skip
    found = FRAME.lazy().join(bought, on="customer_id", how="left")
    return (
        found.filter((pl.col("stage") == "active") & (pl.col("bought") >= 1))
        .drop("bought").collect().height
    )  # fmt: skip


def a_hundred() -> dict[str, int]:
    """Active customers by what they bought for, a hundred segments."""
    asked: dict[str, Predicate] = {
        str(bound): (field("stage") == "active") & (field("revenue") >= bound) for bound in BOUNDS
    }
    return count_each(asked, FRAME, model=MODEL)


def a_hundred_by_hand() -> dict[str, int]:
    counts = [
        ((pl.col("stage") == "active") & (pl.col("revenue_minor") >= bound.minor))
        .sum().alias(str(bound))
        for bound in BOUNDS
    ]  # fmt: skip
    return FRAME.select(counts).row(0, named=True)


def line(name: str, ours: Work, rival: Work) -> Comparison:
    """One line, if both sides answer the same."""
    if ours() != rival():
        raise SystemExit(f"{name}: the rival answers otherwise")
    return compare(name, ours, rival, rival_name="Polars by hand", repeat=REPEAT, rows=PROFILES)


def main() -> list[Comparison]:
    """One segment, one with `~`, one over facts, and a hundred of them."""
    return [
        line("segment of three conditions", three_conditions, three_conditions_by_hand),
        line("segment of three, negated", with_not, with_not_by_hand),
        line("segment over purchases", over_facts, over_facts_by_hand),
        line("a hundred segments counted", a_hundred, a_hundred_by_hand),
    ]
