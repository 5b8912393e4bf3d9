"""Named groups of customers by recency and value scores (S48).

The map is the one of Guillaume Martin, "RFM Segmentation with Python", in wide use: ten groups
over the 25 pairs of a recency score and a frequency score, each pair in exactly one. Two things
are ours. The second score is the mean of frequency and money, rounded half up, as in Putler's
grid of recency against "FM"; and the lowest pair of `hibernating` is `lost`, the eleventh group.
"""

from __future__ import annotations

import attrs

from crmcore.domain.errors import Fault, InvalidInput

__all__ = ["NAMED_GROUPS", "RfmGroup", "check_groups"]

Range = tuple[int, int]


@attrs.frozen
class RfmGroup:
    """A name for pairs of scores: each of `cells` is a range of recency scores and a range of
    value scores, ends included, 5 the best: `((4, 5), (2, 3))`.
    """

    name: str
    cells: tuple[tuple[Range, Range], ...]


NAMED_GROUPS = (
    RfmGroup("champions", (((5, 5), (4, 5)),)),
    RfmGroup("loyal", (((3, 4), (4, 5)),)),
    RfmGroup("potential_loyalists", (((4, 5), (2, 3)),)),
    RfmGroup("new", (((5, 5), (1, 1)),)),
    RfmGroup("promising", (((4, 4), (1, 1)),)),
    RfmGroup("needs_attention", (((3, 3), (3, 3)),)),
    RfmGroup("about_to_sleep", (((3, 3), (1, 2)),)),
    RfmGroup("cannot_lose", (((1, 2), (5, 5)),)),
    RfmGroup("at_risk", (((1, 2), (3, 4)),)),
    RfmGroup("hibernating", (((2, 2), (1, 2)), ((1, 1), (2, 2)))),
    RfmGroup("lost", (((1, 1), (1, 1)),)),
)
"""The eleven groups, from the best customers to those gone, for scores of 1 to 5."""


def check_groups(groups: tuple[RfmGroup, ...], bins: int) -> None:
    """Refuse groups of which a pair of scores has none, or two."""
    held: dict[tuple[int, int], list[str]] = {
        (recency, value): [] for recency in range(1, bins + 1) for value in range(1, bins + 1)
    }
    faults: list[Fault] = []
    for index, group in enumerate(groups):
        for (oldest, latest), (least, most) in group.cells:
            for recency in range(oldest, latest + 1):
                for value in range(least, most + 1):
                    if (recency, value) in held:
                        held[recency, value].append(group.name)
                    else:
                        reason = f"has scores beyond 1 to {bins}"
                        faults.append(Fault(f"groups[{index}]", reason))
    for pair, names in held.items():
        if len(names) != 1:
            what = " and ".join(names) or "no group"
            faults.append(Fault("groups", f"recency {pair[0]}, value {pair[1]} is of {what}"))
    names = [group.name for group in groups]
    faults += [
        Fault("groups", f"{name} is there twice") for name in set(names) if names.count(name) > 1
    ]
    if faults:
        raise InvalidInput(tuple(dict.fromkeys(faults)))
