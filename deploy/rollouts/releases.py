"""The releases of a function: files that are whole once they have their name, and links to them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import stat
import sys
import time
from dataclasses import dataclass
from typing import Iterator

from . import errors
from .errors import RolloutError

VERSION = re.compile(r"(?!.*\.\.)[0-9A-Za-z][0-9A-Za-z._+~-]{0,127}")
# What stands beside the releases of a function.
HISTORY, OLDER_HISTORY, LOCK = "history", "history.1", "lock"
RESERVED = (HISTORY, OLDER_HISTORY, LOCK)
TEMPORARY = ".new-"

KEPT_OLD_RELEASES = 10
RELEASE_LIMIT_BYTES = 256 << 20
PIECE_BYTES = 1 << 20
LOCK_WAIT_S = 1
POLL_S = 0.05

ELF_HEADER_BYTES = 20
ELF_EXECUTABLES = (2, 3)  # ET_EXEC and ET_DYN, a position-independent one


class Refused(Exception):
    """What is wrong with a file that is to become a release."""


@dataclass(frozen=True)
class Copy:
    """A file that was taken over, and has no version yet."""

    path: pathlib.Path
    sha256: str

    def default_version(self) -> str:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return f"{now}-{self.sha256[:12]}"


class Releases:
    """What a state folder keeps of one function."""

    def __init__(self, state: pathlib.Path, function: str) -> None:
        self.function = function
        self.folder = state / "releases" / function
        self.running_link = state / "running" / function
        self.candidate_link = state / "candidate" / function

    def path(self, version: str) -> pathlib.Path:
        return self.folder / version

    def exists(self, version: str) -> bool:
        return self.path(version).is_file()

    def has_content(self, version: str | None, sha256: str) -> bool:
        return version is not None and self.exists(version) and (
            sha256_of(self.path(version)) == sha256
        )

    def running(self) -> str | None:
        """The version that the link names."""
        try:
            return os.path.basename(os.readlink(self.running_link))
        except FileNotFoundError:
            return None

    def running_since(self) -> float | None:
        try:
            return os.lstat(self.running_link).st_mtime
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other rollouts of this function away."""
        for folder in (self.folder, self.running_link.parent, self.candidate_link.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / LOCK, "a", encoding="utf-8") as lock:
            # `status` looks at the lock for a moment.
            if not wait_for_lock(lock.fileno(), LOCK_WAIT_S):
                raise RolloutError(errors.BUSY, f"{self.function}: another rollout is at work")
            self._remove_temporary()
            yield

    def is_locked(self) -> bool:
        try:
            with open(self.folder / LOCK, encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _remove_temporary(self) -> None:
        for folder in (self.folder, self.running_link.parent, self.candidate_link.parent):
            for path in folder.glob(f"{TEMPORARY}{self.function}-*"):
                path.unlink()

    def _temporary(self, folder: pathlib.Path) -> pathlib.Path:
        # The lock is this function's, and the links of all functions stand together.
        return folder / f"{TEMPORARY}{self.function}-{os.getpid()}"

    @contextlib.contextmanager
    def copy_of(self, file: pathlib.Path) -> Iterator[Copy]:
        """A copy on disk, which is gone afterwards unless it was given a version."""
        path = self._temporary(self.folder)
        try:
            yield Copy(path, copy_release(file, path))
        finally:
            path.unlink(missing_ok=True)

    def add(self, copy: Copy, version: str) -> bool:
        """Makes a copy a release; False when it is there already, with the same content."""
        path = self.path(version)
        if path.exists():
            if not self.has_content(version, copy.sha256):
                raise RolloutError(
                    errors.USAGE, f"{self.function}: {version} exists with another content"
                )
            return False
        os.rename(copy.path, path)
        sync_folder(self.folder)
        return True

    def remove(self, version: str) -> None:
        self.path(version).unlink(missing_ok=True)

    def link(self, link: pathlib.Path, version: str) -> None:
        """Lets a link name a release, from one moment to the next."""
        temporary = self._temporary(link.parent)
        temporary.unlink(missing_ok=True)
        os.symlink(f"../releases/{self.function}/{version}", temporary)
        os.rename(temporary, link)
        sync_folder(link.parent)

    def prune(self, stack: list[str]) -> None:
        """Removes old releases: those that ran well last stay, then the newest."""
        running = self.running()
        others = [
            path
            for path in self.folder.iterdir()
            if path.name not in (*RESERVED, *stack) and not path.name.startswith(TEMPORARY)
        ]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        names = dict.fromkeys([*reversed(stack), *(path.name for path in others)])
        old = [name for name in names if name != running]
        for name in old[KEPT_OLD_RELEASES:]:
            self.remove(name)


def wait_for_lock(descriptor: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(POLL_S)


def copy_release(source: pathlib.Path, target: pathlib.Path) -> str:
    """Copies an executable and gives the SHA-256 of what was written."""
    digest = hashlib.sha256()
    # A pipe or a device is opened without waiting for it, and then refused.
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise RolloutError(errors.NO_INPUT, f"{source}: is no regular file")
    with open(descriptor, "rb") as reader, open(target, "wb") as writer:
        if not status.st_mode & 0o111:
            raise Refused(f"{source}: is not executable")
        if status.st_size > RELEASE_LIMIT_BYTES:
            raise Refused(f"{source}: has more than {RELEASE_LIMIT_BYTES} bytes")
        piece = reader.read(PIECE_BYTES)
        if problem := elf_problem(piece):
            raise Refused(f"{source}: {problem}")
        while piece:
            digest.update(piece)
            writer.write(piece)
            piece = reader.read(PIECE_BYTES)
        os.fchmod(writer.fileno(), 0o755)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def elf_problem(start: bytes) -> str | None:
    """Why a file that begins like this is no program of this machine."""
    with open(sys.executable, "rb") as own:
        ours = own.read(ELF_HEADER_BYTES)
    if len(start) < ELF_HEADER_BYTES or start[:4] != b"\x7fELF":
        return "is no ELF file"
    # Class and byte order, and the processor.
    if start[4:6] != ours[4:6] or start[18:20] != ours[18:20]:
        return "is for another kind of machine"
    if int.from_bytes(start[16:18], sys.byteorder) not in ELF_EXECUTABLES:
        return "is no executable"
    return None


def sha256_of(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as reader:
        while piece := reader.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
