"""The agent's own log: a line a fact, on standard error, where the instance's console keeps it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class FactFormatter(logging.Formatter):
    """`time LEVEL name event key=value...`; what was given as `extra` are the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback of an error after it."""
        facts = (f"{name}={value!r}" for name, value in vars(record).items() if name not in _STANDARD)
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = " ".join((stamp, record.levelname, record.name, record.getMessage(), *facts))
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def log_to_stderr() -> None:
    """Have everything from INFO on written, but for the libraries' chatter."""
    handler = logging.StreamHandler()
    handler.setFormatter(FactFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("websockets", "asyncio", "nats"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
