"""What the checks in the machine share."""

import collections.abc
import http.client
import json
import pathlib
import ssl
import subprocess
import threading
import time
import uuid

CHECK_DIR = pathlib.Path("/srv/check")
WORLD = CHECK_DIR / "world"
HOST = "registry.example.com"
OPERATIONS = pathlib.Path("/usr/lib/tenant-registry/operations")

COMMAND_LIMIT_S = 300
ANSWER_LIMIT_S = 60
# For something to become true; the machine may be very slow.
WAIT_LIMIT_S = 90
POLL_S = 0.2


class Failure(Exception):
    """A step did not do what it should; the text says what."""


def expect(condition: object, text: str) -> None:
    if not condition:
        raise Failure(text)


def run(*command: object, may_fail: bool = False, limit_s: int = COMMAND_LIMIT_S) -> str:
    """What a command printed. Fails when it does, unless it may."""
    words = [str(word) for word in command]
    ran = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit_s)
    if ran.returncode and not may_fail:
        raise Failure(f"{' '.join(words)}: status {ran.returncode}: {ran.stdout.strip()}")
    return ran.stdout


def until(condition: collections.abc.Callable[[], object], what: str,
          limit_s: float = WAIT_LIMIT_S):
    """Waits until the condition gives something true, and returns that."""
    deadline = time.monotonic() + limit_s
    pause = threading.Event()
    while not (found := condition()):
        expect(time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}")
        pause.wait(POLL_S)
    return found


# The units


def operations() -> list[str]:
    return OPERATIONS.read_text().split()


def service(operation: str) -> str:
    return f"tenant-registry@{operation}.service"


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", f"--property={name}", unit).strip()


def is_active(unit: str) -> bool:
    return show(unit, "ActiveState") == "active"


def pid_of(operation: str) -> int:
    return int(show(service(operation), "MainPID"))


# The service, as its callers see it


def token(client: str = "registry-operator") -> str:
    return json.loads((WORLD / "current.json").read_text())["tokens"][client]


class Caller:
    """Calls through nginx, on a connection that is kept. For one thread."""

    def __init__(self, client: str = "registry-operator") -> None:
        self.headers = {"Authorization": f"Bearer {token(client)}"}
        context = ssl.create_default_context(cafile=WORLD / "ca.crt")
        self.connection = http.client.HTTPSConnection(HOST, context=context,
                                                      timeout=ANSWER_LIMIT_S)

    def call(self, method: str, path: str, body: object = None,
             request_id: str = "") -> tuple[int, str]:
        """Status and body of the answer."""
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if request_id:
            headers["X-Request-Id"] = request_id
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                headers)
        answer = self.connection.getresponse()
        text = answer.read().decode(errors="replace")
        return answer.status, text

    def expect(self, status: int, method: str, path: str, body: object = None,
               request_id: str = "") -> str:
        """The body of an answer that has this status."""
        found, text = self.call(method, path, body, request_id)
        expect(found == status, f"{method} {path}: {found}, not {status}: {text.strip()}")
        return text

    def close(self) -> None:
        self.connection.close()


def new_tenant(caller: Caller) -> str:
    slug = f"t{uuid.uuid4().hex[:12]}"
    answer = caller.expect(201, "POST", "/v1/tenants", {"slug": slug, "name": "Example Inc."})
    return json.loads(answer)["id"]
