"""Callers that never stop, and note what fails."""

import contextlib
import http.client
import threading
import time
import uuid

from support import Caller, expect, new_tenant

FAILURES_SHOWN = 5
# Between the calls of a caller, so that what is tested gets its share of a slow machine.
PAUSE_S = 0.2


class Load:
    """Reads and writes through several functions at once, on kept connections."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.failures: list[str] = []
        self.calls = 0
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        tenant = new_tenant(Caller())
        loops = (
            lambda: ("GET", f"/v1/tenants/{tenant}", None, 200),
            lambda: ("POST", "/v1/tenants", {"slug": f"r{uuid.uuid4().hex[:14]}", "name": "R"}, 201),
            lambda: ("POST", "/v1/audit", {"action": "check.load", "tenant_id": tenant}, 201),
            lambda: ("GET", "/v1/catalog", None, 200),
        )
        for make_call in loops:
            thread = threading.Thread(target=self.run, args=(make_call,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def run(self, make_call) -> None:
        caller = Caller()
        while not self.stop.wait(PAUSE_S):
            method, path, body, status = make_call()
            start = time.monotonic()
            try:
                found, text = caller.call(method, path, body)
                problem = "" if found == status else f"{found}, not {status}: {text.strip()[:300]}"
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
                caller = Caller()
            with self.lock:
                self.calls += 1
                if problem:
                    seconds = time.monotonic() - start
                    self.failures.append(f"{method} {path} after {seconds:.1f} s: {problem}")


@contextlib.contextmanager
def under_load():
    """Fails when a single call did, or when there were none."""
    load = Load()
    load.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in load.threads:
            thread.join()
    shown = "\n    ".join(load.failures[:FAILURES_SHOWN])
    expect(not load.failures, f"{len(load.failures)} of {load.calls} calls failed:\n    {shown}")
    expect(load.calls >= len(load.threads), "there was no load")
