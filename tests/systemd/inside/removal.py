"""The package is taken away, put back, and taken away for good."""

import pathlib

from support import Caller, expect, is_active, run, until
from world import HOME

SITE = pathlib.Path("/etc/nginx/sites-enabled/tenant-registry")
SETTINGS = pathlib.Path("/etc/tenant-registry/env")
STATE = pathlib.Path("/var/lib/tenant-registry")


def nginx_starts_again() -> None:
    """For the other sites of the machine."""
    run("nginx", "-t")
    run("systemctl", "restart", "nginx.service")
    expect(is_active("nginx.service"), "nginx does not run")


def goes_and_comes_back() -> None:
    run("apt-get", "remove", "-y", "tenant-registry")
    expect(not SITE.is_symlink() and SETTINGS.exists(), "the site is left, or the settings are not")
    expect(not is_active("tenant-registry@tenant_get.socket"), "a socket is left open")
    nginx_starts_again()
    run("apt-get", "install", "-y", "-o", "Dpkg::Options::=--force-confold",
        HOME / "tenant-registry.deb")
    SITE.symlink_to("../sites-available/tenant-registry")
    run("systemctl", "enable", "--now", "tenant-registry.target")
    nginx_starts_again()
    caller = Caller()
    until(lambda: caller.call("GET", "/readyz")[0] == 200, "the service is ready again")


def leaves_nothing() -> None:
    run("apt-get", "purge", "-y", "tenant-registry")
    left = [str(path) for path in (SETTINGS.parent, STATE, SITE) if path.exists()]
    expect(not left, f"left: {left}")
    nginx_starts_again()


STEPS = (
    ("the package can be removed and installed again", goes_and_comes_back),
    ("a purge leaves nothing, and nginx starts", leaves_nothing),
)
