"""The disk of the machine: a Debian with its own kernel, on which nothing of ours is installed."""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from machine import Failure, tail

# The kernel for virtual machines is a tenth of the general one, and the same in all that matters.
SYSTEM_PACKAGES = (
    "linux-image-cloud-amd64", "initramfs-tools", "zstd", "systemd-sysv", "dbus", "udev",
    "libnss-systemd", "iproute2", "procps", "ca-certificates", "python3")
# What the guide has an operator install. Here it is installed already, as the machine has no network
# and is slow: apt finds nothing to do.
GUIDE_PACKAGES = ("curl", "jq", "nginx", "openssl", "pgbouncer", "postgresql", "prometheus")

# Nothing of these is looked at, and each costs the machine seconds at every start.
UNWANTED_UNITS = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "logrotate.timer",
    "serial-getty@ttyS0.service", "systemd-networkd.service", "systemd-networkd.socket",
    "systemd-networkd-wait-online.service", "systemd-timesyncd.service")
# These start when the guide says so.
LATER_UNITS = ("pgbouncer.service", "prometheus.service")

FILES = {
    "etc/hostname": "registry1\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 registry1\n",
    "etc/fstab": "/dev/vda / ext4 noatime 0 1\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/apt/sources.list": "# The machine has no network.\n",
    # The journal of both starts of the machine.
    "etc/systemd/journald.conf.d/keep.conf": "[Journal]\nStorage=persistent\n",
    # The first start unpacks what the machine was given along, on its second disk.
    "etc/systemd/system/check.service": """\
[Unit]
Description=Checks of the tenant registry
Wants=dev-virtio\\x2dports-report.device
After=multi-user.target dev-virtio\\x2dports-report.device

[Service]
WorkingDirectory=/root
Environment=HOME=/root LANG=C.UTF-8
ExecStartPre=/bin/sh -c 'test -d /srv/check || { mkdir /srv/check; tar -C /srv/check -xf /dev/vdb; }'
ExecStart=/srv/check/inside/agent

[Install]
WantedBy=multi-user.target
""",
}

SIZE = "4G"  # sparse
BUILD_LIMIT_S = 1800
# In which mmdebstrap removes what it has begun.
END_LIMIT_S = 60
# Debian's updates come in with the next one.
AGE_LIMIT_S = 7 * 86400

# What the initial file system must bring along to find the disk.
INITRAMFS_SETTINGS = {"conf.d/small": "MODULES=list\n", "modules": "virtio_pci\nvirtio_blk\next4\n"}


def packages_for(package: pathlib.Path) -> list[str]:
    """All packages of the machine, with those that ours depends on."""
    depends = subprocess.run(["dpkg-deb", "--field", package, "Depends"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    # Of alternatives the first; versions are apt's to judge when ours is installed.
    ours = {re.split(r"[\s(:|]", name.strip())[0] for name in depends.split(",") if name.strip()}
    return sorted(ours | set(SYSTEM_PACKAGES) | set(GUIDE_PACKAGES))


def fingerprint(debian: str, package: pathlib.Path) -> str:
    source = pathlib.Path(__file__).read_bytes()
    text = f"{debian} {' '.join(packages_for(package))} ".encode() + source
    return hashlib.sha256(text).hexdigest()


def is_there(folder: pathlib.Path, debian: str, package: pathlib.Path) -> bool:
    """Whether the folder has the disk that `build` would make, from the last days."""
    mark = folder / "fingerprint"
    with contextlib.suppress(FileNotFoundError):
        is_recent = time.time() < mark.stat().st_mtime + AGE_LIMIT_S
        return is_recent and mark.read_text() == fingerprint(debian, package)
    return False


def setup_script() -> str:
    """Runs before any package is unpacked; $1 is the root."""
    lines = ["set -eu", 'mkdir -p "$1/etc/initramfs-tools/conf.d"']
    for path, text in INITRAMFS_SETTINGS.items():
        lines.append(f"cat >\"$1/etc/initramfs-tools/{path}\" <<'END'\n{text}END")
    return "\n".join(lines) + "\n"


def finish_script(folder: pathlib.Path) -> str:
    """Runs when all packages are installed; makes the disk, with the owners that files have now."""
    lines = ["set -eu"]
    for path, text in FILES.items():
        lines.append(f'mkdir -p "$1/{os.path.dirname(path)}"')
        lines.append(f"cat >\"$1/{path}\" <<'END'\n{text}END")
    lines.append('rm -f "$1"/etc/apt/sources.list.d/* "$1"/var/cache/apt/archives/*.deb')
    lines.append('rm -rf "$1"/var/lib/apt/lists/*')
    lines.append("tr -d - </proc/sys/kernel/random/uuid >\"$1/etc/machine-id\"")
    lines.append(f"chroot \"$1\" systemctl --quiet disable {' '.join(LATER_UNITS)}")
    for unit in UNWANTED_UNITS:
        lines.append(f'ln -sf /dev/null "$1/etc/systemd/system/{unit}"')
    lines.append('mkdir -p "$1/etc/systemd/system/multi-user.target.wants" "$1/var/log/journal"')
    lines.append('ln -s ../check.service "$1/etc/systemd/system/multi-user.target.wants/"')
    lines.append(f'cp "$1"/boot/vmlinuz-* "{folder}/vmlinuz"')
    lines.append(f'cp "$1"/boot/initrd.img-* "{folder}/initrd"')
    lines.append(f'chmod 0644 "{folder}/vmlinuz" "{folder}/initrd"')
    # Without what is mounted in the root while it is set up. The machine lives for minutes: what a
    # crash would leave of the disk is of no interest.
    lines.append(f'mkdir "{folder}/view"')
    lines.append("unshare --mount sh -c 'mount --bind \"$1\" \"$2/view\" &&"
                 " mke2fs -q -t ext4 -O ^has_journal -d \"$2/view\" \"$2/disk\" \"$3\"'"
                 f' sh "$1" "{folder}" {SIZE}')
    lines.append(f'rmdir "{folder}/view"')
    return "\n".join(lines) + "\n"


def run_logged(command: list[str], log: pathlib.Path) -> None:
    with open(log, "wb") as output:
        # A cluster that is made meanwhile has the encoding of the locale.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT,
                                   env=os.environ | {"LC_ALL": "C.UTF-8"})
        try:
            status = process.wait(BUILD_LIMIT_S)
        except BaseException:
            process.terminate()
            process.wait(END_LIMIT_S)
            raise
    if status:
        raise Failure(f"{command[0]} ended with status {status}{tail(log)}")


def build(debian: str, package: pathlib.Path, target: pathlib.Path, logs: pathlib.Path) -> None:
    """Puts `disk`, `vmlinuz` and `initrd` into a folder. As root, or as any user for whom
    mmdebstrap's mode `unshare` works."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="systemd-image-") as name:
        folder = pathlib.Path(name)
        if os.geteuid() != 0:
            folder.chmod(0o777)  # in that mode it is other users who write there
        make_disk(debian, package, folder, logs)
        for part in ("vmlinuz", "initrd", "disk"):
            # Not moved: what those users have made is theirs. Holes stay holes.
            subprocess.run(["cp", "--sparse=always", folder / part, target / part], check=True)
    (target / "fingerprint").write_text(fingerprint(debian, package))


def make_disk(debian: str, package: pathlib.Path, folder: pathlib.Path, logs: pathlib.Path) -> None:
    scripts = {"setup": setup_script(), "finish": finish_script(folder)}
    for name, text in scripts.items():
        (folder / name).write_text(text)
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=null",
               "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/doc/*",
               "--dpkgopt=path-exclude=/usr/share/locale/*",
               "--dpkgopt=path-exclude=/usr/share/man/*",
               f"--include={','.join(packages_for(package))}",
               f'--setup-hook=sh "{folder}/setup" "$1"',
               f'--customize-hook=sh "{folder}/finish" "$1"', debian]
    run_logged(command, logs / "mmdebstrap.log")
