"""The kit itself: what hosts import, and the rules that the contract's classes keep."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import Customer, Model, Order, Return
from crmcore.testing import FrozenClock, a_customer, a_return, an_order, builders
from crmcore.testing.contract import BackendContract, Subject, TenantsContract
from crmcore.testing.contract.subject import needs
from crmcore.testing.registration import STRATEGIES, register

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


@pytest.mark.parametrize("name", [n for n in builders.__all__ if n.startswith("a")])
def test_a_builder_makes_the_same_again(name):
    build = getattr(builders, name)
    given = {
        "customer": a_customer(),
        "order": an_order(a_customer()),
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
