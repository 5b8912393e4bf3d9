"""Children that may be killed: forked from a process that has imported everything and holds no
connection, so that a thousand of them take seconds.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["Child", "answering", "beside", "forked"]

R = TypeVar("R")


@dataclass
class Child(Generic[R]):
    """A forked process; what it tells comes over a pipe."""

    pid: int
    reading: int
    ended: bool = False
    _told: list[bytes] = field(default_factory=list)

    def first_word(self) -> bytes:
        """Wait until it tells something, if only that it has begun."""
        return os.read(self.reading, 1)

    def kill(self) -> None:
        """`kill -9`."""
        os.kill(self.pid, signal.SIGKILL)

    def everything(self) -> bytes:
        """What it told until its end."""
        told = []
        while piece := os.read(self.reading, 1 << 16):
            told.append(piece)
        os.close(self.reading)
        os.waitpid(self.pid, 0)
        return b"".join(told)

    def result(self) -> R:
        """What the function answered; its error is told."""
        ok, value = pickle.loads(self.everything())
        if not ok:
            raise RuntimeError(f"a child failed: {value}")
        return value  # type: ignore[no-any-return]


def forked(function: Callable[[int], object]) -> Child[Any]:
    """`function(pipe)` in a child of this process, until it ends or is killed."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of others, which we use not
        pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    status = 1
    try:
        os.close(reading)
        gc.disable()  # a collection would copy the pages that it shares with its parent
        function(writing)
        status = 0
    except BaseException:  # noqa: BLE001  the child must end here, and not go on as its parent
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def answering(function: Callable[..., R], arguments: Sequence[Any]) -> Callable[[int], None]:
    """What a child does to tell the function's answer, or its error."""

    def run(pipe: int) -> None:
        gc.enable()
        try:
            answer: tuple[bool, Any] = True, function(*arguments)
        except BaseException:  # noqa: BLE001  told to the parent
            answer = False, traceback.format_exc()
        left = pickle.dumps(answer)
        while left:
            left = left[os.write(pipe, left) :]

    return run


def beside(function: Callable[..., R], *arguments: Sequence[Any]) -> list[R]:
    """The answers of `function(*each)` for each of `arguments`, all at once in children."""
    children: list[Child[R]] = [forked(answering(function, each)) for each in arguments]
    return [child.result() for child in children]
