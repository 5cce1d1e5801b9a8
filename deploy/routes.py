#!/usr/bin/python3
"""Derives from openapi.yaml, the only list of endpoints, everything that depends on it.

The names of the functions for Meson, the constant each function is compiled with, the nginx
routes and the development processes. Needs Debian's python3-yaml and nothing else.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import Any, Callable

import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_BODY_LIMIT_BYTES = 65536
METHODS = ("get", "post", "put", "patch", "delete")
METHODS_WITHOUT_BODY = ("get", "delete")
JSON_TYPE = "application/json"
ANY_TYPE = "*/*"
# What else OpenAPI allows in a path item and routing can leave alone.
PATH_ITEM_MEMBERS = ("summary", "description", "parameters", "servers")

OPERATION_ID = re.compile(r"[a-z][a-z0-9_]*")
LITERAL_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
TEMPLATE_SEGMENT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
QUERY_PARAMETER = re.compile(r"[a-z][a-z0-9_]*")
# The API reference: its paths, and in the folder that docs/meson.build fills the file of each.
DOCS = {
    "/docs": ("index.html", "text/html"),
    "/docs/icon.svg": ("icon.svg", "image/svg+xml"),
    "/docs/openapi.yaml": ("openapi.yaml", "application/yaml"),
    "/docs/reference.css": ("reference.css", "text/css"),
    "/docs/reference.js": ("reference.js", "text/javascript"),
}
# Both nginx and supervisord give a meaning to the other characters, each to its own.
PLAIN_PATH = re.compile(r"[^\x00-\x1f\x7f\"'\\$%;#{}*?\[\]@]+")


class RenderError(Exception):
    """What is wrong with the document or an argument, in one line."""


@dataclass(frozen=True)
class Body:
    """What an operation does with a request body, as in common/http/operation.h."""

    use: str = "kNone"
    limit_bytes: int = 0
    any_content_type: bool = False


@dataclass(frozen=True)
class Operation:
    """One endpoint as the document describes it."""

    id: str
    method: str
    route: str
    query_parameters: tuple[str, ...]
    body: Body

    def methods(self) -> tuple[str, ...]:
        """The HTTP methods it answers."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


# Reading the document


class UniqueKeyLoader(yaml.SafeLoader):
    """Refuses what YAML forbids and PyYAML lets pass: a path twice, of which one would vanish."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                problem = f"{key.value!r} a second time"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_document(path: pathlib.Path) -> dict[str, Any]:
    """The document, which has paths at least."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), UniqueKeyLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RenderError(f"{path}: {' '.join(str(error).split())}") from error
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not paths:
        raise RenderError(f"{path}: no paths")
    return document


def read_operations(path: pathlib.Path) -> list[Operation]:
    """All operations in the order of the document."""
    document = read_document(path)
    operations = [
        read_operation(document, route, item, method)
        for route, item in document["paths"].items()
        for method in operation_methods(route, item)
    ]
    check_unique_ids(operations)
    check_unambiguous(operations)
    return operations


def operation_methods(route: str, item: Any) -> list[str]:
    """The members of a path item that are operations."""
    if not isinstance(route, str) or not isinstance(item, dict):
        raise RenderError(f"{route}: is no path item")
    for member in map(str, item):
        if not member.startswith("x-") and member not in METHODS + PATH_ITEM_MEMBERS:
            raise RenderError(f"{route}: '{member}' cannot be routed; HEAD follows from get")
    methods = [member for member in item if member in METHODS]
    if not methods:
        raise RenderError(f"{route}: has no operation")
    return methods


def read_operation(
    document: dict[str, Any], route: str, item: dict[str, Any], method: str
) -> Operation:
    """One operation, checked."""
    node = item[method]
    name = node.get("operationId") if isinstance(node, dict) else None
    if not isinstance(name, str) or not OPERATION_ID.fullmatch(name):
        pattern = OPERATION_ID.pattern
        raise RenderError(f"{method.upper()} {route}: operationId {name!r} is not {pattern}")
    parameters = [
        resolve(document, name, entry)
        for entry in [*item.get("parameters", []), *node.get("parameters", [])]
    ]
    check_route(name, route, parameters)
    query = read_query_parameters(name, parameters)
    return Operation(name, method.upper(), route, query, read_body(document, name, method, node))


def resolve(document: dict[str, Any], name: str, node: Any) -> dict[str, Any]:
    """What a reference inside the document stands for."""
    if isinstance(node, dict) and "$ref" in node:
        reference = str(node["$ref"])
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            raise RenderError(f"{name}: nothing at {reference}")
    if not isinstance(node, dict):
        raise RenderError(f"{name}: {node!r} is no object")
    return node


def check_route(name: str, route: str, parameters: list[dict[str, Any]]) -> None:
    """Refuses a path template that nginx could not match segment by segment."""
    if not route.startswith("/"):
        raise RenderError(f"{name}: path {route!r} does not start with '/'")
    if f"{route}/".startswith("/docs/"):
        raise RenderError(f"{name}: path {route!r} belongs to the API reference")
    in_route = []
    for segment in route[1:].split("/"):
        template = TEMPLATE_SEGMENT.fullmatch(segment)
        if template:
            in_route.append(template[1])
        elif not LITERAL_SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise RenderError(f"{name}: path {route!r} has the malformed segment {segment!r}")
    declared = [entry.get("name") for entry in parameters if entry.get("in") == "path"]
    if sorted(in_route) != sorted(map(str, declared)) or len(set(in_route)) != len(in_route):
        raise RenderError(f"{name}: path {route!r}, but path parameters {declared}")


def read_query_parameters(name: str, parameters: list[dict[str, Any]]) -> tuple[str, ...]:
    """The names of all query parameters that the operation allows."""
    query = [str(entry.get("name")) for entry in parameters if entry.get("in") == "query"]
    for parameter in query:
        if not QUERY_PARAMETER.fullmatch(parameter) or query.count(parameter) > 1:
            raise RenderError(f"{name}: query parameter {parameter!r} is malformed or repeated")
    return tuple(query)


def read_body(document: dict[str, Any], name: str, method: str, node: dict[str, Any]) -> Body:
    """Whether the operation reads a body, of which types, and how large."""
    limit = node.get("x-body-limit-bytes")
    if "requestBody" not in node:
        if limit is not None:
            raise RenderError(f"{name}: x-body-limit-bytes without a requestBody")
        return Body()
    if method in METHODS_WITHOUT_BODY:
        raise RenderError(f"{name}: {method.upper()} with a requestBody")
    limit = DEFAULT_BODY_LIMIT_BYTES if limit is None else limit
    if type(limit) is not int or limit <= 0:
        raise RenderError(f"{name}: x-body-limit-bytes {limit!r} is no positive integer")
    body = resolve(document, name, node["requestBody"])
    content = body.get("content")
    types = sorted(content) if isinstance(content, dict) else []
    if types not in ([JSON_TYPE], [ANY_TYPE, JSON_TYPE]):
        raise RenderError(f"{name}: a body is {JSON_TYPE}, alone or with {ANY_TYPE}, not {types}")
    use = "kRequired" if body.get("required", False) else "kOptional"
    return Body(use, limit, any_content_type=ANY_TYPE in types)


def check_unique_ids(operations: list[Operation]) -> None:
    """Refuses two operations that would be the same binary."""
    seen: dict[str, Operation] = {}
    for operation in operations:
        other = seen.setdefault(operation.id, operation)
        if other is not operation:
            raise RenderError(
                f"{operation.id}: is the operationId of both {other.method} {other.route} "
                f"and {operation.method} {operation.route}"
            )


def check_unambiguous(operations: list[Operation]) -> None:
    """Refuses two templates that match the same paths."""
    seen: dict[str, Operation] = {}
    for operation in operations:
        other = seen.setdefault(TEMPLATE_SEGMENT.sub("{}", operation.route), operation)
        if other.route != operation.route:
            raise RenderError(
                f"{operation.id}: path {operation.route!r} matches what {other.route!r} "
                f"of {other.id} matches"
            )


# The functions


def render_source(operation: Operation) -> str:
    """The definition of the constant that common/http/operation.h declares."""
    names = ", ".join(f'"{name}"' for name in operation.query_parameters)
    array = f"std::array<std::string_view, {len(operation.query_parameters)}>"
    return f"""\
// Generated from openapi.yaml by deploy/routes.py; do not edit.
#include <array>
#include <string_view>

#include "common/http/operation.h"

namespace registry::http {{

namespace {{

constexpr {array} kQueryParameters{{{names}}};

}}  // namespace

const Operation kOperation{{
    .id = "{operation.id}",
    .method = "{operation.method}",
    .route = "{operation.route}",
    .query_parameters = kQueryParameters,
    .body = BodyUse::{operation.body.use},
    .body_limit_bytes = {operation.body.limit_bytes},
    .any_content_type = {str(operation.body.any_content_type).lower()},
}};

}}  // namespace registry::http
"""


# nginx


def by_route(operations: list[Operation]) -> dict[str, list[Operation]]:
    """The operations of each path; where templates overlap, the one that wins comes first.

    The leftmost literal wins: of a tenant's slug "activate" and an activation of the tenant
    "by-slug", /v1/tenants/by-slug/activate means the former.
    """

    def rank(operation: Operation) -> list[bool]:
        return [segment.startswith("{") for segment in operation.route.split("/")]

    routes: dict[str, list[Operation]] = {}
    for operation in sorted(operations, key=rank):
        routes.setdefault(operation.route, []).append(operation)
    return routes


def route_pattern(route: str) -> str:
    """The regular expression that matches the paths of a path template."""
    segments = [
        "[^/]+" if segment.startswith("{") else segment.replace(".", r"\.")
        for segment in route.split("/")
    ]
    return "^" + "/".join(segments) + r"\z"


def allowed_methods(operations: list[Operation], has_docs: bool) -> dict[str, list[str]]:
    """The methods of each path, where templates overlap the one that wins first."""
    allowed = {
        route: sorted(method for member in members for method in member.methods())
        for route, members in by_route(operations).items()
    }
    return allowed | {route: ["GET", "HEAD"] for route in DOCS if has_docs}


def render_http_routes(operations: list[Operation], sockets: str, has_docs: bool) -> str:
    """The part of the routes that belongs into nginx's http context."""
    allowed = allowed_methods(operations, has_docs)
    lines = ["# Derived from openapi.yaml by deploy/routes.py: http context."]
    for operation in operations:
        lines += [
            f"upstream {operation.id} {{",
            f'    server "unix:{sockets}/{operation.id}.sock";',
            "}",
        ]
    lines += ["", "map $uri $registry_route {", '    default "";']
    # Regular expressions throughout: a map compares strings without regard to case.
    lines += [f'    "~{route_pattern(route)}" "{route}";' for route in allowed]
    lines += ["}", "", "map $registry_route $registry_allow {", '    default "";']
    lines += [f'    "{route}" "{", ".join(methods)}";' for route, methods in allowed.items()]
    lines += ["}", "", 'map "$request_method $registry_route" $registry_function {']
    lines.append('    default "";')
    for operation in operations:
        for method in operation.methods():
            lines.append(f'    "{method} {operation.route}" {operation.id};')
    return "\n".join([*lines, "}"]) + "\n"


def render_server_routes(operations: list[Operation], docs: str | None) -> str:
    """The part of the routes that belongs into nginx's server context."""
    lines = ["# Derived from openapi.yaml by deploy/routes.py: server context."]
    for route, members in by_route(operations).items():
        # A body that no operation reads is ignored, not refused, unless it is unreasonable.
        limit = max(member.body.limit_bytes or DEFAULT_BODY_LIMIT_BYTES for member in members)
        lines += [
            f'location ~ "{route_pattern(route)}" {{' if "{" in route else f"location = {route} {{",
            f"    client_max_body_size {limit};",
            '    if ($registry_function = "") {',
            "        return 405;",
            "    }",
            "    fastcgi_pass $registry_function;",
            "}",
        ]
    return "\n".join(lines) + "\n" + (render_docs(docs) if docs else "")


def render_docs(folder: str) -> str:
    """The API reference's part of nginx's server context."""
    locations = []
    for route, (file, media_type) in DOCS.items():
        locations += [
            f"location = {route} {{",
            f"    default_type {media_type};",
            f'    alias "{folder}/{file}";',
            "}",
        ]
    return fill(HERE / "nginx" / "docs.conf.in", LOCATIONS="\n".join(locations))


def render_nginx(operations: list[Operation], arguments: argparse.Namespace) -> str:
    """A complete nginx.conf for development and tests."""
    listen = "\n".join(f"listen {address};" for address in arguments.listen)
    return fill(
        HERE / "nginx" / "nginx.conf.in",
        USER=f"user {arguments.user};" if arguments.user else "",
        WORKERS=str(arguments.workers),
        STATE=arguments.state,
        SHARED=plain_path(str(HERE / "nginx")),
        ACCESS_LOG=access_log(arguments.access_log),
        LISTEN=listen,
        HTTP_ROUTES=render_http_routes(operations, arguments.sockets, bool(arguments.docs)),
        SERVER_ROUTES=render_server_routes(operations, arguments.docs),
    )


def access_log(path: str | None) -> str:
    """The arguments of nginx's access_log directive."""
    return f'"{path}" own_answers if=$answered_by_nginx' if path else "off"


# supervisord


def render_supervisor(operations: list[Operation], arguments: argparse.Namespace) -> str:
    """The supervisord.conf that runs nginx and every function on a developer's machine."""
    templates = HERE / "supervisor"
    paths = {
        name: getattr(arguments, name.lower())
        for name in ("FUNCTIONS", "SOCKETS", "STATE", "NGINX_CONF")
    }

    def common(name: str) -> str:
        return fill(templates / "common.conf.in", NAME=name, STATE=paths["STATE"])

    functions = [
        fill(
            templates / "function.conf.in",
            OPERATION=operation.id,
            COMMON=common(operation.id),
            **paths,
        )
        for operation in operations
    ]
    return fill(
        templates / "supervisord.conf.in",
        # supervisord wants to be told that root is meant.
        USER="user=root" if os.geteuid() == 0 else "",
        COMMON=common("nginx"),
        **{**paths, "FUNCTIONS": "\n".join(functions)},
    )


# Templates and the command line


def fill(template: pathlib.Path, **values: str) -> str:
    """The template with each @NAME@ replaced, continued at the indentation of its line."""

    def replace(match: re.Match[str]) -> str:
        return values[match[2]].rstrip("\n").replace("\n", "\n" + match[1])

    text = template.read_text(encoding="utf-8")
    whole_lines = re.sub(r"(?m)^( *)@([A-Z_]+)@$", lambda m: m[1] + replace(m), text)
    return re.sub(r"()@([A-Z_]+)@", replace, whole_lines)


def plain_path(text: str) -> str:
    """An absolute path that needs no quoting in any of the rendered files."""
    path = os.path.abspath(text)
    if not PLAIN_PATH.fullmatch(path):
        raise RenderError(f"{path}: a character of this path has a meaning in a configuration")
    return path


def write(text: str, output: str | None) -> None:
    """Writes a rendered file; to standard output if there is no name."""
    if output is None:
        sys.stdout.write(text)
    else:
        pathlib.Path(output).write_text(text, encoding="utf-8")


def run_operations(operations: list[Operation], _: argparse.Namespace) -> None:
    write("".join(f"{operation.id}\n" for operation in operations), None)


def run_source(operations: list[Operation], arguments: argparse.Namespace) -> None:
    found = [operation for operation in operations if operation.id == arguments.operation]
    if not found:
        raise RenderError(f"{arguments.operation}: no such operation")
    write(render_source(found[0]), arguments.output)


def run_routes(operations: list[Operation], arguments: argparse.Namespace) -> None:
    if arguments.context == "http":
        write(render_http_routes(operations, arguments.sockets, bool(arguments.docs)), None)
    else:
        write(render_server_routes(operations, arguments.docs), None)


def run_nginx(operations: list[Operation], arguments: argparse.Namespace) -> None:
    write(render_nginx(operations, arguments), arguments.output)


def run_supervisor(operations: list[Operation], arguments: argparse.Namespace) -> None:
    write(render_supervisor(operations, arguments), arguments.output)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[..., None], text: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=text)
        subparser.set_defaults(run=run)
        subparser.add_argument("openapi", type=pathlib.Path)
        return subparser

    docs_help = "of the API reference; default: it is not served"

    command("operations", run_operations, "print the operationIds, one a line")

    source = command("source", run_source, "write the C++ constant of one function")
    source.add_argument("operation")
    source.add_argument("output")

    routes = command("routes", run_routes, "print the derived part of an nginx site")
    routes.add_argument("context", choices=("http", "server"))
    routes.add_argument("--sockets", type=plain_path, required=True)
    routes.add_argument("--docs", type=plain_path, metavar="FOLDER", help=docs_help)

    nginx = command("nginx", run_nginx, "write an nginx.conf for development and tests")
    nginx.add_argument("--listen", action="append", required=True, metavar="ADDRESS:PORT")
    nginx.add_argument("--sockets", type=plain_path, required=True)
    nginx.add_argument("--state", type=plain_path, required=True)
    nginx.add_argument("--docs", type=plain_path, metavar="FOLDER", help=docs_help)
    nginx.add_argument("--user", help="of the workers, when nginx is started by root")
    nginx.add_argument("--workers", type=int, default=1)
    nginx.add_argument("--access-log", help="for requests that reach no function; default: none")
    nginx.add_argument("--output", required=True)

    supervisor = command("supervisor", run_supervisor, "write a supervisord.conf")
    for name in ("--functions", "--sockets", "--state", "--nginx-conf"):
        supervisor.add_argument(name, type=plain_path, required=True)
    supervisor.add_argument("--output", required=True)
    return parser.parse_args()


def main() -> int:
    try:
        arguments = parse_arguments()
        arguments.run(read_operations(arguments.openapi), arguments)
    except (RenderError, OSError) as error:
        print(f"routes.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
