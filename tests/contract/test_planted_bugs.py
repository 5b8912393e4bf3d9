"""The contract can fail: each bug planted here in the memory backend breaks a promise.

The store is filled before the bug is planted, so that it is the promise that notices.
"""

from __future__ import annotations

import inspect
import sys
import time
from contextlib import suppress
from threading import Semaphore
from typing import Any

import attrs
import pytest

from crmcore.adapters.backend import Backend as SharedBackend
from crmcore.adapters.memory import MemoryBackend, MemoryStore, profiles, transaction
from crmcore.adapters.memory import backend as memory_backend
from crmcore.adapters.memory.extracts import extract
from crmcore.adapters.memory.tables import Overlay
from crmcore.adapters.memory.transaction import MemoryTransaction
from crmcore.domain import contact_policy
from crmcore.domain.errors import Busy, CrmError
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.matching import matcher
from crmcore.domain.measures import Fold
from crmcore.domain.repositories import Aggregates
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing import FrozenClock
from crmcore.testing.contract import BackendContract, consuming, machine_of
from crmcore.testing.contract.predicates import people
from crmcore.testing.contract.redaction import WITH_PERSONAL
from crmcore.testing.contract.subject import Make, everything_in, neighbour_in, opened
from crmcore.testing.faults import _Struck
from tests.contract.conftest import memory_make
from tests.histories import Outcome, live


class Promises(BackendContract):
    one_writer = True
    examples = 5

    @pytest.fixture
    def backends(self):
        raise NotImplementedError


def save_over_others(self, aggregates, replace=Aggregates._replace):
    held = self._unit.reads.fetch(self._kind, [aggregate.id for aggregate in aggregates])
    newest = [attrs.evolve(a, version=held[a.id].version) for a in aggregates if a.id in held]
    return replace(self, newest)


def see_no_facts(self, customer_id):
    return False


def share_among_tenants(self, name, table=MemoryTransaction.table):
    if name != "customers by key":
        return table(self, name)
    if name not in self._overlays:
        everybodys = {
            key: row
            for (_, shared), rows in self._store.tables.items()
            if shared == name
            for key, row in rows.items()
        }
        self._overlays[name] = Overlay(everybodys, self._store.reading)
    return self._overlays[name]


def count_all_tenants(self, where):
    tables = self._store.tables.items()
    return sum(len(rows) for (_, name), rows in tables if name == "profiles")


def record_again(self, kind, facts, source):
    return {}


def count_repetitions(self, facts):
    return facts


def keep_the_journal(self, rollback=MemoryTransaction.rollback):
    self._store.journals[self._tenant] += self._entries
    self._entries = []
    rollback(self)


def write_at_once(self, key, row, put=Overlay.put):
    put(self, key, row)
    if row is not None:
        self._base[key] = row


def take_the_last_to_arrive(self, kind, deltas, merge=MemoryTransaction.merge):
    rows = self.table("profiles")
    latest = {m.name for m in self.model.all_measures if m.fold is Fold.LATEST}
    for id, state in deltas.items():
        rows.put(id, rows.get(id) | {f"{name}_at": None for name in latest & state.keys()})
    merge(self, kind, deltas)


def fold_nothing_anew(self, customers, refold=MemoryTransaction.refold):
    if customers is None:
        refold(self, customers)


def put_the_absent_first(self, query, select=MemoryTransaction.select):
    found = select(self, query)
    name = query.order_by
    return found if name is None else sorted(found, key=lambda p: p[name] is not None)


def take_zero_for_absent(node, matcher=matcher):
    holds = matcher(node)
    return lambda get: holds(lambda name: get(name) or None)


def free_no_key(self, kind, id):
    pass


def check_no_owner(self, kind, id, keys, claim=MemoryTransaction._claim):
    claim(self, kind, id, [attrs.evolve(key, exclusive=False) for key in keys])


def strike_nothing(self, kind, id, at):
    pass


def forget_the_key(self, kind, id, at):
    self.table(kind.name).put(id, None)
    self.table(f"{kind.name} by source key")._changed.clear()
    self.table(f"{kind.name} by source key")._base.clear()


def keep_what_failed(self, error_type, error, traceback):
    if self.state != "ended":
        self.state = "ended"
        self.transaction.commit()


def stream_everything(transaction, kind, since, until, extract=extract):
    return extract(transaction, kind, None, None)


def number_anew(self, *, after=0, limit=1000, journal=MemoryBackend.journal):
    found = journal(self, after=after, limit=limit)
    return [attrs.evolve(entry, position=n) for n, entry in enumerate(found, start=1)]


def let_everybody_write(self, timeout):
    self._writing, self._writer = Semaphore(), None


def commit_late(self, commit=MemoryTransaction.commit):
    time.sleep(0.05)
    commit(self)


def keep_every_attempt(self, use_case, *arguments, actor=None, source=None):
    for _ in range(5):
        with self.unit_of_work(actor=actor, source=source) as unit, suppress(Busy):
            return use_case(unit, *arguments)
    raise Busy("never")


def forget_the_last_row(self):
    self.store.journals[self.tenant] = self.store.journals[self.tenant][:-1]


def leave_out_where_a_page_ends(self, *, after=0, limit=1000, journal=MemoryBackend.journal):
    found = journal(self, after=after, limit=limit)
    return found[1:] if len(found) == limit else found


def tell_in_between(self, entry):
    for function in self.subscriptions.told.get(entry.kind, ()):
        function(self, entry)


def tell_without_end(self, entry, tell=UnitOfWork._tell):
    if self.telling is not None:
        self.depth = 0
    tell(self, entry)


def tell_only_what_began(self, outcome, error, tell=UnitOfWork._tell_end):
    if self.state != "new":
        tell(self, outcome, error)


def commit_first_and_fail_then(self):
    self._transaction.commit()
    if self._waiting:
        fault = self._waiting.popleft()
        raise fault.error(fault.what)


def consume_no_entry_again(backend, handler, *, cursor, kinds="*", limit=1000):
    entries = backend.journal(after=cursor.load(), limit=10_000)
    cursor.save(cursor.load() + len(entries))
    for entry in entries:
        handler(entry)
    return len(entries)


def redact_no_journal(self, entry):
    return entry


def pass_over_ties(facts, window, windowed=transaction.windowed):
    if window.after is None:
        return windowed(facts, window)
    at = window.after[0]
    behind = [f for f in facts if (f.at > at if window.oldest_first else f.at < at)]
    return windowed(behind, attrs.evolve(window, after=None))


def hear_the_first_to_arrive(consent):
    return 0


BUGS: dict[str, tuple[object, str, object, str]] = {
    "a save over another's": (
        Aggregates, "_replace", save_over_others,
        "test_a_stale_save_is_refused_and_nothing_of_it_kept",
    ),
    "a removal despite facts": (
        MemoryTransaction, "has_facts", see_no_facts, "test_a_customer_with_facts_stays",
    ),
    "identifiers shared among tenants": (
        MemoryTransaction, "table", share_among_tenants,
        "test_a_neighbours_identifier_finds_nobody",
    ),
    "a count over all tenants": (
        MemoryTransaction, "count", count_all_tenants, "test_an_empty_tenant_is_empty",
    ),
    "a known fact recorded again": (
        MemoryTransaction, "recorded", record_again, "test_a_removed_fact_does_not_come_back",
    ),
    "repetitions counted": (
        Facts, "_distinct", count_repetitions, "test_one_object_twice_is_one_fact",
    ),
    "a rollback that keeps the journal": (
        MemoryTransaction, "rollback", keep_the_journal, "test_what_was_rolled_back_left_no_row",
    ),
    "writes seen at once": (
        Overlay, "put", write_at_once, "test_nobody_sees_what_is_not_committed",
    ),
    "the latest by arrival": (
        MemoryTransaction, "merge", take_the_last_to_arrive,
        "test_the_latest_is_latest_by_when_it_happened",
    ),
    "returns that lower nothing": (
        MemoryTransaction, "refold", fold_nothing_anew,
        "test_a_part_returned_leaves_the_rest",
    ),
    "absent values first": (
        MemoryTransaction, "select", put_the_absent_first,
        "test_pages_give_everybody_once_in_order",
    ),
    "zero taken for absent": (
        profiles, "matcher", take_zero_for_absent, "test_falsy_values_are_values",
    ),
    "identifiers never freed": (
        MemoryTransaction, "_release", free_no_key,
        "test_a_removed_customer_frees_their_identifiers",
    ),
    "an exclusive identifier for two": (
        MemoryTransaction, "_claim", check_no_owner,
        "test_an_exclusive_identifier_has_one_owner",
    ),
    "a removed fact that stays": (
        MemoryTransaction, "strike", strike_nothing, "test_a_removed_fact_is_out_of_every_read",
    ),
    "a removed fact that is forgotten": (
        MemoryTransaction, "strike", forget_the_key, "test_a_removed_fact_does_not_come_back",
    ),
    "a commit after an error": (
        UnitOfWork, "__exit__", keep_what_failed, "test_an_exception_leaves_no_trace",
    ),
    "a window without bounds": (
        memory_backend, "extract", stream_everything,
        "test_a_window_has_its_beginning_and_not_its_end",
    ),
    "positions numbered anew": (
        MemoryBackend, "journal", number_anew, "test_a_reader_goes_on_behind_its_position",
    ),
    "a page that leaves out a row": (
        MemoryBackend, "journal", leave_out_where_a_page_ends,
        "test_a_reader_goes_on_behind_its_position",
    ),
    "a second writer let in": (
        MemoryStore, "acquire", let_everybody_write, "test_a_second_writer_is_told",
    ),
    "failed attempts kept": (
        SharedBackend, "run", keep_every_attempt, "test_busy_is_tried_again_from_the_start",
    ),
    "a redaction without the journal": (
        MemoryTransaction, "_bare", redact_no_journal,
        "test_nothing_personal_is_answered_afterwards",
    ),
    "a timeline that passes over ties": (
        transaction, "windowed", pass_over_ties, "test_a_page_may_end_among_facts_of_one_instant",
    ),
    "the first statement to arrive": (
        contact_policy, "_rank", hear_the_first_to_arrive,
        "test_the_order_of_arrival_never_matters",
    ),
    "a row lost at closing": (
        MemoryBackend, "close", forget_the_last_row,
        "test_committed_data_is_there_after_closing",
    ),
    "subscribers told out of order": (
        UnitOfWork, "_tell", tell_in_between,
        "test_subscribers_are_told_in_the_order_of_the_journal",
    ),
    "subscribers without end": (
        UnitOfWork, "_tell", tell_without_end,
        "test_subscribers_that_lead_to_each_other_are_refused",
    ),
    "a beginning that nobody observes": (
        UnitOfWork, "_tell_end", tell_only_what_began,
        "test_a_unit_that_could_not_begin_is_told",
    ),
    "an injected fault that keeps the unit": (
        _Struck, "commit", commit_first_and_fail_then,
        "test_injected_busy_is_tried_again",
    ),
    "a cursor saved too early": (
        consuming, "consume", consume_no_entry_again,
        "test_a_failed_entry_comes_again_and_those_before_it_do_not",
    ),
}  # fmt: skip

FROM_ANY_SEED = (
    "a save over another's",
    "a removal despite facts",
    "identifiers shared among tenants",
    "a known fact recorded again",
    "a rollback that keeps the journal",
    "writes seen at once",
    "the latest by arrival",
    "returns that lower nothing",
    "identifiers never freed",
    "an exclusive identifier for two",
    "a removed fact that stays",
    "positions numbered anew",
    "a page that leaves out a row",
    "a second writer let in",
    "failed attempts kept",
    "a row lost at closing",
)
"""Those that random histories must find, whatever they begin with."""

NOTICED = (AssertionError, CrmError, pytest.fail.Exception)


@pytest.fixture
def given(memory) -> dict[str, Any]:
    """What a promise may ask for, made while all is well."""
    clock = FrozenClock()
    return {
        "backends": memory,
        "clock": clock,
        "backend": opened(memory, clock, "a"),
        "neighbour": neighbour_in(memory, clock),
        "people": people(memory, clock),
        "name": "visits",
        "descending": False,
        "personal": with_personal(memory, clock),
    }


def with_personal(make: Make, clock: FrozenClock) -> SharedBackend:
    backend = make(tenant="p", model=WITH_PERSONAL, clock=clock)
    backend.migrate()
    return backend


def keep(promise: str, given: dict[str, Any]) -> None:
    """Run one test of the contract, with its neighbour."""
    test = getattr(Promises(), promise)
    before = everything_in(given["neighbour"])
    test(**{name: given[name] for name in inspect.signature(test).parameters})
    assert everything_in(given["neighbour"]) == before


@pytest.mark.parametrize("bug", BUGS)
def test_the_contract_notices(bug: str, given, monkeypatch):
    owner, name, planted, promise = BUGS[bug]
    monkeypatch.setattr(owner, name, planted)

    with pytest.raises(NOTICED):
        keep(promise, given)


@pytest.mark.parametrize("promise", sorted({promise for *_, promise in BUGS.values()}))
def test_the_promise_is_kept_without_the_bug(promise: str, given):
    keep(promise, given)
    assert given["backend"].model is not None


def found_in(memory, seeded: int) -> Outcome:
    return live(machine_of(memory, Promises), times=300, seeded=seeded, shrink=False)


@pytest.mark.parametrize("bug", FROM_ANY_SEED)
def test_a_random_history_notices(bug: str, memory, monkeypatch):
    owner, name, planted, _ = BUGS[bug]
    monkeypatch.setattr(owner, name, planted)

    assert found_in(memory, 0).violations == 1


@pytest.mark.parametrize(
    "promise",
    [
        "test_of_several_savers_one_wins",
        "test_no_update_is_lost",
        "test_facts_of_one_customer_are_all_folded",
        "test_bulks_in_opposite_order_do_not_lock_each_other_out",
        "test_one_import_from_two_places_is_recorded_once",
        "test_of_several_claims_one_is_heard",
        "test_no_more_comes_back_than_was_bought",
        "test_a_customer_goes_or_gets_a_fact",
        "test_every_consumer_sees_every_row_once",
    ],
)
def test_writers_side_by_side_are_noticed_where_nobody_waits(promise: str, given, monkeypatch):
    """The control of the promises about threads: writers that all begin before one commits."""
    keep(promise, given)
    given["backend"] = opened(memory_make(MemoryStore()), given["clock"], "c")
    monkeypatch.setattr(MemoryStore, "acquire", let_everybody_write)
    monkeypatch.setattr(MemoryTransaction, "commit", commit_late)

    with pytest.raises(NOTICED):
        keep(promise, given)


@pytest.mark.slow
@pytest.mark.parametrize("bug", FROM_ANY_SEED)
def test_ten_seeds_of_ten_notice(bug: str, monkeypatch, capsys):
    owner, name, planted, _ = BUGS[bug]
    monkeypatch.setattr(owner, name, planted)

    outcomes = [found_in(memory_make(MemoryStore()), seeded) for seeded in range(10)]

    steps = sorted(outcome.steps for outcome in outcomes)
    with capsys.disabled():
        sys.stdout.write(f"\n{bug}: {steps[0]} to {steps[-1]} steps, {steps[5]} in the middle ")
    assert [outcome.violations for outcome in outcomes] == [1] * 10


def test_without_a_bug_no_history_is_noticed(memory):
    assert live(machine_of(memory, Promises), times=30, seeded=0, shrink=False).violations == 0
