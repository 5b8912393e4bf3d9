"""The kit itself: what hosts import, and the rules that the contract's classes keep."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import Busy, Customer, Model, Order, Return
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.testing import (
    FrozenClock,
    a_customer,
    a_membership,
    a_return,
    an_order,
    builders,
    members,
)
from crmcore.testing.contract import BackendContract, Subject, TenantsContract
from crmcore.testing.contract.subject import (
    everything_in,
    lacks,
    needs,
    neighbour_in,
    opened,
)
from crmcore.testing.registration import STRATEGIES, register
from tests.repository.sources import ROOT

register()  # as the entry point does, also where the package was installed before it had one


def run(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_builders_need_neither_pytest_nor_hypothesis():
    code = "import sys, crmcore.testing\nprint({'pytest', 'hypothesis'} & set(sys.modules))"

    assert run(code) == "set()\n"


@pytest.mark.parametrize("module", ["strategies", "contract"])
def test_without_the_extra_the_rest_says_which_is_missing(module):
    code = f"""
import sys
sys.modules["hypothesis"] = None
try:
    import crmcore.testing.{module}
except crmcore.MissingExtra as error:
    print(error.extra)
""".replace("import sys", "import sys, crmcore")

    assert run(code) == "testing\n"


BUILDERS = {
    name: getattr(module, name)
    for module in (builders, members)
    for name in module.__all__
    if name.startswith("a")
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_builder_makes_the_same_again(build):
    given = {
        "customer": a_customer(),
        "order": an_order(a_customer()),
        "membership": a_membership(a_customer()),
    }
    first = next(iter(inspect.signature(build).parameters))
    arguments = [given[first]] if first in given else []

    assert build(*arguments) == build(*arguments)
    if "nth" in inspect.signature(build).parameters:
        assert build(*arguments).id != build(*arguments, nth=2).id


def test_a_return_is_of_the_whole_order_unless_told():
    order = an_order(a_customer(), "120.00")

    assert a_return(order).amount == order.total
    assert str(a_return(order, "20").amount) == "20.00 EUR"


def test_a_frozen_clock_moves_only_when_told():
    clock = FrozenClock()

    assert clock() == clock()
    assert (clock.advance() - FrozenClock()()).total_seconds() == 1


@pytest.mark.parametrize("made", STRATEGIES, ids=lambda made: made.__name__)
def test_hypothesis_knows_every_type(made):
    @settings(max_examples=10, deadline=None)
    @given(st.from_type(made))
    def check(value):
        assert isinstance(value, made)

    check()


def test_strategies_fit_together():
    @settings(max_examples=25, deadline=None)
    @given(st.from_type(Model), st.from_type(Customer), st.from_type(Order), st.from_type(Return))
    def check(model, customer, order, back):
        assert set(model.profile_fields) > {m.name for m in model.all_measures}
        assert customer.version == 0
        assert order.total.minor >= 0
        assert back.amount.minor > 0

    check()


def test_a_promise_is_not_overridden():
    with pytest.raises(TypeError, match="overrides a test of the contract"):

        class Cheats(TenantsContract):
            def test_an_empty_tenant_is_empty(self, backend):
                assert backend


@pytest.mark.parametrize(
    "mark",
    [
        pytest.mark.skip(reason="slow"),
        pytest.mark.xfail(reason="later"),
        pytest.mark.xfail(strict=True),
    ],
)
def test_a_promise_is_given_up_only_strictly_and_with_a_reason(mark):
    with pytest.raises(TypeError, match="strict xfail"):

        class Cheats(TenantsContract):
            @mark
            def test_an_empty_tenant_is_empty(self, backend):
                assert backend


def test_a_strict_xfail_with_a_reason_is_accepted():
    class Honest(TenantsContract):
        @pytest.mark.xfail(strict=True, reason="issue 12")
        def test_an_empty_tenant_is_empty(self, backend):
            super().test_an_empty_tenant_is_empty(backend)
            assert backend

    assert "test_an_empty_tenant_is_empty" in vars(Honest)


def test_a_promise_without_its_capability_is_not_collected():
    class Part(Subject):
        @needs("one_writer")
        def test_it(self):
            assert self.one_writer

    class Alone(Part):
        one_writer = True

    class Many(Alone):
        one_writer = False

    assert callable(Alone.test_it)
    assert getattr(Many, "test_it", None) is None


def test_a_promise_of_those_without_a_capability_is_not_collected_with_it():
    class Part(Subject):
        @lacks("one_writer", "reads_as_of_its_beginning")
        def test_it(self):
            assert not self.one_writer

    class Alone(Part):
        one_writer = True

    class Mixed:
        reads_as_of_its_beginning = True

    class Snapshots(Mixed, Part):
        pass

    assert callable(Part.test_it)
    assert getattr(Alone, "test_it", None) is None
    assert getattr(Snapshots, "test_it", None) is None


def test_a_capability_that_the_suite_does_not_know_is_refused():
    with pytest.raises(TypeError, match="one_writter is no capability; there are"):

        class Misspelt(TenantsContract):
            one_writter = True

    class Aside:
        joins_transactions = False

    with pytest.raises(TypeError, match="joins_transactions is no capability"):

        class Inherited(Aside, TenantsContract):
            pass


def test_a_capability_is_yes_or_no():
    with pytest.raises(TypeError, match="one_writer is a flag"):

        class Vague(TenantsContract):
            one_writer = "sometimes"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("declared", "promise", "wrong"),
    [
        ({}, "test_writers_on_different_customers_do_not_meet", Busy),
        (
            {"one_writer": True, "reads_as_of_its_beginning": True},
            "test_a_unit_sees_its_own_beginning",
            AssertionError,
        ),
        ({"one_writer": True, "joins_host_transactions": True}, "test_the_host_commits", TypeError),
    ],
)
def test_a_capability_that_a_backend_lacks_fails(memory, declared, promise, wrong):
    """The memory backend has one writer, who keeps others waiting, and joins nobody."""
    subject = type("Boasts", (BackendContract,), declared)()
    subject.host_transaction = lambda backend: nullcontext({"connection": None})

    with pytest.raises(wrong):
        run_alone(subject, promise, memory)


def test_a_store_that_forgets_does_not_pass_for_one_that_keeps():
    store = [MemoryStore()]

    class Forgets(MemoryBackend):
        def close(self):
            store[0] = MemoryStore()

    subject = type("Boasts", (BackendContract,), {"one_writer": True})()

    with pytest.raises(AssertionError):
        run_alone(
            subject,
            "test_committed_data_is_there_after_closing",
            lambda **given: Forgets(store[0], **given),
        )


def test_many_writers_do_not_pass_for_one(memory, monkeypatch):
    monkeypatch.setattr(MemoryStore, "acquire", lambda self, timeout: None)
    monkeypatch.setattr(MemoryStore, "release", lambda self: None)
    subject = type("Modest", (BackendContract,), {"one_writer": True})()

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        run_alone(subject, "test_a_second_writer_is_told", memory)


def test_a_neighbour_that_is_there_is_not_made_again(memory):
    """A server keeps it from test to test."""
    held = everything_in(neighbour_in(memory, FrozenClock()))

    assert everything_in(neighbour_in(memory, FrozenClock())) == held


@pytest.mark.parametrize("kept", [False, True])
def test_a_neighbour_that_a_test_touched_is_noticed(memory, kept):
    if kept:
        neighbour_in(memory, FrozenClock())
    watched = inspect.unwrap(vars(Subject)["neighbour"])(None, memory, FrozenClock())
    with next(watched).unit_of_work() as uow:
        uow.customers.add(a_customer("Touched"))

    with pytest.raises(AssertionError):
        next(watched, None)


def run_alone(subject, promise, make):
    clock = FrozenClock()
    given = {"backends": make, "clock": clock, "backend": opened(make, clock, "a")}
    test = getattr(subject, promise)
    test(**{name: given[name] for name in inspect.signature(test).parameters})


def test_the_capabilities_are_listed_in_the_documentation():
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    flags = {name for name, value in vars(Subject).items() if isinstance(value, bool)}

    assert {flag for flag in flags if f"| `{flag}` |" in page} == flags


def test_no_promise_hides_another():
    names = Counter(
        name for part in BackendContract.__bases__ for name in vars(part) if name.startswith("test")
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_every_promise_is_in_words():
    parts = BackendContract.__bases__
    tests = [t for p in parts for n, t in vars(p).items() if n.startswith("test") and t]

    assert [test.__name__ for test in tests if not inspect.getdoc(test)] == []


def test_a_failed_promise_shows_its_values():
    module = sys.modules["crmcore.testing.contract.tenants"]

    assert "@pytest_ar" in vars(module)


def test_crmcore_alone_loads_no_hypothesis():
    assert crmcore.Model is not None
    assert run("import sys, crmcore\nprint('hypothesis' in sys.modules)") == "False\n"
