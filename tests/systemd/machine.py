"""The machine while it runs: qemu, and what it reports."""

import collections.abc
import contextlib
import json
import os
import pathlib
import subprocess
import time

MEMORY = "1536M"
# For the whole of it, and between two reports; without KVM and beside other work.
LIMIT_S = 5400
SILENCE_LIMIT_S = 900
KVM_START_LIMIT_S = 120
POLL_S = 0.25
OUTPUT_TAIL_LINES = 40


class Failure(Exception):
    """A step did not do what it should; the text says what."""


def tail(log: pathlib.Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-OUTPUT_TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)


KVM = ("-accel", "kvm", "-cpu", "host")
# A processor without wide registers, which are slow to imitate.
EMULATION = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")
# What qemu says of a KVM that gives up, as some inside of other machines do. The machine then stands
# still.
KVM_FAILURE = "KVM internal error"


def qemu_command(
    accelerator: collections.abc.Iterable[str], disk: pathlib.Path, load: pathlib.Path,
    logs: pathlib.Path
) -> list:
    return [
        "qemu-system-x86_64", *accelerator, "-machine", "q35", "-m", MEMORY,
        "-smp", str(min(2, os.cpu_count() or 1)), "-nodefaults", "-no-user-config",
        "-display", "none", "-nic", "none",
        "-kernel", disk / "vmlinuz", "-initrd", disk / "initrd",
        "-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 mitigations=off",
        # What the machine writes is gone with it.
        "-drive", f"file={disk / 'disk'},format=raw,if=virtio,cache=unsafe,snapshot=on",
        "-drive", f"file={load},format=raw,if=virtio,readonly=on",
        "-device", "virtio-rng-pci", "-device", "virtio-serial",
        "-chardev", f"file,id=report,path={logs / 'report.log'}",
        "-device", "virtserialport,chardev=report,name=report",
        "-serial", f"file:{logs / 'serial.log'}"]


class Machine:
    """One that runs. It reports lines of JSON: steps as `Counts` takes them, files to keep as
    {"file": name, "text": …}, and {"end": true} at the end of all."""

    def __init__(self, process: subprocess.Popen, logs: pathlib.Path) -> None:
        self.process = process
        self.logs = logs
        self.report = logs / "report.log"

    def events(self) -> collections.abc.Iterator[dict]:
        """The steps as they end. A machine that falls silent or breaks off is a failed step."""
        start = heard = time.monotonic()
        offset = 0
        has_ended = False
        while not has_ended:
            is_over = self.process.poll() is not None
            lines, offset = self._lines_from(offset)
            for event in lines:
                heard = time.monotonic()
                if "step" in event:
                    yield event
                elif "file" in event:
                    (self.logs / event["file"]).write_text(event["text"])
                has_ended = has_ended or event.get("end", False)
            now = time.monotonic()
            problem = ("broke off" if is_over else
                       f"has said nothing for {SILENCE_LIMIT_S} s" if now > heard + SILENCE_LIMIT_S
                       else f"still runs after {LIMIT_S} s" if now > start + LIMIT_S else "")
            if problem and not has_ended:
                serial = self.logs / "serial.log"
                detail = f"it {problem}{tail(serial) if serial.exists() else ''}"
                yield {"step": "the machine", "outcome": "failed", "detail": detail,
                       "seconds": now - start}
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(POLL_S)

    def _lines_from(self, offset: int) -> tuple[list[dict], int]:
        """The whole lines from there on, and where the rest begins."""
        if not self.report.exists():
            return [], offset
        with open(self.report, "rb") as file:
            file.seek(offset)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return [], offset
        return [json.loads(line) for line in whole.split(b"\n")], offset + len(whole) + 1


@contextlib.contextmanager
def running(disk: pathlib.Path, load: pathlib.Path, logs: pathlib.Path):
    """A machine that has been switched on. It does not outlive the block."""
    process = start(KVM, disk, load, logs) if has_kvm() else None
    try:
        if process and not comes_up(process, logs):
            stop(process)
            process = None
        process = process or start(EMULATION, disk, load, logs)
        yield Machine(process, logs)
    finally:
        if process:
            stop(process)


def has_kvm() -> bool:
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


def start(accelerator: collections.abc.Iterable[str], disk: pathlib.Path, load: pathlib.Path,
          logs: pathlib.Path) -> subprocess.Popen:
    (logs / "report.log").unlink(missing_ok=True)
    with open(logs / "qemu.log", "wb") as output:
        return subprocess.Popen(qemu_command(accelerator, disk, load, logs),
                                stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT)


def comes_up(process: subprocess.Popen, logs: pathlib.Path) -> bool:
    """Whether a machine with KVM gets as far as to report something; if not, it has none to rely on."""
    deadline = time.monotonic() + KVM_START_LIMIT_S
    report, output = logs / "report.log", logs / "qemu.log"
    while process.poll() is None and time.monotonic() < deadline:
        if KVM_FAILURE in output.read_text(errors="replace"):
            return False
        if report.exists() and report.stat().st_size > 0:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
    return False


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
