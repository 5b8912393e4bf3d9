"""The leaves of a rule tree as predicates over profile fields.

Everyone is in exactly one leaf, so the predicates of all labels hold for exactly one each, absent
values included: who has no value answers no, and the rule says so (`~(revenue >= ...)`, or
`is_absent()`), unless the field is never absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.model import Model
from crmcore.domain.predicates import And, Or, Predicate
from crmcore.services.profile_columns import NUMBERS, ProfileColumns
from crmcore.services.round_bounds import at_least

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmcore.analytics import Leaf, Split

__all__ = ["Questions", "every", "nobody", "some"]

MOST_TEXTS = 50


def every(parts: Iterable[Predicate]) -> Predicate:
    """All of them; of a single one itself."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else And(found)


def some(parts: Iterable[Predicate]) -> Predicate:
    """At least one of them; of a single one itself."""
    found = tuple(parts)
    return found[0] if len(found) == 1 else Or(found)


def nobody() -> Predicate:
    """Holds for nobody."""
    return field("kind").is_in()


@attrs.frozen(kw_only=True, eq=False)
class Questions:
    """What a tree may ask of the fields: `columns` by question, and the field and text of each.

    `present` names the fields that somebody has who is asked at all.
    """

    columns: dict[str, npt.NDArray[np.float64]] = attrs.field(repr=False)
    meant: dict[str, tuple[Field, str | None]]
    present: Collection[str]
    model: Model

    @classmethod
    def of(
        cls, profiles: ProfileColumns, names: Iterable[str], *, present: Collection[str],
        model: Model,
    ) -> Self:  # fmt: skip
        """Questions of the named fields; a text of more than 50 different ones is refused."""
        import numpy as np

        columns: dict[str, npt.NDArray[np.float64]] = {}
        meant: dict[str, tuple[Field, str | None]] = {}
        for name in names:
            known = profiles.fields[name]
            if known.type in NUMBERS:
                columns[name], meant[name] = profiles.numbers(name), (known, None)
                continue
            texts = profiles.texts(name)
            counts = Counter(text for several in texts for text in several)
            if len(counts) > MOST_TEXTS:
                raise InvalidInput.of(name, f"has more than {MOST_TEXTS} different texts")
            if () in texts:
                columns[name] = np.array([1.0 if several else np.nan for several in texts])
                meant[name] = (known, None)
            for text in sorted(counts):
                question = f"{name} = {text}"
                columns[question] = np.array([float(text in several) for several in texts])
                meant[question] = (known, text)
        return cls(columns=columns, meant=meant, present=present, model=model)

    def rule(self, leaf: Leaf) -> Predicate:
        """Who falls into this leaf, of those asked."""
        settled = {self.meant[split.name][0].name for split in leaf.yes}
        parts = [self._yes(split) for split in leaf.yes]
        parts += [self._no(split, settled) for split in leaf.no]
        compared = {
            self.meant[s.name][0].name for s in (*leaf.yes, *leaf.no)
            if self.meant[s.name][0].type in NUMBERS - {FieldType.BOOLEAN}
        }  # fmt: skip
        fields = self.model.profile_fields
        # A comparison holds for nobody without a value, so it says that there is one.
        unsaid = [
            name for name in self.present if fields[name].optional and name not in compared
        ]  # fmt: skip
        return every([*(field(name).is_present() for name in unsaid), *parts])

    def _yes(self, split: Split) -> Predicate:
        known, text = self.meant[split.name]
        asked = field(known.name)
        if text is not None:
            return asked.has(text) if known.type is FieldType.TEXT_SET else asked == text
        if split.below == float("-inf"):
            return asked.is_present()
        if known.type is FieldType.BOOLEAN:
            return asked == True  # noqa: E712 - a comparison of the field, not of a truth value
        above: Predicate = asked >= self._bound(known, split)
        return above

    def _no(self, split: Split, settled: Collection[str]) -> Predicate:
        known, text = self.meant[split.name]
        numeric = known.type in NUMBERS and known.type is not FieldType.BOOLEAN
        if text is not None or not numeric or split.below == float("-inf"):
            return ~self._yes(split)
        asked, bound = field(known.name), self._bound(known, split)
        has_one = known.name in settled or known.name in self.present or not known.optional
        below: Predicate = asked < bound if has_one else ~(asked >= bound)
        return below

    def _bound(self, known: Field, split: Split) -> Any:
        return at_least(known, below=split.below, above=split.above, model=self.model)
