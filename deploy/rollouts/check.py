"""The check of a function: the FastCGI request `OPTIONS *`, which no client can send through nginx.

Spoken here and not by cgi-fcgi: where two processes share a socket, the kernel hands a connection
to the one that has waited for longer, so the new one answers only when many are made at once.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .errors import CheckFailed, NotReached

# Between two attempts.
POLL_S = 0.05
# Connections of one attempt: twice as many each time, up to the most threads that a function has.
BURST_LIMIT = 64
# Those of all attempts that are open: what a function leaves unanswered must not fill its queue.
OPEN_LIMIT = 128
ANSWER_LIMIT_BYTES = 65536
REASON_LIMIT_CHARACTERS = 500

# The record types of FastCGI 1.0 that are used here, and its role of a responder.
BEGIN_REQUEST, PARAMS, STDIN, STDOUT = 1, 4, 5, 6
RESPONDER = 1


class Look(NamedTuple):
    """What there is to see of a process."""

    pid: int  # 0 while there is none
    end: str | None = None  # how it ended, with its last words, once it cannot come to answer


class Instance(Protocol):
    """A process that a runner has started, or starts again."""

    def look(self) -> Look:
        """What it is at now."""


@dataclass(frozen=True)
class Answer:
    """What a function says of itself."""

    status: int
    body: dict[str, Any]

    def pid(self) -> int:
        pid = self.body.get("pid")
        return pid if isinstance(pid, int) else 0


def record(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def request() -> bytes:
    pairs = {"REQUEST_METHOD": "OPTIONS", "REQUEST_URI": "*"}
    params = b"".join(
        bytes((len(name), len(value))) + name.encode() + value.encode()
        for name, value in pairs.items()
    )
    begin = struct.pack(">HB5x", RESPONDER, 0)
    parts = ((BEGIN_REQUEST, begin), (PARAMS, params), (PARAMS, b""), (STDIN, b""))
    return b"".join(record(kind, content) for kind, content in parts)


QUESTION = request()


def output_of(stream: bytes) -> bytes:
    """The content of the STDOUT records that are complete."""
    output = b""
    while len(stream) >= 8:
        _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", stream[:8])
        if kind == STDOUT:
            output += stream[8 : 8 + length]
        stream = stream[8 + length + padding :]
    return output


def parse(stream: bytes) -> Answer | None:
    """A whole answer: a CGI head with a status, and a JSON object."""
    head, _, text = output_of(stream).partition(b"\r\n\r\n")
    status = 200
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        code = value.split()[:1]
        if name.lower() == b"status" and code and code[0].isdigit():
            status = int(code[0])
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return Answer(status, body) if isinstance(body, dict) else None


class Questions:
    """Connections on which the question was asked, and no answer has come yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.selector = selectors.DefaultSelector()

    def __enter__(self) -> Questions:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self.selector.get_map().values()):
            self._close(key.fileobj)
        self.selector.close()

    def ask(self, count: int) -> None:
        """Asks once more, on so many connections at once, as far as there is room."""
        for _ in range(min(count, OPEN_LIMIT - len(self.selector.get_map()))):
            connection = socket.socket(socket.AF_UNIX)
            # A queue that is full is no reason to wait: the next attempt comes soon.
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ, bytearray())
            try:
                connection.connect(self.path)
                connection.sendall(QUESTION)
            except OSError:
                self._close(connection)

    def answers(self, wait_s: float) -> list[Answer | None]:
        """Those that have come; None stands for one that is none. Returns with the first."""
        answers = []
        for key, _ in self.selector.select(wait_s) if self.selector.get_map() else ():
            connection: Any = key.fileobj
            try:
                piece = connection.recv(ANSWER_LIMIT_BYTES)
            except OSError:
                piece = b""
            key.data.extend(piece)
            # It is whole when the function closes the connection.
            if not piece or len(key.data) > ANSWER_LIMIT_BYTES:
                self._close(connection)
                answers.append(parse(bytes(key.data)))
        return answers

    def _close(self, connection: Any) -> None:
        self.selector.unregister(connection)
        connection.close()


class NotReady(NamedTuple):
    """What a process says that can do no more than answer, for the time being."""

    reason: str


def judge(function: str, pid: int, answer: Answer | None) -> str | NotReady | None:
    """What is wrong with an answer, empty for another process's; None when this one is ready."""
    if answer is None:
        return "an answer that is none"
    # A problem document does not say whose it is.
    if answer.pid() not in (pid, 0):
        return ""
    if answer.status != 200:
        detail = answer.body.get("detail") or answer.body.get("title") or "without a reason"
        return NotReady(f"not ready: {answer.status}: {printable(detail)}")
    if answer.body.get("function") != function:
        raise CheckFailed(f"it answers as {printable(answer.body.get('function'))}")
    if answer.body.get("status") != "ready" or not answer.pid():
        return NotReady(f"not ready: {printable(answer.body)}")
    return None


def printable(value: Any) -> str:
    """One short line, whatever a release answered."""
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return text[:REASON_LIMIT_CHARACTERS]


def check(
    function: str, path: str, instance: Instance, limit_s: float, *, must_be_ready: bool = True
) -> str:
    """Waits until this very process is ready, and gives the version that it reports; or, if it need
    not be ready, until it answers at all, and gives what it lacks."""
    deadline = time.monotonic() + limit_s
    problem = ""
    count = 1
    with Questions(path) as questions:
        while True:
            # First, because who has ended since leaves a reason and not a silence.
            pid, end = instance.look()
            if end:
                raise CheckFailed(end)
            if pid:
                questions.ask(count)
            next_attempt = min(time.monotonic() + POLL_S, deadline)
            while (wait_s := next_attempt - time.monotonic()) > 0:
                if not questions.selector.get_map():
                    time.sleep(wait_s)
                for answer in questions.answers(wait_s):
                    wrong = judge(function, pid, answer)
                    if wrong is None and answer is not None:
                        return printable(answer.body.get("version"))
                    if isinstance(wrong, NotReady):
                        if not must_be_ready:
                            return wrong.reason
                        wrong = wrong.reason
                    problem = wrong or problem
            if time.monotonic() >= deadline:
                kind = CheckFailed if problem else NotReached
                raise kind(f"{problem or 'no answer'} within {limit_s:g} s")
            count = min(count * 2, BURST_LIMIT)
