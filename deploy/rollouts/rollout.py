"""From one release of a function to another, and back when the new one is not fit to run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import sys
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from . import errors, history, runner
from .check import check
from .errors import CheckFailed, Interrupted, NotReached, RolloutError
from .history import History
from .releases import RESERVED, VERSION, Refused, Releases, sha256_of

# What one of several processes gets to answer while the others serve: it may simply not be its
# turn, which is found out when it is alone.
TURN_LIMIT_S = 2
# Of a version, so that more fits behind it.
MOST_OF_VERSION = 100
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    print(text, flush=True)


def complain(text: str) -> None:
    print(f"rollout: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Signals raise Interrupted: the first one, and none once the yielded function was called."""

    def interrupt(number: int, _: Any) -> None:
        ignore()
        raise Interrupted(f"interrupted by {signal.Signals(number).name}")

    def ignore() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    former = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield ignore
    finally:
        ignore()
        for number, handler in former.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Places:
    """The folders of an installation."""

    state: pathlib.Path
    run: pathlib.Path


@dataclass(frozen=True)
class Plan:
    """What is to run instead of what."""

    action: str  # deploy, undo or adopt
    version: str
    former: str | None
    is_new: bool  # no release had this version before

    def is_forward(self) -> bool:
        """Whether the release has to show that it can serve. One that ran before need not: when
        nothing can, as without the database, going back to it must be possible all the same."""
        return self.action != "undo"

    def record(self, state: str) -> history.Record:
        return {
            "action": self.action,
            "state": state,
            "version": self.version,
            "from": self.former,
            "new": self.is_new,
        }


class Function:
    """One function: its releases, its history and its processes."""

    def __init__(
        self, name: str, places: Places, service: runner.Runner, check_limit_s: float
    ) -> None:
        self.name = name
        self.service = service
        self.check_limit_s = check_limit_s
        self.releases = Releases(places.state, name)
        self.history = History(self.releases.folder)
        self.socket = places.run / f"{name}.sock"
        self.candidate_socket = places.run / "candidate" / f"{name}.sock"

    # The commands

    def deploy(self, file: pathlib.Path, version: str | None) -> None:
        with self.releases.locked():
            self.recover()
            self._take_over("deploy", file, version)

    def adopt(self, file: pathlib.Path, version: str | None) -> None:
        """As deploy(), but for a release that was adopted before, or that runs already."""
        with self.releases.locked():
            self.recover()
            sha256 = sha256_of(file)
            running = self.releases.running()
            adopted = self.history.last_adopted() or {}
            if self.releases.has_content(running, sha256):
                say(f"{self.name}: {running} is the same and runs already")
            elif version and adopted.get("sha256") == sha256 and (
                adopted.get("version") in (version, rebuilt_version(version, sha256))
            ):
                say(f"{self.name}: {adopted['version']} was adopted before; {running} runs")
            else:
                if version and self.releases.exists(version) and (
                    not self.releases.has_content(version, sha256)
                ):
                    version = rebuilt_version(version, sha256)
                self._take_over("adopt", file, version)

    def undo(self) -> None:
        with self.releases.locked():
            if self.recover():
                return
            running = self.releases.running()
            lower = [
                version
                for version in self.history.stack(running)
                if version != running and self.releases.exists(version)
            ]
            if not lower:
                raise RolloutError(
                    errors.NO_INPUT, f"{self.name}: there is no release to go back to"
                )
            self._roll(Plan("undo", lower[-1], running, is_new=False))

    # The steps

    def _take_over(self, action: str, file: pathlib.Path, version: str | None) -> None:
        """Makes a file a release and lets it run."""
        former = self.releases.running()
        try:
            with self.releases.copy_of(file) as copy:
                version = version or copy.default_version()
                is_new = self.releases.add(copy, version)
        except Refused as error:
            plan = Plan(action, version or file.name, former, is_new=False)
            self._end(plan, history.REFUSED, str(error))
            raise RolloutError(errors.REFUSED, f"{self.name}: refused: {error}") from error
        if version == former:
            say(f"{self.name}: {version} runs already")
            return
        self._roll(Plan(action, version, former, is_new), sha256=copy.sha256)

    def _roll(self, plan: Plan, **more: Any) -> None:
        self.history.append({**plan.record(history.BEGUN), **more})
        # Those that may run the release: none before it was tried out.
        touched: list[runner.Process] | None = None
        reported = ""
        with interruptible() as ignore_signals:
            try:
                is_running = self.service.state(self.name) != runner.STOPPED
                # A package comes before the database that its functions need: where nothing runs,
                # its releases are linked as they are.
                if is_running or plan.action != "adopt":
                    reported = self._try_out(plan)
                touched = []
                self.releases.link(self.releases.running_link, plan.version)
                if is_running:
                    processes = self.service.processes(self.name)
                    self._restart(processes, touched, must_be_ready=plan.is_forward())
                ignore_signals()
            except (CheckFailed, Interrupted, RolloutError, OSError) as error:
                ignore_signals()
                if touched is None:
                    self._refuse(plan, error)
                else:
                    self._take_back(plan, touched, error)
            stack = self._stack_after(plan)
            self._end(plan, history.DONE, stack=stack, **more)
            self.releases.prune(stack)
        how = "runs" if is_running else "is linked, and runs once its function is started"
        say(f"{self.name}: {plan.version} {how}{f' ({reported})' if reported else ''}")

    def _try_out(self, plan: Plan) -> str:
        """Runs the release where no client sees it, and gives the version that it reports."""
        link = self.releases.candidate_link
        self.releases.link(link, plan.version)
        with self.service.candidate(self.name, link, self.candidate_socket) as candidate:
            reported = check(
                self.name,
                str(self.candidate_socket),
                candidate,
                self.check_limit_s,
                must_be_ready=plan.is_forward(),
            )
        link.unlink()
        return reported

    def _clear_candidate(self) -> None:
        """Leaves nothing of a candidate, at whichever step it was given up."""
        self.service.stop_candidate(self.name, self.candidate_socket)
        self.releases.candidate_link.unlink(missing_ok=True)

    def _restart(
        self,
        processes: list[runner.Process],
        touched: list[runner.Process],
        *,
        must_be_ready: bool,
    ) -> None:
        """Restarts one process after the other, and waits for each to be ready, or to answer."""
        unproven: runner.Process | None = None
        has_siblings = len(self.service.processes(self.name)) > 1
        for process in processes:
            touched.append(process)
            process.stop()
            if unproven:
                # Alone now.
                self._check(unproven, self.check_limit_s, must_be_ready)
            process.start()
            unproven = None
            try:
                limit_s = TURN_LIMIT_S if has_siblings else self.check_limit_s
                self._check(process, limit_s, must_be_ready)
            except NotReached:
                if not has_siblings:
                    raise
                unproven = process

    def _check(self, process: runner.Process, limit_s: float, must_be_ready: bool) -> None:
        limit_s = min(limit_s, self.check_limit_s)
        check(self.name, str(self.socket), process, limit_s, must_be_ready=must_be_ready)

    def _take_back(self, plan: Plan, touched: list[runner.Process], error: Exception) -> None:
        """Lets the former release run again; raises what the caller is to be told."""
        if plan.former is None:
            reason = f"{plan.version} does not run: {error}"
            self._end(plan, history.FAILED, reason)
            raise RolloutError(errors.DOWN, f"{self.name}: {reason}; nothing ran before") from error
        reason = f"{plan.version} is taken back: {error}"
        try:
            self.releases.link(self.releases.running_link, plan.former)
            # The last one first: it may be stopped.
            self._restart(touched[::-1], [], must_be_ready=False)
        except (CheckFailed, RolloutError, OSError) as second:
            reason = f"{reason}; {plan.former} does not run either: {second}"
            self._end(plan, history.FAILED, reason)
            raise RolloutError(errors.DOWN, f"{self.name}: {reason}") from second
        self._forget(plan)
        self._end(plan, history.TAKEN_BACK, str(error))
        raise RolloutError(errors.REFUSED, f"{self.name}: {reason}; {plan.former} runs") from error

    def _refuse(self, plan: Plan, error: Exception) -> None:
        self._clear_candidate()
        self._forget(plan)
        self._end(plan, history.REFUSED, str(error))
        code = error.code if isinstance(error, RolloutError) else errors.REFUSED
        former = f"{plan.former} runs" if plan.former else "nothing ran before"
        text = f"{self.name}: {plan.version} is refused: {error}; {former}"
        raise RolloutError(code, text) from error

    def _forget(self, plan: Plan) -> None:
        """Removes a release that did not run well; who has its file may try again."""
        if plan.is_new:
            self.releases.remove(plan.version)

    def _stack_after(self, plan: Plan) -> list[str]:
        stack = self.history.stack(plan.former)
        if plan.action != "undo":
            return [*stack, plan.version]
        while stack and stack[-1] != plan.version:
            stack.pop()
        return stack

    def _end(self, plan: Plan, state: str, reason: str | None = None, **more: Any) -> None:
        why = {"reason": reason} if reason else {}
        self.history.append({**plan.record(state), **why, **more})

    # After a rollout that was killed

    def recover(self) -> bool:
        """Takes back what a rollout that was killed has begun; whether there was any."""
        begun = self.history.unfinished()
        if begun is None:
            return False
        former = begun.get("from")
        plan = Plan(str(begun["action"]), str(begun["version"]), former, bool(begun.get("new")))
        self._clear_candidate()
        complain(f"{self.name}: the rollout of {plan.version} was killed; it is taken back")
        if former is None or not self.releases.exists(former):
            # There is nothing else to run.
            self._end(plan, history.INTERRUPTED)
            return True
        if self.releases.running() != former:
            self.releases.link(self.releases.running_link, former)
        try:
            if self.service.state(self.name) != runner.STOPPED:
                processes = self.service.processes(self.name)
                others = [p for p in processes if not self._runs(p, former)]
                self._restart(others, [], must_be_ready=False)
        except (CheckFailed, RolloutError, OSError) as error:
            reason = f"{former} does not run: {error}"
            self._end(plan, history.FAILED, reason)
            raise RolloutError(errors.DOWN, f"{self.name}: {reason}") from error
        self._forget(plan)
        self._end(plan, history.INTERRUPTED)
        say(f"{self.name}: {former} runs")
        return True

    def _runs(self, process: runner.Process, version: str) -> bool:
        """Whether a process runs this release."""
        try:
            pid = process.look().pid
            return pid != 0 and os.path.samefile(f"/proc/{pid}/exe", self.releases.path(version))
        except OSError:
            return False


def rebuilt_version(version: str, sha256: str) -> str:
    """What a release is called of a package that was built anew under the same version."""
    return f"{version[:MOST_OF_VERSION]}+{sha256[:12]}"


def parse_version(text: str) -> str:
    if not VERSION.fullmatch(text) or text in RESERVED:
        raise RolloutError(
            errors.USAGE, f"version {text!r}: begins with a letter or digit, and has no more than"
            " 128 of them and of . _ + ~ -, but no two dots in a row"
        )
    return text
