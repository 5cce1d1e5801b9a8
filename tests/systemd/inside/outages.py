"""After a restart of the machine, and without the database."""

from support import Caller, expect, is_active, new_tenant, pid_of, run, service, until


def everything_is_back() -> None:
    until(lambda: is_active("tenant-registry.target"), "the target is active")
    caller = Caller()
    until(lambda: caller.call("GET", "/readyz")[0] == 200, "the service is ready")
    tenant = new_tenant(caller)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    for unit in ("tenant-registry-migrate.service", "tenant-registry-jwks-sync.service"):
        expect(is_active(unit), f"{unit} is not active")


def lives_without_its_database() -> None:
    caller = Caller()
    tenant = new_tenant(caller)
    caller.expect(200, "GET", f"/v1/tenants/{tenant}")
    before = pid_of("tenant_get")
    run("systemctl", "stop", "postgresql@*.service", "postgresql.service")
    try:
        caller.expect(503, "GET", f"/v1/tenants/{tenant}")
        caller.expect(503, "POST", "/v1/tenants", {"slug": "nowhere", "name": "Nowhere"})
        caller.expect(200, "GET", "/healthz")
        ready = caller.expect(503, "GET", "/readyz")
        expect("database" in ready, f"/readyz does not say that it is the database: {ready}")
    finally:
        run("systemctl", "start", "postgresql.service")
    until(lambda: caller.call("GET", f"/v1/tenants/{tenant}")[0] == 200, "it answers again")
    expect(is_active(service("tenant_get")) and pid_of("tenant_get") == before,
           "tenant_get did not stay up")


def nothing_has_failed() -> None:
    failed = run("systemctl", "--no-pager", "--no-legend", "--failed", "list-units").strip()
    expect(not failed, failed)


STEPS = (
    ("after a restart of the machine everything is back", everything_is_back),
    ("without its database it answers 503, and recovers", lives_without_its_database),
    ("no unit has failed", nothing_has_failed),
)
