"""What systemd does with the functions, and what they say of it."""

import json
import pathlib
import re
import uuid

from support import (HOST, Caller, Failure, expect, is_active, new_tenant, operations, pid_of, run,
                     service, show, until)
from world import MACHINE_ADDRESS, issue_with

# What every line of a request has; the others only where there is something to say.
LOG_MEMBERS = {"time", "level", "function", "request_id", "method", "route", "status",
               "duration_us", "store_us"}
CALLS = 20
EXPOSURE_LIMIT = 2.0
SAMPLE = re.compile(r'^tenant_registry_requests_total\{function="(\w+)",status="(\d+)"\} (\d+)$',
                    re.MULTILINE)


def starts_with_the_first_request() -> None:
    caller = Caller()
    tenant = new_tenant(caller)
    run("systemctl", "stop", service("tenant_get"))
    expect(not is_active(service("tenant_get")), "tenant_get still runs")
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    expect(is_active(service("tenant_get")), "tenant_get was not started")


def set_idle_exit(operation: str, seconds: int) -> None:
    run("sh", "-c", f"echo IDLE_EXIT_S={seconds} >/etc/tenant-registry/functions/{operation}.env")
    run("systemctl", "restart", service(operation))


def leaves_when_idle() -> None:
    caller = Caller()
    tenant = new_tenant(caller)
    set_idle_exit("tenant_get", 2)
    try:
        caller.expect(200, "GET", f"/v1/tenants/{tenant}")
        until(lambda: not is_active(service("tenant_get")), "tenant_get leaves when it is idle")
        expect(show(service("tenant_get"), "Result") == "success", "it failed when it left")
        caller.expect(200, "GET", f"/v1/tenants/{tenant}")
        expect(is_active(service("tenant_get")), "tenant_get did not come back")
    finally:
        run("rm", "/etc/tenant-registry/functions/tenant_get.env")
        run("systemctl", "restart", service("tenant_get"))


def exposure(operation: str) -> float:
    text = run("systemd-analyze", "security", "--no-pager", service(operation))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", text)
    expect(found, f"no exposure in: {text[-200:]}")
    return float(found[1])


def is_locked_up() -> None:
    levels = {operation: exposure(operation) for operation in operations()}
    bad = {name: level for name, level in levels.items() if level >= EXPOSURE_LIMIT}
    expect(levels and not bad, f"exposure of {EXPOSURE_LIMIT} or more: {bad}")


def comes_back_after_a_kill() -> None:
    caller = Caller()
    tenant = new_tenant(caller)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    before = pid_of("tenant_get")
    run("kill", "-9", before)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    after = until(lambda: pid_of("tenant_get"), "tenant_get runs again")
    expect(before != after, "it is the same process")
    restarts = int(show(service("tenant_get"), "NRestarts"))
    expect(restarts > 0, "systemd did not restart it")


def log_lines(request_id: str) -> list[dict]:
    run("journalctl", "--sync")
    text = run("journalctl", "--no-pager", "--output=cat", "--unit=tenant-registry@*",
               f"--grep={request_id}", "--since=-1h", may_fail=True)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def logs_each_request_once() -> None:
    caller = Caller()
    mark = uuid.uuid4().hex[:12]
    tenant = new_tenant(caller)
    calls = [("GET", f"/v1/tenants/{tenant}", None, 200), ("GET", "/v1/catalog", None, 200),
             ("GET", f"/v1/tenants/{uuid.uuid4()}", None, 404), ("GET", "/healthz", None, 200),
             ("POST", "/v1/tenants", {"slug": f"l{mark}", "name": "Log"}, 201),
             ("POST", "/v1/audit", {"action": "check.log", "tenant_id": tenant}, 201)]
    for number, (method, path, body, status) in enumerate(calls):
        caller.expect(status, method, path, body, f"{mark}-{number}")
    lines = log_lines(mark)
    for number, (method, path, _, status) in enumerate(calls):
        found = [line for line in lines if line["request_id"] == f"{mark}-{number}"]
        expect(len(found) == 1, f"{method} {path} has {len(found)} lines: {found}")
        lacks = LOG_MEMBERS - set(found[0])
        expect(not lacks and found[0]["status"] == status, f"lacks {lacks}: {found[0]}")
    expect(len(lines) == len(calls), f"{len(lines)} lines for {len(calls)} calls")
    creation = next(line for line in lines if line["request_id"] == f"{mark}-4")
    expect(creation.get("principal") == "service-account-registry-operator", f"of whom? {creation}")


def counts() -> dict[str, int]:
    """The requests of each function so far."""
    caller = Caller()
    text = caller.expect(200, "GET", "/metrics")
    totals: dict[str, int] = {}
    for function, _, value in SAMPLE.findall(text):
        totals[function] = totals.get(function, 0) + int(value)
    return totals


def counts_each_request_once() -> None:
    """Over an end of the process because it was idle, and a kill."""
    caller = Caller()
    tenant = new_tenant(caller)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    before = counts()["tenant_get"]
    for number in range(3 * CALLS):
        if number == CALLS:
            run("systemctl", "stop", service("tenant_get"))
        if number == 2 * CALLS:
            run("kill", "-9", pid_of("tenant_get"))
        caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    after = counts()["tenant_get"]
    expect(after - before == 3 * CALLS, f"{after - before} counted, {3 * CALLS} made")


def starts_of(function: str) -> int:
    text = Caller().expect(200, "GET", "/metrics")
    found = re.search(rf'^tenant_registry_process_starts_total{{function="{function}"}} (\d+)$', text,
                      re.MULTILINE)
    return int(found[1]) if found else 0


def says_which_setting_is_wrong() -> None:
    unit = service("catalog_list")
    settings = pathlib.Path("/etc/tenant-registry/functions/catalog_list.env")
    before = starts_of("catalog_list")
    settings.write_text("WORKERS=many\n")
    try:
        run("systemctl", "restart", unit, may_fail=True)
        until(lambda: show(unit, "ExecMainStatus") == "78", "it ends with status 78")
        until(lambda: starts_of("catalog_list") > before + 1, "its starts are counted")
        lines = run("journalctl", "--no-pager", "--output=cat", "--lines=20", f"--unit={unit}")
        expect("catalog_list: WORKERS: " in lines, f"does not name the setting: {lines}")
    finally:
        settings.unlink()
        run("systemctl", "restart", unit)
    Caller().expect(200, "GET", "/v1/catalog")


def answers_over_tcp_to_whom_it_may() -> None:
    """What the guide has set up for tenant_get: nobody but the nginx of another machine is let in."""
    question = ("env", "-i", "REQUEST_METHOD=OPTIONS", "REQUEST_URI=*", "timeout", "10",
                "/usr/bin/cgi-fcgi", "-bind", "-connect", "10.0.0.5:9001")
    answer = run(*question, may_fail=True)
    expect('"status":"ready"' not in answer, "anybody may call it")
    folder = pathlib.Path("/etc/systemd/system/registry-tcp-tenant_get.socket.d")
    folder.mkdir()
    (folder / "here.conf").write_text("[Socket]\nIPAddressAllow=10.0.0.5\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "registry-tcp-tenant_get.socket")
    answer = run(*question)
    expect('"status":"ready"' in answer, f"who may call it gets {answer}")


def hides_metrics_from_the_world() -> None:
    world = ("ip", "netns", "exec", "world", "curl", "--silent", "--output", "/dev/null",
             "--write-out", "%{http_code}", "--resolve", f"{HOST}:443:{MACHINE_ADDRESS}")
    status = run(*world, f"https://{HOST}/metrics")
    expect(status == "403", f"/metrics from outside: {status}")
    status = run(*world, f"https://{HOST}/healthz")
    expect(status == "200", f"/healthz from outside: {status}")


def takes_new_keys_of_the_issuer() -> None:
    old = Caller()
    issue_with("second")
    new = Caller()
    until(lambda: new.call("GET", "/v1/catalog")[0] == 200, "tokens of the new key are taken")
    until(lambda: old.call("GET", "/v1/catalog")[0] == 401, "tokens of the former key are not")


def nothing_was_refused_by_the_sandbox() -> None:
    killed = run("journalctl", "--no-pager", "--output=cat", "--grep=type=1326|status=31/SYS",
                 may_fail=True)
    lines = [line for line in killed.splitlines() if line and not line.startswith("-- ")]
    if lines:
        raise Failure("\n".join(lines[:10]))


STEPS = (
    ("a function starts with its first request", starts_with_the_first_request),
    ("a function leaves when it is idle, and comes back", leaves_when_idle),
    ("the exposure of every function is below 2.0", is_locked_up),
    ("a killed function comes back, and no request is lost", comes_back_after_a_kill),
    ("the journal has one line for each request", logs_each_request_once),
    ("the metrics count each request once, over an end and a kill", counts_each_request_once),
    ("a bad setting is named, and its starts are counted", says_which_setting_is_wrong),
    ("a function on TCP lets in whom it should", answers_over_tcp_to_whom_it_may),
    ("the metrics are not for the world", hides_metrics_from_the_world),
    ("new keys of the issuer are taken, and former ones forgotten", takes_new_keys_of_the_issuer),
    ("the sandbox kills nothing", nothing_was_refused_by_the_sandbox),
)
