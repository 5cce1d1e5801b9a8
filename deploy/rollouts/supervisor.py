"""Functions as programs of supervisord: those that share a function's socket are one group."""

from __future__ import annotations

import configparser
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import xmlrpc.client
from typing import Any, Iterator, Mapping

from . import errors, runner
from .check import Look, printable
from .errors import RolloutError

# Above what a program may take to stop (stopwaitsecs, deploy/supervisor).
CALL_LIMIT_S = 60
# As much of a log as is looked at for last words.
LOG_TAIL_BYTES = 16384
# What a candidate gets to end in, which has no client to wait for.
STOP_LIMIT_S = 5
BACKLOG = 511

# Faults of supervisord's interface that say that it is as it should be.
ALREADY_STARTED, NOT_RUNNING = 60, 70
# Its states of a process.
STOPPED, STARTING, RUNNING, STOPPING, EXITED = 0, 10, 20, 40, 100


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CALL_LIMIT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CALL_LIMIT_S)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> UnixConnection:
        return UnixConnection(self.path)


def socket_of(configuration: pathlib.Path) -> str:
    """Where supervisord listens, as supervisorctl finds it."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        with open(configuration, encoding="utf-8") as file:
            parser.read_file(file)
        url = parser.get("supervisorctl", "serverurl", fallback="")
    except (OSError, configparser.Error) as error:
        problem = " ".join(str(error).split())
        raise RolloutError(errors.NO_INPUT, f"--supervisor {configuration}: {problem}") from error
    if not url.startswith("unix://"):
        problem = "serverurl of [supervisorctl] is no unix:// URL"
        raise RolloutError(errors.USAGE, f"--supervisor {configuration}: {problem}")
    return url.removeprefix("unix://")


class Program:
    """One process of a function."""

    def __init__(self, supervisord: Any, name: str) -> None:
        self.supervisord = supervisord
        self.name = name
        self.log_bytes = 0

    def _info(self) -> dict[str, Any]:
        return dict(call(self.supervisord.getProcessInfo, self.name))

    def look(self) -> Look:
        info = self._info()
        if info["state"] in (STARTING, RUNNING, STOPPING):
            return Look(int(info["pid"]))
        return Look(0, self._end(info))

    def _end(self, info: dict[str, Any]) -> str:
        # Of one that ended in its first seconds supervisord keeps no status.
        how = f"exit status {info['exitstatus']}" if info["state"] == EXITED else info["spawnerr"]
        return runner.with_last_words(f"it ended: {printable(how)}", self._new_log(info))

    def _new_log(self, info: dict[str, Any]) -> str:
        """What the log has since the start; nothing when it is no file."""
        path = pathlib.Path(info["stdout_logfile"])
        if not path.is_file():
            return ""
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(min(self.log_bytes, end), end - LOG_TAIL_BYTES))
            return file.read(LOG_TAIL_BYTES).decode(errors="replace")

    def stop(self) -> None:
        call(self.supervisord.stopProcess, self.name, ignored=NOT_RUNNING)

    def start(self) -> None:
        path = pathlib.Path(self._info()["stdout_logfile"])
        self.log_bytes = path.stat().st_size if path.is_file() else 0
        # Without waiting for startsecs: its check tells sooner whether it is well.
        call(self.supervisord.startProcess, self.name, False, ignored=ALREADY_STARTED)


class NotThere(RolloutError):
    """No supervisord listens."""


def call(method: Any, *arguments: Any, ignored: int | None = None) -> Any:
    try:
        return method(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == ignored:
            return None
        raise RolloutError(errors.IO_ERROR, f"supervisord: {fault.faultString}") from fault
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotThere(errors.UNAVAILABLE, "supervisord does not run") from error
    except PermissionError as error:
        raise RolloutError(errors.NOT_PERMITTED, f"supervisord: {error.strerror}") from error
    except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
        raise RolloutError(errors.IO_ERROR, f"supervisord: {error}") from error


class Supervisor:
    """The programs of one supervisord."""

    def __init__(self, configuration: pathlib.Path, environment: Mapping[str, str]) -> None:
        self.path = socket_of(configuration)
        self.environment = dict(environment)
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(self.path))
        self.supervisord: Any = proxy.supervisor

    def _infos(self, function: str) -> list[dict[str, Any]]:
        with contextlib.suppress(NotThere):
            infos = call(self.supervisord.getAllProcessInfo)
            return [info for info in infos if info["group"] == function]
        return []

    def state(self, function: str) -> str:
        states = [info["state"] for info in self._infos(function)]
        if any(state in (STARTING, RUNNING) for state in states):
            return runner.ACTIVE
        return runner.FAILED if set(states) - {STOPPED, STOPPING} else runner.STOPPED

    def processes(self, function: str) -> list[runner.Process]:
        names = sorted(f"{info['group']}:{info['name']}" for info in self._infos(function))
        return [Program(self.supervisord, name) for name in names]

    @contextlib.contextmanager
    def candidate(
        self, function: str, link: pathlib.Path, socket: pathlib.Path
    ) -> Iterator[Child]:
        socket.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            # What it counts is nobody's.
            counters = stack.enter_context(tempfile.TemporaryDirectory(prefix="candidate-"))
            listener = stack.enter_context(listen(socket))
            stack.callback(socket.unlink, missing_ok=True)
            child = stack.enter_context(
                Child(link, listener, self.environment | {"METRICS_DIR": counters})
            )
            listener.close()
            yield child

    def stop_candidate(self, function: str, socket: pathlib.Path) -> None:
        # The process ended with the rollout that had started it.
        socket.unlink(missing_ok=True)


def listen(path: pathlib.Path) -> socket.socket:
    """A listening socket that only its owner can connect to."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    former_mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise RolloutError(errors.IO_ERROR, f"{path}: {error.strerror or error}") from error
    finally:
        os.umask(former_mask)
    listener.listen(BACKLOG)
    return listener


class Child:
    """A candidate, which ends with this program however that ends."""

    def __init__(
        self, link: pathlib.Path, listener: socket.socket, environment: Mapping[str, str]
    ) -> None:
        self.log = tempfile.TemporaryFile()
        # In a session of its own, so that Ctrl-C reaches it only through us.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(link)],
            stdin=listener,
            stdout=self.log,
            stderr=self.log,
            env=environment,
            start_new_session=True,
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def look(self) -> Look:
        code = self.process.poll()
        return Look(self.process.pid) if code is None else Look(0, self._end(code))

    def _end(self, code: int) -> str:
        how = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
        self.log.seek(max(self.log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES, 0))
        words = self.log.read(LOG_TAIL_BYTES).decode(errors="replace")
        return runner.with_last_words(f"it ended: {how}", words)
