"""Tags: short words that an organisation puts on a customer, to find them by.

A tag is written in one way, so that `VIP`, `vip` and ` Vip ` are the same: compatibility forms are
resolved (NFKC), capitals folded, and white space is one space between words and none around.
Accents stay. Tags are no personal values: they stand in the open part of the journal and in
columns, so what identifies a person belongs in a note.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.text import checked_text

__all__ = ["TAG", "TAGS", "tag", "tags"]

TAG = 40
"""Characters of a tag."""
TAGS = 50
"""Tags of a customer."""


def tag(value: str) -> str:
    """A tag in its one form; `InvalidInput` if it is empty or longer than 40 characters."""
    if type(value) is str and value.isascii() and "\0" not in value:
        folded = value.lower()
    else:
        folded = _folded(checked_text(value, "tag", 10 * TAG))
    folded = " ".join(folded.split())
    if not folded:
        raise InvalidInput.of("tag", "is empty")
    return checked_text(folded, "tag", TAG)


def tags(values: Iterable[str]) -> tuple[str, ...]:
    """Tags, each once, in order; at most 50, and every bad one is told with its place."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput.of("tags", "must be several texts")
    faults: list[Fault] = []
    found = set()
    for index, value in enumerate(values):
        try:
            found.add(tag(value))
        except InvalidInput as error:
            faults += (Fault(f"tags[{index}]", fault.reason) for fault in error.faults)
    if len(found) > TAGS:
        faults.append(Fault("tags", f"are more than {TAGS}"))
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(sorted(found))


def _folded(value: str) -> str:
    # Twice: folding capitals can leave a form that is resolved once more.
    for _ in range(2):
        value = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    return value
