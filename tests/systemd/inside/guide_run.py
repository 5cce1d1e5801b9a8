"""Runs the commands of the operator's guide, and tells of each block what it came to."""

import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

from support import CHECK_DIR

SCRIPT = CHECK_DIR / "guide.sh"
OUTPUT = pathlib.Path("/var/log/check-guide.log")
BLOCK_LIMIT_S = 300
TAIL_LINES = 25

# Line numbers of the script are those of the guide, so whatever is to be defined is outside of it.
PROLOGUE = """
block() { printf '%s\\t%s\\n' "$1" "$2" >&"$ANNOUNCEMENTS"; printf '\\n== %s\\n' "$1"; }
trap 'echo "docs/operations.md:$LINENO: $BASH_COMMAND"' ERR
set -Eeuo pipefail
"""
# Nobody is there to answer questions or to turn pages.
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "PAGER": "cat", "SYSTEMD_PAGER": "cat",
               "HOME": "/root", "PWD": "/root", "LANG": "C.UTF-8",
               "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def output_tail() -> str:
    lines = OUTPUT.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)


class Patience:
    """Ends the shell, and what it has started, when a block takes too long."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.timer: threading.Timer | None = None

    def renew(self) -> None:
        self.end()
        self.timer = threading.Timer(BLOCK_LIMIT_S, os.killpg, (self.process.pid, signal.SIGKILL))
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        if self.timer:
            self.timer.cancel()


def run_guide(reporter) -> bool:
    """Returns whether all of it passed."""
    with tempfile.NamedTemporaryFile("w") as prologue, open(OUTPUT, "wb") as output:
        prologue.write(PROLOGUE)
        prologue.flush()
        readable, writable = os.pipe()
        process = subprocess.Popen(["bash", "-c", f". {prologue.name}; . {SCRIPT}"],
                                   stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, cwd=ENVIRONMENT["HOME"],
                                   env=ENVIRONMENT | {"ANNOUNCEMENTS": str(writable)},
                                   pass_fds=[writable], start_new_session=True)
        os.close(writable)
        patience = Patience(process)
        patience.renew()
        start, name = time.monotonic(), ""
        with os.fdopen(readable) as announcements:
            for line in announcements:
                number, _, heading = line.rstrip("\n").partition("\t")
                if name:
                    reporter.step(name, "passed", time.monotonic() - start)
                patience.renew()
                start, name = time.monotonic(), f"guide, line {number}: {heading}"
        status = process.wait()
        patience.end()
    outcome = "failed" if status else "passed"
    reporter.step(name or "guide", outcome, time.monotonic() - start,
                  f"status {status}{output_tail()}" if status else "")
    return not status
