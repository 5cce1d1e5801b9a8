"""What was done to a function: a file of JSON lines, to which lines are only added.

A rollout is noted before it begins (`begun`) and when it is over. A `begun` without an end, when
nobody holds the lock, is a rollout that was killed. The end of a good one names the stack: the
releases that ran well, the running one last. `undo` goes down in it.
"""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import time
from typing import Any

from .releases import HISTORY, KEPT_OLD_RELEASES, OLDER_HISTORY, TEMPORARY

LIMIT_BYTES = 1 << 20
BEGUN = "begun"
DONE = "done"
REFUSED = "refused"  # before any client has seen it
TAKEN_BACK = "taken back"
FAILED = "failed"  # neither this release nor the former one runs
INTERRUPTED = "interrupted"  # killed, and cleaned up after
# Of the first line of a file that follows another one.
CARRIED = "carried over"

Record = dict[str, Any]


class History:
    """The history of one function."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / HISTORY
        self.older_path = folder / OLDER_HISTORY

    def records(self) -> list[Record]:
        """All that are whole, oldest first; of an older file, what `history` may still show."""
        return [*read_records(self.older_path), *read_records(self.path)]

    def last(self) -> Record | None:
        """The last thing that was done."""
        records = [r for r in read_records(self.path) if r.get("state") != CARRIED]
        return records[-1] if records else None

    def unfinished(self) -> Record | None:
        """The rollout that has begun and not ended."""
        last = self.last()
        return last if last and last.get("state") == BEGUN else None

    def stack(self, running: str | None) -> list[str]:
        """The releases that ran well, as far as the link agrees."""
        stacks = [record["stack"] for record in read_records(self.path) if "stack" in record]
        stack = list(stacks[-1]) if stacks else []
        if running and stack[-1:] != [running]:
            stack.append(running)
        return stack

    def last_adopted(self) -> Record | None:
        """The release that was adopted last, whatever was deployed since."""
        adopted = [
            record
            for record in self.records()
            if record.get("action") == "adopt" and record.get("state") == DONE
        ]
        return adopted[-1] if adopted else None

    def append(self, record: Record) -> Record:
        """Adds a line, with the time and who it was, and waits until it is on the disk."""
        if record["state"] == BEGUN:
            self._rotate()
        record = {"time": now(), "who": who(), **record}
        if "stack" in record:
            record["stack"] = record["stack"][-(KEPT_OLD_RELEASES + 1) :]
        with open(self.path, "a+b") as file:
            # A line that was cut off must not take the next one with it.
            if file.seek(0, os.SEEK_END) and not ends_in_line_feed(file):
                file.write(b"\n")
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return record

    def _rotate(self) -> None:
        try:
            if self.path.stat().st_size < LIMIT_BYTES:
                return
        except FileNotFoundError:
            return
        carried = {"state": CARRIED, "stack": self.stack(None)}
        adopted = self.last_adopted()
        lines = [*([adopted] if adopted else []), carried]
        prefix = f"{TEMPORARY}{self.path.parent.name}-"
        older = self.path.with_name(prefix + OLDER_HISTORY)
        new = self.path.with_name(prefix + HISTORY)
        new.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        # At no point there is no history.
        os.link(self.path, older)
        os.replace(older, self.older_path)
        os.replace(new, self.path)


def ends_in_line_feed(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def read_records(path: pathlib.Path) -> list[Record]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def who() -> str:
    """Who asked for it, through sudo or not."""
    if name := os.environ.get("SUDO_USER"):
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
