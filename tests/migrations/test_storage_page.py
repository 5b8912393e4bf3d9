"""`docs/storage.md` says what the declarations make; write it anew when this fails:

python -m tests.migrations.storage_page
"""

from __future__ import annotations

import pytest

from tests import servers
from tests.migrations.storage_page import PAGE, collections, page, tables


def test_the_tables_on_the_page_are_those_of_the_declarations():
    text = PAGE.read_text("utf-8")
    assert page(text, {"tables": tables()}) == text
    assert text.count("### crm_") > 20


def test_the_collections_on_the_page_are_those_that_migrate_makes():
    text = PAGE.read_text("utf-8")
    try:
        with servers.mongo() as url:
            assert page(text, {"collections": collections(url)}) == text
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def test_a_page_that_says_otherwise_is_noticed():
    """The control: one type changed, one index gone."""
    text = PAGE.read_text("utf-8")
    for changed in (
        text.replace("VARCHAR(254)", "VARCHAR(255)"),
        text.replace("Index `ix_crm_orders_at`", "Index `ix_crm_orders_then`"),
    ):
        assert changed != text
        assert page(changed, {"tables": tables()}) == text
