"""Functions as units of systemd: a socket and a service each, and the same for a candidate."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
from typing import Iterator

from . import errors, runner
from .check import Look
from .errors import RolloutError

# Above what a unit may take to stop (TimeoutStopSec) and start.
COMMAND_LIMIT_S = 120
PROPERTIES = "ActiveState,SubState,Result,MainPID,ExecMainCode,ExecMainStatus,InvocationID"
ENDED = ("inactive", "failed")
KILLED_CODES = ("2", "3")  # CLD_KILLED and CLD_DUMPED


def systemctl(*arguments: str, must_work: bool = True) -> str:
    """What systemctl prints; that it fails is an error unless it need not work."""
    result = run("systemctl", "--no-ask-password", *arguments)
    if must_work and result.returncode != 0:
        words = " ".join(result.stderr.split()) or f"exit status {result.returncode}"
        raise RolloutError(errors.IO_ERROR, f"systemctl {' '.join(arguments)}: {words}")
    return result.stdout


def run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"{' '.join(command)}: not done after {COMMAND_LIMIT_S} s"
        raise RolloutError(errors.IO_ERROR, problem) from error
    except FileNotFoundError as error:
        raise RolloutError(errors.UNAVAILABLE, f"{command[0]}: is not installed") from error


def show(unit: str) -> dict[str, str]:
    """The state of a unit; of one that does not exist, that it is inactive."""
    lines = systemctl("show", f"--property={PROPERTIES}", unit).splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def is_booted() -> bool:
    """Whether systemd runs this machine, as sd_booted(3) tells: not where an image is made."""
    return os.path.isdir("/run/systemd/system")


class Service:
    """A service unit. It needs its socket unit for the socket, and may be started by it."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def look(self) -> Look:
        state = show(self.unit)
        # Nor does one come to answer that has left with success while it is asked: its socket would
        # start it again and again.
        if state.get("ActiveState") in ENDED or state.get("SubState") == "auto-restart":
            return Look(0, self._end(state))
        return Look(int(state.get("MainPID") or 0))

    def _end(self, state: dict[str, str]) -> str:
        status = state.get("ExecMainStatus", "")
        how = f"exit status {status}"
        if state.get("ExecMainCode") in KILLED_CODES:
            how = f"signal {status}"
        elif state.get("Result") not in ("success", "exit-code"):
            how = state.get("Result", "for no known reason")
        return runner.with_last_words(f"it ended: {how}", self._log(state.get("InvocationID", "")))

    def _log(self, invocation: str) -> str:
        """What this run of the service has written; nothing where there is no journal."""
        if not invocation:
            return ""
        with contextlib.suppress(RolloutError):
            match = f"_SYSTEMD_INVOCATION_ID={invocation}"
            return run("journalctl", "--quiet", "--no-pager", "-o", "cat", "-n", "20", match).stdout
        return ""

    def stop(self) -> None:
        """Nothing: between a stop and a start, the socket would start it for the next request."""

    def start(self) -> None:
        systemctl("reset-failed", self.unit, must_work=False)
        systemctl("restart", self.unit)


class Systemd:
    """The units of the Debian package."""

    def state(self, function: str) -> str:
        if not is_booted():
            return runner.STOPPED
        listening = show(f"tenant-registry@{function}.socket").get("ActiveState")
        if listening != "active":
            return runner.FAILED if listening == "failed" else runner.STOPPED
        service = show(f"tenant-registry@{function}.service")
        if service.get("ActiveState") == "failed" or service.get("SubState") == "auto-restart":
            return runner.FAILED
        return runner.IDLE if service.get("ActiveState") == "inactive" else runner.ACTIVE

    def processes(self, function: str) -> list[runner.Process]:
        return [Service(f"tenant-registry@{function}.service")]

    @contextlib.contextmanager
    def candidate(
        self, function: str, link: pathlib.Path, socket: pathlib.Path
    ) -> Iterator[Service]:
        self.stop_candidate(function, socket)
        service = Service(f"tenant-registry-candidate@{function}.service")
        try:
            systemctl("start", f"tenant-registry-candidate@{function}.socket")
            # Before the first question: the socket would start it again after each end. Why it
            # cannot be started is for its check to tell.
            systemctl("start", service.unit, must_work=False)
            yield service
        finally:
            self.stop_candidate(function, socket)

    def stop_candidate(self, function: str, socket: pathlib.Path) -> None:
        if not is_booted():
            return
        units = [f"tenant-registry-candidate@{function}.{kind}" for kind in ("socket", "service")]
        # Both at once: what waits for an answer would start the service again.
        systemctl("stop", *units, must_work=False)
        systemctl("reset-failed", *units, must_work=False)
