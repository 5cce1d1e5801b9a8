"""Everything outside of the machine, which is inside: names, an authority, an issuer of tokens, and
clients of another network.

The world is a network namespace. The machine has 203.0.113.1 there, a public address under which it
calls itself as well; the issuer has 203.0.113.9. Of the
database's two hosts the first one is away, and the second one is this machine under another address.
"""

import pathlib
import shutil

from support import CHECK_DIR, WORLD, run

HOME = pathlib.Path.home()
MACHINE_ADDRESS = "203.0.113.1"
HOSTS = """\
203.0.113.1 registry.example.com
203.0.113.9 sso.example.com
10.0.0.4 db1.example.com
10.0.0.5 db2.example.com
"""
NAMESPACE_UNIT = f"""\
[Unit]
Description=The world outside
Before=network.target postgresql.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address add 10.0.0.5/32 dev lo
ExecStart=ip netns add world
ExecStart=ip link add world type veth peer name outside netns world
ExecStart=ip address add {MACHINE_ADDRESS}/24 dev world
ExecStart=ip link set world up
ExecStart=ip -n world address add 203.0.113.9/24 dev outside
ExecStart=ip -n world link set lo up
ExecStart=ip -n world link set outside up

[Install]
WantedBy=multi-user.target
"""
ISSUER_UNIT = f"""\
[Unit]
Description=An issuer of tokens
Requires=world.service
After=world.service

[Service]
NetworkNamespacePath=/run/netns/world
ExecStart={CHECK_DIR}/inside/issuer {WORLD}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

DATABASE_SETTINGS = """\
listen_addresses = '127.0.0.1, 10.0.0.5'
ssl = on
ssl_cert_file = '/etc/postgresql/db.crt'
ssl_key_file = '/etc/postgresql/db.key'
"""


def issue_with(generation: str) -> None:
    """From now on the issuer signs with this key, and has no other."""
    link = WORLD / "next.json"
    link.unlink(missing_ok=True)
    link.symlink_to(f"{generation}.json")
    link.rename(WORLD / "current.json")


def arrange_database() -> None:
    """Lets the network in, as on a machine that is for the database."""
    folder = next(pathlib.Path("/etc/postgresql").glob("*/main"))
    for suffix in ("crt", "key"):
        shutil.copy(WORLD / f"db.{suffix}", f"/etc/postgresql/db.{suffix}")
        shutil.chown(f"/etc/postgresql/db.{suffix}", "postgres", "postgres")
    pathlib.Path("/etc/postgresql/db.key").chmod(0o600)
    (folder / "conf.d" / "network.conf").write_text(DATABASE_SETTINGS)
    with open(folder / "pg_hba.conf", "a", encoding="utf-8") as rules:
        rules.write("hostssl all all 10.0.0.0/8 scram-sha-256\n")
    run("systemctl", "restart", "postgresql")


def arrange() -> None:
    # What update-ca-certificates does in the end, without its many processes.
    with open("/etc/ssl/certs/ca-certificates.crt", "a", encoding="utf-8") as trusted:
        trusted.write((WORLD / "ca.crt").read_text())
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.write(HOSTS)
    issue_with("first")
    units = pathlib.Path("/etc/systemd/system")
    (units / "world.service").write_text(NAMESPACE_UNIT)
    (units / "issuer.service").write_text(ISSUER_UNIT)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", "world.service", "issuer.service")
    arrange_database()
    for path in (CHECK_DIR / "home").iterdir():
        shutil.copy(path, HOME)
