"""What checks of several steps share: each is timed, counted, and says how it went."""

import contextlib
import subprocess
import time


class Failure(Exception):
    """A step did not do what it should; the text says what."""


class Abandoned(Exception):
    """A step failed that the next ones build on."""


class Steps:
    """Runs, times and counts the steps."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.tests = 0  # that passed in the roots

    @contextlib.contextmanager
    def step(self, name: str):
        start = time.monotonic()
        try:
            yield
        except (Failure, OSError, subprocess.SubprocessError) as error:
            self.failed += 1
            print(f"{name}: FAILED ({time.monotonic() - start:.0f} s): {error}", flush=True)
            raise Abandoned from error
        self.passed += 1
        print(f"{name}: passed ({time.monotonic() - start:.0f} s)", flush=True)
