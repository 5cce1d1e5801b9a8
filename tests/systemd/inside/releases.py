"""Rollouts under systemd: no request fails, and what is broken never gets one."""

import collections.abc
import json
import pathlib
import subprocess

import checks
from load import under_load
from support import CHECK_DIR, Caller, Failure, expect, new_tenant, run

FUNCTIONS = pathlib.Path("/usr/lib/tenant-registry/functions")
HANGS = CHECK_DIR / "releases" / "hangs"
ROLLOUT_LIMIT_S = 240


def rollout(*words: object, fails: bool = False) -> str:
    command = ["tenant-registry-rollout", *(str(word) for word in words)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=ROLLOUT_LIMIT_S)
    if (ran.returncode != 0) != fails:
        raise Failure(f"{' '.join(command)}: status {ran.returncode}: {ran.stdout.strip()}")
    return ran.stdout


def version_of(function: str) -> str:
    rows = json.loads(rollout("status", "--json"))
    return next(row["version"] for row in rows if row["function"] == function)


def deploys_without_a_failed_request(function: str) -> None:
    before = version_of(function)
    with under_load():
        rollout("deploy", function, FUNCTIONS / function, "--version", "check")
        expect(version_of(function) == "check", f"{function} does not run the new release")
        rollout("undo", function)
        expect(version_of(function) == before, f"{function} does not run {before} again")


def refuses(function: str, file: object, version: str) -> None:
    """The release is taken back, said to be, and no request noticed."""
    before = version_of(function)
    with under_load():
        output = rollout("deploy", function, file, "--version", version, fails=True)
    expect(version in output, f"does not name {version}: {output}")
    expect(version_of(function) == before, f"{version} was left running")
    history = rollout("history", function)
    expect(version in history, f"the history does not know {version}: {history}")


def refuses_what_ends_at_once() -> None:
    refuses("tenant_get", "/bin/false", "ends")


def refuses_what_cannot_be_executed() -> None:
    script = pathlib.Path("/tmp/script")
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    refuses("tenant_create", script, "script")


def refuses_what_hangs() -> None:
    refuses("tenant_get", HANGS, "hangs")


def refuses_another_operation() -> None:
    refuses("tenant_get", FUNCTIONS / "tenant_cancel", "other")


def schema_version() -> int:
    return int(run("su", "-", "postgres", "-c",
                   "psql -d registry -Atc 'SELECT version FROM schema_migrations'"))


def set_schema_version(version: int) -> None:
    run("su", "-", "postgres", "-c",
        f"psql -qd registry -c 'UPDATE schema_migrations SET version = {version}'")


def refuses_what_needs_a_newer_schema() -> None:
    version = schema_version()
    set_schema_version(version - 1)
    try:
        refuses("tenant_get", FUNCTIONS / "tenant_get", "newer")
    finally:
        set_schema_version(version)
    Caller().expect(200, "GET", "/readyz")


def leaves_the_database_of_a_later_release() -> None:
    """As after that release was taken back, or on a machine that has not got it yet."""
    version = schema_version()
    set_schema_version(9999)
    try:
        run("systemctl", "restart", "tenant-registry-migrate.service")
        Caller().expect(200, "GET", "/readyz")
    finally:
        set_schema_version(version)
        run("systemctl", "restart", "tenant-registry-migrate.service")


def serves_afterwards() -> None:
    caller = Caller()
    tenant = new_tenant(caller)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    expect(checks.counts()["tenant_get"] > 0, "nothing is counted any more")


STEPS: collections.abc.Sequence = (
    ("a deploy and undo of a reading function fail no request",
     lambda: deploys_without_a_failed_request("tenant_get")),
    ("a deploy and undo of a writing function fail no request",
     lambda: deploys_without_a_failed_request("tenant_create")),
    ("a release that ends at once is refused", refuses_what_ends_at_once),
    ("a release that cannot be executed is refused", refuses_what_cannot_be_executed),
    ("a release that hangs is refused", refuses_what_hangs),
    ("a release of another function is refused", refuses_another_operation),
    ("a release that needs a newer schema is refused", refuses_what_needs_a_newer_schema),
    ("the database of a later release is left as it is", leaves_the_database_of_a_later_release),
    ("all is well after that", serves_afterwards),
)
