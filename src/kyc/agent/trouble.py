"""What is told of a trouble that lasts: its beginning, a word each minute, its end; not each try."""

from __future__ import annotations

from typing import Protocol

from kyc.domain.errors import KycError
from kyc.ports.clock import Clock

AGAIN_S = 60.0


class Say(Protocol):
    """Tells the master what is wrong, and what to do about it; `over`: it is no longer."""

    def __call__(self, what: str, next_step: str = "", *, over: bool = False) -> None: ...


class Trouble:
    """One kind of trouble. `what` completes the words "cannot ..."."""

    def __init__(self, what: str, say: Say, clock: Clock) -> None:
        self._what = what
        self._say = say
        self._clock = clock
        self._began_s: float | None = None
        self._told_s = 0.0

    def note(self, error: KycError) -> None:
        """A try has failed."""
        now_s = self._clock.monotonic_s()
        if self._began_s is None:
            self._began_s = now_s
            lasting = ""
        elif now_s - self._told_s >= AGAIN_S:
            lasting = f" for {now_s - self._began_s:.0f} s"
        else:
            return
        self._told_s = now_s
        self._say(f"cannot {self._what}{lasting}: {error}", error.next_step)

    def end(self) -> None:
        """A try has succeeded."""
        if self._began_s is not None:
            lasted_s = self._clock.monotonic_s() - self._began_s
            self._began_s = None
            self._say(f"can {self._what} again, after {lasted_s:.0f} s", over=True)
