"""Why a rollout did not do what it was asked to, and the exit code that says so."""

from __future__ import annotations

import os

# Those of sysexits.h where it has one.
REFUSED = 1  # by its check, or taken back: the former release runs
DOWN = 2  # the release was to be taken back, and the former one does not run either
USAGE = os.EX_USAGE  # 64
NO_INPUT = os.EX_NOINPUT  # 66
UNAVAILABLE = os.EX_UNAVAILABLE  # 69
IO_ERROR = os.EX_IOERR  # 74
BUSY = os.EX_TEMPFAIL  # 75
NOT_PERMITTED = os.EX_NOPERM  # 77


class RolloutError(Exception):
    """What is wrong, in one line."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class CheckFailed(Exception):
    """Why a release is not fit to run."""


class NotReached(CheckFailed):
    """No answer came that would have been the release's own."""


class Interrupted(Exception):
    """A signal asked to stop."""
