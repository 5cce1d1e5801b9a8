"""What the machine takes along: the package, the guide, and the world outside of it."""

import base64
import collections.abc
import contextlib
import json
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import time

import guide
from machine import Failure

FUNCTIONS = "usr/lib/tenant-registry/functions"
ISSUER = "https://sso.example.com/realms/platform"
AUDIENCE = "tenant-registry"
# Who may ask the issuer for a token, and the roles that it then has.
CLIENTS = {"registry-operator": ["registry-admin"], "certifai": ["registry-service"]}
TOKEN_LIFE_S = 86400
# What the next version has changed. To roll out all functions takes its time.
CHANGED_FUNCTIONS = ("tenant_get", "tenant_create", "metrics_get")
# The private part of an Ed25519 key is at the end of its DER form, and so is the public one.
ED25519_BYTES = 32

# A release that neither serves nor ends.
HANGS = "#include <unistd.h>\nint main() { for (;;) pause(); }\n"


def run(*command: object, data: bytes | None = None) -> bytes:
    ran = subprocess.run([str(part) for part in command], input=data, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    if ran.returncode:
        raise Failure(f"{command[0]} ended with status {ran.returncode}: {ran.stderr.decode()}")
    return ran.stdout


# Certificates


def make_authority(folder: pathlib.Path) -> None:
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=Example Authority", "-keyout", folder / "ca.key",
        "-out", folder / "ca.crt")


def make_certificate(folder: pathlib.Path, host: str, stem: pathlib.Path) -> None:
    """Writes `stem`.crt and `stem`.key, as an authority hands them over."""
    request = run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-nodes", "-subj", f"/CN={host}", "-keyout", f"{stem}.key")
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{host}\n")
    pathlib.Path(f"{stem}.crt").write_bytes(
        run("openssl", "x509", "-req", "-days", "2", "-CA", folder / "ca.crt",
            "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", extensions, data=request))


# The issuer


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class SigningKey:
    def __init__(self, folder: pathlib.Path, kid: str) -> None:
        self.kid = kid
        self.path = folder / f"{kid}.key"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path)

    def jwk(self) -> dict:
        der = run("openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER")
        return {"kid": self.kid, "use": "sig", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519",
                "x": base64url(der[-ED25519_BYTES:])}

    def token(self, claims: dict) -> str:
        header = {"alg": "EdDSA", "typ": "JWT", "kid": self.kid}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        with tempfile.NamedTemporaryFile() as message:
            message.write(text.encode())
            message.flush()
            signature = run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                            "-in", message.name)
        return f"{text}.{base64url(signature)}"


def claims_of(client: str) -> dict:
    now = int(time.time())
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": f"service-account-{client}", "azp": client,
            "iat": now, "exp": now + TOKEN_LIFE_S, "typ": "Bearer",
            "realm_access": {"roles": CLIENTS[client]}}


def make_issuer(folder: pathlib.Path) -> None:
    """What the issuer answers, once with its first key and once after a rotation."""
    for generation in ("first", "second"):
        key = SigningKey(folder, generation)
        answers = {
            "/realms/platform/.well-known/openid-configuration":
                {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/protocol/openid-connect/certs"},
            "/realms/platform/protocol/openid-connect/certs": {"keys": [key.jwk()]},
        }
        tokens = {client: key.token(claims_of(client)) for client in CLIENTS}
        (folder / f"{generation}.json").write_text(
            json.dumps({"answers": answers, "tokens": tokens}))


# Packages


@contextlib.contextmanager
def unpacked(package: pathlib.Path) -> collections.abc.Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name) / "root"
        run("dpkg-deb", "--raw-extract", package, root)
        yield root


def make_next_package(package: pathlib.Path, target: pathlib.Path) -> None:
    """The same package as a later version, to upgrade to."""
    with unpacked(package) as root:
        control = root / "DEBIAN" / "control"
        lines = [f"{line}+next" if line.startswith("Version:") else line
                 for line in control.read_text().splitlines()]
        control.write_text("\n".join(lines) + "\n")
        for name in CHANGED_FUNCTIONS:
            change(root / FUNCTIONS / name)
        run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", root, target)


def take_function(package: pathlib.Path, name: str, target: pathlib.Path) -> None:
    with unpacked(package) as root:
        shutil.copy(root / FUNCTIONS / name, target)
    change(target)


def change(program: pathlib.Path) -> None:
    """Makes another program of it that does the same: what is behind its end is not loaded."""
    with open(program, "ab") as file:
        file.write(b"\0")


def fill(source: pathlib.Path, package: pathlib.Path, folder: pathlib.Path) -> None:
    shutil.copytree(source / "tests/systemd/inside", folder / "inside")
    world, home, releases = (folder / name for name in ("world", "home", "releases"))
    for made in (world, home, releases):
        made.mkdir()
    make_authority(world)
    make_certificate(world, "sso.example.com", world / "sso")
    make_certificate(world, "db2.example.com", world / "db")
    make_issuer(world)
    # What lies in the operator's folder when the guide begins.
    make_certificate(world, "registry.example.com", home / "registry.example.com")
    make_certificate(world, "registry.example.com", home / "renewed")
    shutil.copy(package, home / "tenant-registry.deb")
    make_next_package(package, home / "tenant-registry-next.deb")
    take_function(package, "tenant_get", home / "tenant_get")
    run("g++", "-x", "c++", "-static", "-o", releases / "hangs", "-", data=HANGS.encode())
    (folder / "guide.sh").write_text(guide.script_of(source / guide.PATH))


def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def pack(source: pathlib.Path, package: pathlib.Path, target: pathlib.Path) -> None:
    """Writes the tar file that the machine gets as its second disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        fill(source, package, folder)
        with tarfile.open(target, "w") as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name, filter=as_root)
