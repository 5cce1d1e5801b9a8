"""What the benchmarks share: a Postgres server with many tenants, nginx and functions of a build, and
wrk. What they start and write is gone when they end.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TEST_BUILD_DIR", SOURCE / "build")).resolve()
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

TENANTS = 100_000
UP_LIMIT_S = 30

SEED = f"""
INSERT INTO tenants (slug, name, status)
  SELECT 'bench-' || n, 'Bench ' || n, 'active' FROM generate_series(1, {TENANTS}) n;
INSERT INTO tenant_products (tenant_id, product)
  SELECT id, product FROM tenants, unnest(ARRAY['certifai', 'compliance']) product;
VACUUM ANALYZE tenants; VACUUM ANALYZE tenant_products;
"""

# The names of what wrk calls are its own.
LOOK_UPS = """
math.randomseed({seed})
request = function()
  return wrk.format("GET", "/v1/tenants/by-slug/bench-" .. math.random({tenants}))
end
"""
REPORT = """
done = function(summary, latency)
  print(string.format('{{"requests":%d,"seconds":%f,"refused":%d,"p99_ms":%f}}', summary.requests,
    summary.duration / 1e6, summary.errors.status, latency:percentile(99) / 1000))
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_server(command: list) -> list:
    """initdb and postgres refuse root."""
    return ["runuser", "-u", "nobody", "--", *command] if os.geteuid() == 0 else command


@contextlib.contextmanager
def running(command: list, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(UP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(what: str, condition) -> None:
    end = time.monotonic() + UP_LIMIT_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench: gave up on {what}")
        threading.Event().wait(0.05)


@contextlib.contextmanager
def database(folder: pathlib.Path, settings: tuple[str, ...] = (), migrate: tuple[str, ...] = ("up",),
             seed: str = SEED):
    """A server with the schema and the tenants; gives its URL. Its log is folder/server."""
    programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    data, port = folder / "data", free_port()
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
    subprocess.run(as_server([programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust",
                              "--locale=C.UTF-8", "--no-sync"]), check=True,
                   stdout=subprocess.DEVNULL, cwd="/")
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    server = as_server([programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-c",
                        f"unix_socket_directories={data}",
                        *(word for setting in settings for word in ("-c", setting))])
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(folder / "server", "wb"))
        stack.enter_context(running(server, stderr=log, cwd="/"))
        if os.geteuid() == 0:  # runuser passes SIGTERM on, for which the server waits for its clients
            stack.callback(subprocess.run, as_server([programs / "pg_ctl", "stop", "-D", data, "-m",
                                                      "fast"]), stdout=subprocess.DEVNULL, cwd="/")
        wait_until("Postgres", lambda: subprocess.run(
            ["psql", url, "-qc", "SELECT 1"], capture_output=True, check=False).returncode == 0)
        migrate_to(url, *migrate)
        run_sql(url, seed)
        yield url


def migrate_to(url: str, *command: str) -> None:
    subprocess.run([BUILD / "migrations/migrate", *command], check=True,
                   env=os.environ | {"DATABASE_URL": url}, stderr=subprocess.DEVNULL)


def run_sql(url: str, script: str) -> list[list[str]]:
    """The rows of the last statement that has some, as texts."""
    output = subprocess.run(["psql", url, "-qAtX", "-F", "\t", "-v", "ON_ERROR_STOP=1"],
                            input=script, text=True, check=True, capture_output=True).stdout
    return [line.split("\t") for line in output.splitlines()]


class Service:
    """nginx and the functions of a build."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack, operations: tuple[str, ...],
                 environment: dict[str, str], build: pathlib.Path = BUILD) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.port = free_port()
        self.functions = {}
        for operation in operations:
            path = folder / f"{operation}.sock"
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                listener.listen(511)
                path.chmod(0o666)
                log = stack.enter_context(open(folder / f"{operation}.log", "wb"))
                self.functions[operation] = stack.enter_context(running(
                    [build / "functions" / operation], stdin=listener, stderr=log,
                    env=environment))
        command = [SOURCE / "deploy/routes.py", "nginx", "--listen", f"127.0.0.1:{self.port}",
                   "--sockets", folder, "--state", folder, "--docs", BUILD / "docs", "--access-log",
                   folder / "access", "--output", folder / "nginx.conf",
                   SOURCE / "openapi.yaml"]
        if os.geteuid() == 0:
            command += ["--user", "root"]
        subprocess.run(["/usr/bin/python3", "-B", *command], check=True)
        stack.enter_context(running([NGINX, "-c", folder / "nginx.conf", "-e", folder / "errors"]))
        wait_until("nginx", lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def load(self, script: pathlib.Path, seconds: int, connections: int = 8,
             headers: tuple[str, ...] = ()) -> dict:
        """What wrk counts."""
        more = [argument for line in headers for argument in ("-H", line)]
        output = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout",
                                 "10s", *more, "-s", script, f"http://127.0.0.1:{self.port}"],
                                capture_output=True, text=True, check=True).stdout
        counted = json.loads(output.splitlines()[-1])
        counted["rate"] = counted["requests"] / counted["seconds"]
        return counted

    def memory_mib(self, operation: str, name: str) -> float:
        status = pathlib.Path(f"/proc/{self.functions[operation].pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(name + ":"))
        return int(line.split()[1]) / 1024


def script(folder: pathlib.Path, name: str, text: str, **values) -> pathlib.Path:
    path = folder / f"{name}.lua"
    path.write_text(text.format(seed=random.randrange(1 << 30), **values) + REPORT.format())
    return path


def show(name: str, value: str) -> None:
    print(f"{name:<62} {value}", flush=True)


def require_tools() -> None:
    missing = [tool for tool in ("wrk", "psql") if not shutil.which(tool)]
    if missing or not NGINX:
        sys.exit(f"bench: missing {' '.join(missing) or 'nginx'}; run deploy/packages bench")


@contextlib.contextmanager
def temporary_folder():
    """A folder that the user of the server can look into."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder
