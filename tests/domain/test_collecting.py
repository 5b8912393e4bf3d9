"""The collector waits while bulk work is done, and never longer."""

from __future__ import annotations

import gc
from threading import Event, Thread

import pytest

from crmcore.domain.collecting import uncollected


def test_it_goes_on_afterwards_also_after_an_error():
    def fail() -> None:
        with uncollected:
            assert not gc.isenabled()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert gc.isenabled()


def test_a_host_without_a_collector_keeps_it_off():
    gc.disable()
    try:
        with uncollected:
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_last_of_several_threads_sets_it_going():
    inside, may_end = Event(), Event()

    def other() -> None:
        with uncollected:
            inside.set()
            may_end.wait(10)

    thread = Thread(target=other)
    with uncollected:
        thread.start()
        inside.wait(10)
    assert not gc.isenabled()
    may_end.set()
    thread.join(10)
    assert gc.isenabled()
