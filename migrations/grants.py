"""grants.yaml, the one table of what each function may do in a database: read, and checked."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
from typing import Any

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "deploy"))

import operations

TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE")
SEQUENCE_RIGHTS = ("USAGE",)

# What the migrator makes itself, see version_tables.cc; nobody needs its history.
MIGRATOR_TABLES = {"schema_migrations": ["version", "dirty"]}
# Entries stay as they were written.
APPEND_ONLY = ("audit_log",)


class BadTable(Exception):
    """What is wrong with the table, in one line."""


# What the migrations make

# Comments, and what is quoted: nothing in them is a part of the statement around them.
OPAQUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
CREATE_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) ?\((.*)\)[^()]*", re.IGNORECASE)
ALTER_TABLE = re.compile(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+) (.*)", re.IGNORECASE)
DROP_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?([\w, ]+?)(?: CASCADE| RESTRICT)?",
                        re.IGNORECASE)
CREATE_SEQUENCE = re.compile(r"CREATE SEQUENCE (?:IF NOT EXISTS )?(\w+).*", re.IGNORECASE)
COLUMN = re.compile(r"(?!(?:CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN|EXCLUDE|LIKE)\b)(\w+) (.*)",
                    re.IGNORECASE)
ADD_COLUMN = re.compile(r"ADD (?:COLUMN )?(?:IF NOT EXISTS )?(.*)", re.IGNORECASE)
DROP_COLUMN = re.compile(r"DROP (?:COLUMN )?(?!CONSTRAINT\b)(?:IF EXISTS )?(\w+).*", re.IGNORECASE)
RENAME_COLUMN = re.compile(r"RENAME (?:COLUMN )?(?!CONSTRAINT\b)(\w+) TO (\w+)", re.IGNORECASE)


@dataclasses.dataclass
class Schema:
    """The tables, with their columns in order, and the sequences."""

    tables: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    sequences: set[str] = dataclasses.field(default_factory=set)

    def add_column(self, table: str, definition: str) -> None:
        if not (match := COLUMN.fullmatch(definition)):
            return
        self.tables[table].append(match[1])
        if "SERIAL" in match[2].split()[0].upper():
            self.sequences.add(f"{table}_{match[1]}_seq")

    def alter(self, table: str, action: str) -> None:
        columns = self.tables.get(table, [])
        if match := DROP_COLUMN.fullmatch(action):
            if match[1] in columns:
                columns.remove(match[1])
        elif match := RENAME_COLUMN.fullmatch(action):
            columns[:] = [match[2] if name == match[1] else name for name in columns]
        elif (match := ADD_COLUMN.fullmatch(action)) and table in self.tables:
            self.add_column(table, match[1])

    def apply(self, statement: str) -> None:
        """A statement of one line. What makes neither table, column nor sequence is nothing here;
        nor are ways to make them that no migration uses, so that the table may not name them."""
        if match := CREATE_TABLE.fullmatch(statement):
            self.tables[match[1]] = []
            for definition in split_outside_parentheses(match[2]):
                self.add_column(match[1], definition)
        elif match := ALTER_TABLE.fullmatch(statement):
            for action in split_outside_parentheses(match[2]):
                self.alter(match[1], action)
        elif match := DROP_TABLE.fullmatch(statement):
            for table in match[1].split(","):
                self.tables.pop(table.strip(), None)
        elif match := CREATE_SEQUENCE.fullmatch(statement):
            self.sequences.add(match[1])


def split_outside_parentheses(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def read_schema(scripts: list[str]) -> Schema:
    """What the up files, in their order, leave behind."""
    schema = Schema({table: list(columns) for table, columns in MIGRATOR_TABLES.items()})
    for script in scripts:
        for statement in OPAQUE.sub(" ''", script).split(";"):
            schema.apply(" ".join(statement.replace("''", " ").split()))
    return schema


# What the table grants

@dataclasses.dataclass(frozen=True)
class Grant:
    """What one function may do with one table or sequence, in the words of GRANT."""

    operation: str
    rights: str
    on: str


Rights = dict[str, dict[str, set[str]]]  # columns, by object and right; of a sequence none


class Reader:
    """Checks the table while it reads it."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.parts: dict[str, Rights] = {}

    def read_part(self, name: str, node: Any) -> None:
        self.parts[name] = self.rights_in(f"part {name}", node)

    def read_operation(self, name: str, node: Any) -> Rights:
        if not isinstance(node, list):
            raise BadTable(f"{name}: is no list of parts and rights")
        sum_of_rights: Rights = {}
        for item in node:
            if isinstance(item, str) and item not in self.parts:
                raise BadTable(f"{name}: there is no part {item}")
            rights = self.parts[item] if isinstance(item, str) else self.rights_in(name, item)
            for on, columns_by_right in rights.items():
                for right, columns in columns_by_right.items():
                    sum_of_rights.setdefault(on, {}).setdefault(right, set()).update(columns)
        return sum_of_rights

    def rights_in(self, place: str, node: Any) -> Rights:
        if not isinstance(node, dict) or not node:
            raise BadTable(f"{place}: {node!r} is no rights by table")
        return {str(on): self.rights_on(f"{place}: {on}", str(on), rights)
                for on, rights in node.items()}

    def rights_on(self, place: str, on: str, node: Any) -> dict[str, set[str]]:
        if on in self.schema.sequences:
            if not isinstance(node, list) or not node:
                raise BadTable(f"{place}: {node!r} is no list of rights to a sequence")
            return {self.known_right(place, right, SEQUENCE_RIGHTS): set() for right in node}
        if on not in self.schema.tables:
            raise BadTable(f"{place}: no migration makes such a table or sequence")
        if not isinstance(node, dict) or not node:
            raise BadTable(f"{place}: {node!r} is no columns by right")
        rights = {self.known_right(place, right, TABLE_RIGHTS):
                  self.known_columns(f"{place}: {right}", on, columns)
                  for right, columns in node.items()}
        if "UPDATE" in rights and on in APPEND_ONLY:
            raise BadTable(f"{place}: is append-only")
        return rights

    @staticmethod
    def known_right(place: str, right: Any, known: tuple[str, ...]) -> str:
        if right not in known:
            raise BadTable(f"{place}: {right!r} is none of {', '.join(known)}")
        return right

    def known_columns(self, place: str, table: str, columns: Any) -> set[str]:
        if not isinstance(columns, list) or not columns:
            raise BadTable(f"{place}: {columns!r} is no list of columns")
        for column in columns:
            if column not in self.schema.tables[table]:
                raise BadTable(f"{place}: no migration makes the column {column!r}")
        if len(set(columns)) < len(columns):
            raise BadTable(f"{place}: names a column twice")
        return set(columns)


def grants_of(operation: str, rights: Rights, schema: Schema) -> list[Grant]:
    """In the order of the schema, which does not change when the table is written otherwise."""
    grants = []
    for table, columns in schema.tables.items():
        parts = [f"{right} ({', '.join(name for name in columns if name in chosen)})"
                 for right in TABLE_RIGHTS if (chosen := rights.get(table, {}).get(right))]
        if parts:
            grants.append(Grant(operation, ", ".join(parts), f"TABLE {table}"))
    for sequence in sorted(schema.sequences & rights.keys()):
        grants.append(Grant(operation, ", ".join(rights[sequence]), f"SEQUENCE {sequence}"))
    return grants


def read(path: pathlib.Path, openapi: pathlib.Path,
         scripts: list[str]) -> tuple[list[str], list[Grant]]:
    """All operations, and what each may do, in the order of openapi.yaml; `scripts` are the up
    files of the migrations in their order."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), operations.UniqueKeyLoader)
        names = [operation.id for operation in operations.read_operations(openapi)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, operations.RenderError) as error:
        raise BadTable(" ".join(str(error).split())) from error
    if not isinstance(document, dict) or document.keys() != {"parts", "operations"} or not all(
            isinstance(node, dict) for node in document.values()):
        raise BadTable("has not just the members parts and operations, with names in each")
    granted = document["operations"]
    for name in names:
        if name not in granted:
            raise BadTable(f"lacks the operation {name}: list what it may do, [] for nothing")
    for name in granted:
        if name not in names:
            raise BadTable(f"names {name}, which is no operation of {openapi.name}")
    schema = read_schema(scripts)
    reader = Reader(schema)
    for name, node in document["parts"].items():
        reader.read_part(name, node)
    used = {item for node in granted.values() if isinstance(node, list)
            for item in node if isinstance(item, str)}
    for name in reader.parts:
        if name not in used:
            raise BadTable(f"part {name}: no operation has it")
    return names, [grant for name in names
                   for grant in grants_of(name, reader.read_operation(name, granted[name]), schema)]
