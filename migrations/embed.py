#!/usr/bin/python3
"""Writes a C++ source about the migrations of a folder.

usage: embed.py migrations FOLDER OUTPUT DEPFILE
       embed.py version FOLDER OUTPUT DEPFILE
       embed.py grants FOLDER OUTPUT DEPFILE OPENAPI

`migrations` holds their texts and checksums (migrations/source.h), for migrate; `version` holds the
newest one's number, `registry::postgres::kNeededSchemaVersion`, for the functions; `grants` holds
what grants.yaml lets each operation of OPENAPI do (migrations/roles.h), for migrate. DEPFILE names
the folder and what was read, so that a new file is noticed without a list of files anywhere.
"""

import dataclasses
import hashlib
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

import embed_text
import grants

FILE_NAME = re.compile(r"([0-9]+)_(.*)\.(up|down)\.sql")

# As for --source: see source.cc. The functions keep the version as an int.
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_VERSION = 2**31 - 1


class BadFolder(Exception):
    pass


@dataclasses.dataclass
class Migration:
    version: int
    name: str
    files: dict[str, pathlib.Path] = dataclasses.field(default_factory=dict)  # by direction

    def text(self, direction: str) -> bytes | None:
        path = self.files.get(direction)
        return None if path is None else content_of(path)


def content_of(path: pathlib.Path) -> bytes:
    content = path.read_bytes()
    if len(content) > MAX_FILE_BYTES:
        raise BadFolder(f"{path.name}: larger than {MAX_FILE_BYTES} bytes")
    if b"\0" in content or content.startswith(b"\xef\xbb\xbf"):
        raise BadFolder(f"{path.name}: holds a zero byte or begins with a byte order mark")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFolder(f"{path.name}: {error}") from error
    return content


def migrations_in(folder: pathlib.Path) -> list[Migration]:
    found: dict[int, Migration] = {}
    for path in sorted(folder.iterdir()):
        if not (match := FILE_NAME.fullmatch(path.name)):
            continue
        version, name, direction = int(match[1]), match[2], match[3]
        if version > MAX_VERSION:
            raise BadFolder(f"{path.name}: the version is larger than {MAX_VERSION}")
        migration = found.setdefault(version, Migration(version, name))
        other = next(iter(migration.files.values()), path)
        if direction in migration.files or migration.name != name:
            raise BadFolder(f"{other.name} and {path.name} have the same version")
        migration.files[direction] = path
    if not found:
        raise BadFolder(f"{folder}: no migrations")
    return [found[version] for version in sorted(found)]


def text_constant(symbol: str, text: bytes) -> str:
    return f"constexpr char {symbol}[] =\n{embed_text.lines_of(text)};\n"


def file_value(symbol: str, path: pathlib.Path | None, text: bytes | None) -> str:
    if path is None or text is None:
        return "std::nullopt"
    name = embed_text.literal(path.name.encode())
    return f"EmbeddedFile{{.name = {name}, .text = std::string_view({symbol}, {len(text)})}}"


def migrations_source(migrations: list[Migration]) -> str:
    constants, entries = [], []
    for migration in migrations:
        up, down = (migration.text(direction) for direction in ("up", "down"))
        symbols = f"kUp{migration.version}", f"kDown{migration.version}"
        constants += [text_constant(symbol, text)
                      for symbol, text in zip(symbols, (up, down)) if text is not None]
        entries.append(
            f"    {{.version = {migration.version},\n"
            f"     .name = {embed_text.literal(migration.name.encode())},\n"
            f"     .up = {file_value(symbols[0], migration.files.get('up'), up)},\n"
            f"     .down = {file_value(symbols[1], migration.files.get('down'), down)},\n"
            f'     .checksum = "{hashlib.sha256(up or b"").hexdigest()}"}},\n')
    return f"""\
// Generated from the files in migrations/; changes belong there.
#include <optional>
#include <string_view>

#include "migrations/source.h"

namespace registry::migrate {{
namespace {{

{"".join(constants)}
constexpr EmbeddedMigration kMigrations[] = {{
{"".join(entries)}}};

}}  // namespace

constinit const std::span<const EmbeddedMigration> kEmbeddedMigrations(kMigrations);

}}  // namespace registry::migrate
"""


def version_source(migrations: list[Migration]) -> str:
    return f"""\
// Generated from the names of the files in migrations/.
#include "common/store/postgres/postgres_store.h"

namespace registry::postgres {{

constinit const int kNeededSchemaVersion = {migrations[-1].version};

}}  // namespace registry::postgres
"""


def grants_source(names: list[str], granted: list[grants.Grant]) -> str:
    functions = "".join(f"    {embed_text.literal(name.encode())},\n" for name in names)
    entries = "".join(
        f"    {{.function = {embed_text.literal(grant.operation.encode())},\n"
        f"     .rights = {embed_text.literal(grant.rights.encode())},\n"
        f"     .on = {embed_text.literal(grant.on.encode())}}},\n" for grant in granted)
    return f"""\
// Generated from migrations/grants.yaml and openapi.yaml; changes belong there.
#include <string_view>

#include "migrations/roles.h"

namespace registry::migrate {{
namespace {{

constexpr std::string_view kFunctionNames[] = {{
{functions}}};

constexpr EmbeddedGrant kGrantEntries[] = {{
{entries}}};

}}  // namespace

constinit const std::span<const std::string_view> kFunctions(kFunctionNames);
constinit const std::span<const EmbeddedGrant> kGrants(kGrantEntries);

}}  // namespace registry::migrate
"""


SOURCES = {"migrations": migrations_source, "version": version_source}


def write_if_new(path: pathlib.Path, text: str) -> None:
    """What did not change keeps its time, so that nothing is compiled again for it."""
    if not path.exists() or path.read_text(encoding="ascii") != text:
        path.write_text(text, encoding="ascii")


def depfile_path(path: pathlib.Path) -> str:
    return re.sub(r"([ #\\])", r"\\\1", str(path)).replace("$", "$$")


def text_of_grants(migrations: list[Migration], table: pathlib.Path, openapi: pathlib.Path) -> str:
    scripts = [(migration.text("up") or b"").decode() for migration in migrations]
    try:
        return grants_source(*grants.read(table, openapi, scripts))
    except grants.BadTable as error:
        raise BadFolder(f"{table.name}: {error}") from error


def main() -> int:
    has_openapi = sys.argv[1:2] == ["grants"]
    if len(sys.argv) != (6 if has_openapi else 5) or sys.argv[1] not in (*SOURCES, "grants"):
        print(__doc__, file=sys.stderr)
        return 64
    folder, output, depfile, *openapi = (pathlib.Path(argument) for argument in sys.argv[2:])
    read = [folder, *(pathlib.Path(module.__file__)
                      for module in (embed_text, grants, grants.operations))]
    try:
        migrations = migrations_in(folder)
        if has_openapi:
            read += [folder / "grants.yaml", *openapi]
            text = text_of_grants(migrations, folder / "grants.yaml", *openapi)
        else:
            text = SOURCES[sys.argv[1]](migrations)
    except BadFolder as error:
        print(f"embed.py: {error}", file=sys.stderr)
        return 1
    write_if_new(output, text)
    read += [path for migration in migrations for path in migration.files.values()]
    depfile.write_text(
        f"{depfile_path(output)}: {' '.join(map(depfile_path, read))}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
