"""Hostile text without end: seeds joined, cut and mixed up, and letters from all of Unicode."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from crmcore.testing.contract.hostile import TEXTS

__all__ = ["hostile_texts"]

LENGTHS = (35, 36, 40, 41, 80, 81, 100, 101, 200, 201, 254, 255, 500, 501)
"""Where a field ends, and one beyond."""

SEEDS = (
    *TEXTS, "\0", "\ud800", "\udfff", "\ud83d\ude00", "'; COMMIT; --", "' UNION SELECT 1 --",
    "\\'; --", "0x27", "%27", "&#39;", "\u02bc", "\uff07", "__proto__", "$expr", "$regex", "$ne",
    "/.*/", ".*", "^", "a\\", "E'\\''", "$1", "$$", "@x", "#", "`;", "\\u0027", "\x08", "\x0b",
    "\x1b[31m", "\u200b", "\u2066", "\u0345", "\u1e9b\u0323", "\u01c5", "\U000e0041", "\ufdd0",
    "\ufffd", "\ufffe", "9" * 40, "1e999", "-0", "Infinity", "2024-01-01", "1999-99-99", "\r",
    "\x1c", "\x00'", " ", "  ", "\u3000", "COLLATE", "{{7*7}}", "../../etc/passwd",
)  # fmt: skip

RANGES = (
    (0x20, 0x7E), (0x20, 0x7E), (0x01, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x300, 0x36F),
    (0x590, 0x6FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
    (0xE000, 0xFFFF), (0x1F300, 0x1FAFF), (0x10000, 0x10FFFF),
)  # fmt: skip


def hostile_texts(seed: int) -> Iterator[str]:
    """Without end; the same seed gives the same."""
    random = Random(seed)
    yield from SEEDS
    while True:
        yield _one(random)


def _one(random: Random) -> str:
    kind = random.random()
    if kind < 0.35:
        return "".join(random.choices(SEEDS, k=random.randint(1, 4)))
    if kind < 0.65:
        return _drawn(random, random.randint(1, 12))
    if kind < 0.85:
        return _mixed_up(random, random.choice(SEEDS) + _drawn(random, random.randint(1, 8)))
    if kind < 0.93:
        piece = random.choice(SEEDS) + _drawn(random, 2)
        length = random.choice(LENGTHS)
        return (piece * (length // len(piece) + 1))[:length]
    if kind < 0.999:
        return _drawn(random, random.randint(1, 6)) + random.choice(("\0", "\ud83d", "\ude00", ""))
    return _drawn(random, 40) * random.choice((250, 251, 26_215))  # 10,000, one more, a megabyte


def _drawn(random: Random, length: int) -> str:
    low, high = random.choice(RANGES)
    return "".join(chr(random.randint(low, high)) for _ in range(length))


def _mixed_up(random: Random, text: str) -> str:
    letters = list(text)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(letters) + 1)
        match random.randrange(4):
            case 0:
                letters.insert(place, random.choice(SEEDS))
            case 1:
                del letters[place : place + 1]
            case 2:
                letters[place:place] = reversed(letters[place : place + 3])
            case 3:
                letters = [letter.swapcase() for letter in letters]
    return "".join(letters) or "x"
