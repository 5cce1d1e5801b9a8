"""What runs the functions, as far as a rollout has to know it."""

from __future__ import annotations

import contextlib
import json
import pathlib
from typing import Protocol

from .check import Instance, printable

# Of what a process wrote before it ended.
LAST_LINES = 3

# The states of a function.
ACTIVE = "active"  # a process serves it
IDLE = "idle"  # the next request starts one
FAILED = "failed"  # its process ends again and again
STOPPED = "stopped"  # nobody listens


class Process(Instance, Protocol):
    """A process that serves clients, whichever release it runs."""

    def stop(self) -> None:
        """Returns when it has answered what it had accepted and is gone."""

    def start(self) -> None:
        """Starts it with the release that the running link names."""


class Runner(Protocol):
    """Starts and stops the processes of functions."""

    def state(self, function: str) -> str:
        """One of the states above."""

    def processes(self, function: str) -> list[Process]:
        """The processes that share the function's socket; one is enough to serve it."""

    def candidate(
        self, function: str, link: pathlib.Path, socket: pathlib.Path
    ) -> contextlib.AbstractContextManager[Instance]:
        """Runs what `link` names on a socket that no client knows, as long as the block lasts."""

    def stop_candidate(self, function: str, socket: pathlib.Path) -> None:
        """Ends what a killed rollout has left."""


def last_words(text: str) -> str:
    """The end of what a process wrote, without the requests it answered, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words = [message_of(line) for line in lines if not is_request(line)]
    return printable(" / ".join(words[-LAST_LINES:]))


def is_request(line: str) -> bool:
    return isinstance(record := parsed(line), dict) and "status" in record


def message_of(line: str) -> str:
    record = parsed(line)
    return str(record["msg"]) if isinstance(record, dict) and "msg" in record else line


def parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def with_last_words(how: str, text: str) -> str:
    words = last_words(text)
    return f"{how}: {words}" if words else how
