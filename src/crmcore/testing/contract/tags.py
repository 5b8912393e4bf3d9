"""Tags: asked for one by one, all, any and none; counted; and what of a record stays personal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.notes import Attachment
from crmcore.domain.predicates import Predicate
from crmcore.testing.builders import AT, a_customer
from crmcore.testing.contract.subject import Subject

__all__ = ["TagsContract"]

TAGS = field("tags")
VIP, NEW = TAGS.has("vip"), TAGS.has("new")
QUESTIONS: dict[str, tuple[Predicate, str]] = {
    "one": (VIP, "a c"),
    "in capitals": (TAGS.has(" VIP "), "a c"),
    "the beginning of one": (TAGS.has("vi"), ""),
    "all": (VIP & NEW, "c"),
    "any": (VIP | NEW, "a b c"),
    "none of them": (~(VIP | NEW), "d e"),
    "not all": (~(VIP & NEW), "a b d e"),
    "not one": (~VIP, "b d e"),
    "twice not": (~~VIP, "a c"),
    "any tag": (TAGS.is_present(), "a b c d"),
    "no tag": (TAGS.is_absent(), "e"),
    "beyond ASCII": (TAGS.has("STRASSE ß"), "d"),
    "with another field": (VIP & (field("name") == "A"), "a"),
}


class TagsContract(Subject):
    """`field("tags").has(…)`, and tags, notes and attachments in profile, journal and columns."""

    @pytest.mark.parametrize("asked", QUESTIONS)
    def test_tags_select_whom_they_are_on(self, backend: Backend, asked: str) -> None:
        """All and any told apart, absent ones and negations as everywhere (O5)."""
        predicate, expected = QUESTIONS[asked]
        with backend.unit_of_work() as uow:
            _fill(uow)
            found = uow.profiles.where(predicate)
            names = sorted(str(profile["name"]).lower() for profile in found.page())

            assert " ".join(names) == expected
            assert found.count() == len(list(found.ids())) == len(names)

    def test_a_profile_tells_the_tags(self, backend: Backend) -> None:
        """In their one form, in order, after every save; without any they are an empty tuple."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            seen = [uow.profiles.get(ana.id)["tags"]]
            for change in (ana.tagged("b", "A "), ana.tagged("c", "B").untagged("b"), ana):
                saved = uow.customers.save(_at(change, uow.customers.get(ana.id).version))
                seen.append(uow.profiles.get(ana.id)["tags"])
                for tag in "abc":
                    has = uow.profiles.where(TAGS.has(tag)).count()
                    assert has == (tag in saved.tags)

        assert seen == [(), ("a", "b"), ("c",), ()]

    def test_tags_are_counted_one_by_one(self, backend: Backend) -> None:
        """A customer counts for each tag, those without any for `None`."""
        with backend.unit_of_work() as uow:
            _fill(uow)

            assert list(uow.profiles.where().count_by("tags").items()) == [
                ("new", 2), ("vip", 2), ("strasse ss", 1), (None, 1),
            ]  # fmt: skip
            assert uow.profiles.where(VIP).count_by("tags") == {"vip": 2, "new": 1}
            assert uow.profiles.where(TAGS.is_absent()).count_by("tags") == {None: 1}

    def test_a_tag_is_short_text(self, backend: Backend) -> None:
        """Asking for what cannot be a tag is `InvalidInput`, and so is asking another field."""
        with backend.reading() as uow:
            for value in ("", " ", "x" * 41, "a\0"):
                with pytest.raises(InvalidInput):
                    uow.profiles.where(TAGS.has(value))
            with pytest.raises(InvalidInput):
                uow.profiles.where(field("stage").has("active"))

    def test_the_longest_tags_are_kept(self, backend: Backend) -> None:
        """Fifty of forty characters, whatever their bytes."""
        tags = [f"{n:02}" + "𝄞" * 38 for n in range(50)]
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(tags=tags))
            assert uow.profiles.get(ana.id)["tags"] == tuple(tags)
            assert uow.profiles.where(TAGS.has(tags[-1])).count() == 1

    def test_notes_are_personal_and_tags_are_not(self, backend: Backend) -> None:
        """The journal keeps notes and attachments apart, where they can be redacted; columns have
        the tags, as JSON text, and neither of the others.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            told = ana.tagged("vip").noted("Canary", at=AT)
            uow.customers.save(told.attached(Attachment("Canary", "file:canary", at=AT)))
            saved = uow.customers.history(ana.id)[-1]
        ((changes,), (personal,)) = saved.changes, saved.personal
        batches: list[Any] = [dict(batch) for batch in backend.columns("profiles", personal=True)]

        assert changes == {"tags": [[], ["vip"]]}
        assert personal.keys() == {"notes", "attachments"}
        assert [json.loads(tags) for batch in batches for tags in batch["tags"]] == [["vip"]]
        assert "anary" not in repr(batches) + repr(saved)
        assert all("tags" in batch for batch in backend.columns("profiles"))


def _at(customer: Any, version: int) -> Any:
    import attrs

    return attrs.evolve(customer, version=version)


def _fill(uow: Any) -> None:
    tags: dict[str, list[str]] = {
        "A": ["vip"], "B": ["new"], "C": ["vip", "new"], "D": ["Strasse ß"], "E": [],
    }  # fmt: skip
    uow.customers.add_many(a_customer(name, tags=held) for name, held in tags.items())
