"""openapi.yaml as something to hold exchanges against: operations, their requests and answers.

Schemas are JSON Schema 2020-12, as OpenAPI 3.1 has it, and are compiled once. References are
replaced by what they refer to, since the versions of python3-jsonschema disagree about resolvers.
"""

import collections.abc
import dataclasses
import datetime
import functools
import json
import re
import socket
import urllib.parse

import jsonschema
import yaml

METHODS = ("get", "post", "put", "patch", "delete")
DEFAULT_BODY_LIMIT_BYTES = 65536
SHOWN_ERRORS = 3
SHOWN_CHARACTERS = 200

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


class ContractError(Exception):
    """What is wrong with the document itself."""


# Formats


def is_date(text: str) -> bool:
    try:
        return bool(DATE.fullmatch(text) and datetime.date.fromisoformat(text))
    except ValueError:
        return False


def is_date_time(text: str) -> bool:
    match = DATE_TIME.fullmatch(text)
    if not match:
        return False
    try:
        offset = "+00:00" if match[3] in "Zz" else match[3]
        return bool(datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}{offset}"))
    except ValueError:
        return False


def is_address(family: socket.AddressFamily, text: str) -> bool:
    try:
        return bool(socket.inet_pton(family, text))
    except (OSError, ValueError):
        return False


FORMATS = {
    "uuid": lambda text: bool(UUID.fullmatch(text)),
    "date": is_date,
    "date-time": is_date_time,
    "ipv4": functools.partial(is_address, socket.AF_INET),
    "ipv6": functools.partial(is_address, socket.AF_INET6),
    # Told apart by its bounds, which stand beside it.
    "int64": lambda _: True,
    # Any text without white space that our own paths could be.
    "uri-reference": lambda text: bool(re.fullmatch(r"[!-~]+", text)),
}


def format_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name)(
            lambda value, check=check: not isinstance(value, str) or check(value))
    return checker


# Values


class Refused(Exception):
    """Bytes that are no JSON as this service understands it."""


def strict_json(data: bytes):
    """The value of a JSON text: UTF-8, no member twice, no U+0000 or lone surrogate."""

    def unique(pairs: list) -> dict:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Refused("a member twice")
        return members

    def refuse(constant: str):
        raise Refused(f"{constant} is no JSON")

    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    if "\\u" in text:
        for string in strings(value):
            if re.search("[\0\ud800-\udfff]", string):
                raise Refused("U+0000 or a lone surrogate")
    return value


def strings(value) -> collections.abc.Iterator[str]:
    """All texts in a JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from strings(member)
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)


class Schema:
    """A compiled schema."""

    def __init__(self, schema: dict) -> None:
        jsonschema.Draft202012Validator.check_schema(schema)
        self._schema = schema
        self._validator = jsonschema.Draft202012Validator(schema, format_checker=format_checker())

    def problems(self, value) -> list[str]:
        if self._validator.is_valid(value):
            return []
        return [f"{error.json_path}: {error.message[:SHOWN_CHARACTERS]}"
                for error, _ in zip(self._validator.iter_errors(value), range(SHOWN_ERRORS))]

    def problems_of_text(self, text: str) -> list[str]:
        """The same for a parameter or header, whose type the schema tells."""
        kind = self._schema.get("type")
        value: object = text
        if kind == "integer" and re.fullmatch(r"-?\d+", text):
            value = int(text)
        elif kind == "boolean" and text in ("true", "false"):
            value = text == "true"
        return self.problems(value)


# The document


@dataclasses.dataclass(frozen=True)
class Answer:
    """One documented status of an operation."""

    contents: dict[str, Schema]
    headers: dict[str, tuple[bool, Schema]]  # by lower-case name: whether required, and of what
    codes: frozenset[str]  # of problems, as far as the examples show them


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    segments: tuple[str, ...]
    query: dict[str, tuple[bool, Schema]]  # by name: whether required, and of what
    body: Schema | None
    is_body_required: bool
    takes_any_type: bool
    body_limit_bytes: int
    answers: dict[int, Answer]
    prefix: str = ""  # a segment that paths may have in front

    def methods(self) -> tuple[str, ...]:
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    def matches(self, segments: list[str]) -> bool:
        if self.prefix and segments[0] == self.prefix:
            segments = segments[1:]
        return len(segments) == len(self.segments) and all(
            actual and (expected.startswith("{") or actual == expected)
            for expected, actual in zip(self.segments, segments))


def read(path: str) -> dict:
    """The document as it stands."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, yaml.SafeLoader)


class Contract:
    """The document, compiled. `bad_examples` has a line for each example that is not valid, and for
    each media type without one."""

    def __init__(self, document: dict) -> None:
        self._document = document
        self._inlined: dict[str, object] = {}
        self._schemas: dict[str, Schema] = {}
        self.bad_examples: list[str] = []
        self.operations = [
            self._operation(route, method, item[method])
            for route, item in document["paths"].items() for method in METHODS if method in item]
        # The leftmost literal wins.
        self.operations.sort(key=lambda operation: [s.startswith("{") for s in operation.segments])
        self.common = {name: self._answer(name, node)
                       for name, node in document["components"]["responses"].items()}

    def find(self, path: str) -> list[Operation]:
        """The operations of a path, of which at most one has a request's method."""
        if not path.startswith("/"):
            return []
        segments = [urllib.parse.unquote(segment, errors="surrogateescape")
                    for segment in path[1:].split("/")]
        found = [operation for operation in self.operations if operation.matches(segments)]
        return [operation for operation in found if operation.segments == found[0].segments]

    def schema_named(self, name: str) -> Schema:
        """One of the document's schemas."""
        return self._schema(name, {"schema": {"$ref": f"#/components/schemas/{name}"}})

    def _target(self, reference: str) -> dict:
        node = self._document
        try:
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
        except (KeyError, TypeError):
            raise ContractError(f"nothing at {reference}") from None
        return node

    def _resolved(self, node: dict) -> dict:
        while "$ref" in node:
            node = self._target(node["$ref"])
        return node

    def _inline(self, node):
        """A schema without references."""
        if isinstance(node, list):
            return [self._inline(element) for element in node]
        if not isinstance(node, dict):
            return node
        inlined = {}
        for name, value in node.items():
            if name == "$ref":
                if value not in self._inlined:
                    self._inlined[value] = self._inline(self._target(value))
                inlined["allOf"] = [self._inlined[value]]
            elif name == "format" and value not in FORMATS:
                raise ContractError(f"the format {value} is not checked")
            elif name == "pattern" and isinstance(value, str) and value.endswith("$"):
                # JSON Schema's $ is the end of the text; Python's also stands before a line feed.
                inlined[name] = value[:-1] + r"\Z"
            else:
                inlined[name] = self._inline(value)
        # Equal to what it refers to, but for annotations.
        if inlined.keys() <= {"allOf", "description"} and "$ref" in node:
            return inlined["allOf"][0]
        return inlined

    def _schema(self, place: str, node: dict) -> Schema:
        """The schema of a media type, parameter or header; its examples are checked."""
        inlined = self._inline(node["schema"])
        key = json.dumps(inlined, sort_keys=True)
        if key not in self._schemas:
            self._schemas[key] = Schema(inlined)
        schema = self._schemas[key]
        for example in self._examples(node):
            self.bad_examples += [f"{place}: the example is not valid: {problem}"
                                  for problem in schema.problems(example)]
        return schema

    def _examples(self, node: dict) -> list:
        named = [self._resolved(example)["value"] for example in node.get("examples", {}).values()]
        return named + ([node["example"]] if "example" in node else [])

    def _content(self, place: str, node: dict) -> dict[str, Schema]:
        return {kind: self._media(f"{place} {kind}", media)
                for kind, media in node.get("content", {}).items()}

    def _media(self, place: str, media: dict) -> Schema:
        if not self._examples(media):
            self.bad_examples.append(f"{place}: has no example")
        return self._schema(place, media)

    def _answer(self, place: str, node: dict) -> Answer:
        node = self._resolved(node)
        headers = {name: self._resolved(header) for name, header in node.get("headers", {}).items()}
        problems = node.get("content", {}).get("application/problem+json", {})
        return Answer(
            contents=self._content(place, node),
            headers={name.lower(): (header.get("required", False),
                                    self._schema(f"{place} {name}", header))
                     for name, header in headers.items()},
            codes=frozenset(example["code"] for example in self._examples(problems)))

    def _operation(self, route: str, method: str, node: dict) -> Operation:
        name = node["operationId"]
        parameters = [self._resolved(parameter) for parameter in node.get("parameters", [])]
        schemas = {parameter["name"]: self._schema(f"{name} {parameter['name']}", parameter)
                   for parameter in parameters}
        body = self._resolved(node["requestBody"]) if "requestBody" in node else {}
        contents = self._content(f"{name} body", body)
        return Operation(
            id=name,
            method=method.upper(),
            segments=tuple(route[1:].split("/")),
            query={parameter["name"]: (parameter["required"], schemas[parameter["name"]])
                   for parameter in parameters if parameter["in"] == "query"},
            body=contents.get("application/json"),
            is_body_required=body.get("required", False),
            takes_any_type="*/*" in contents,
            body_limit_bytes=node.get("x-body-limit-bytes", DEFAULT_BODY_LIMIT_BYTES),
            answers={int(status): self._answer(f"{name} {status}", answer)
                     for status, answer in node["responses"].items()},
            prefix="".join(server["url"] for server in node.get("servers", [])).strip("/"))


# Requests


def decoded(text: str) -> str | None:
    """Percent-encoded text as a query has it; nothing when it is malformed."""
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        return None
    try:
        value = urllib.parse.unquote_to_bytes(
            text.replace("+", " ").encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in value else value


def query_problems(operation: Operation, query: str) -> collections.abc.Iterator[str]:
    seen = set()
    for pair in query.split("&") if query else []:
        raw_name, _, raw_value = pair.partition("=")
        name, value = decoded(raw_name), decoded(raw_value)
        if name not in operation.query or not value or name in seen:
            yield f"query: {pair[:SHOWN_CHARACTERS]}"
            continue
        seen.add(name)
        for problem in operation.query[name][1].problems_of_text(value):
            yield f"query: {name}: {problem}"
    for name, (is_required, _) in operation.query.items():
        if is_required and name not in seen:
            yield f"query: {name} is missing"


def is_json_type(content_type: str) -> bool:
    kind, *parameters = [part.strip().lower() for part in content_type.split(";")]
    charsets = [value.strip() for name, _, value in (p.partition("=") for p in parameters)
                if name.strip() == "charset"]
    return kind == "application/json" and all(c in ("utf-8", '"utf-8"') for c in charsets)


def body_problems(operation: Operation, content_type: str, body: bytes) -> list[str]:
    if operation.body is None:
        return []
    if not body:
        return ["body: is missing"] if operation.is_body_required else []
    if len(body) > operation.body_limit_bytes:
        return ["body: is too large"]
    if content_type and not operation.takes_any_type and not is_json_type(content_type):
        return [f"body: is {content_type}"]
    try:
        value = strict_json(body)
    except Refused as error:
        return [f"body: {error}"]
    return [f"body: {problem}" for problem in operation.body.problems(value)]


def request_problems(operation: Operation, query: str, content_type: str,
                     body: bytes) -> list[str]:
    """Why a request is not as documented; nothing when it is."""
    return [*query_problems(operation, query), *body_problems(operation, content_type, body)]
