#!/usr/bin/python3 -B
"""Derives from openapi.yaml, the only list of endpoints, everything that depends on it.

The names of the functions for Meson, the constant each function is compiled with, the nginx
routes, the development processes and what systemd is told of each function. Needs Debian's python3-yaml and nothing else.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import sys
from typing import Callable

from operations import (
    DEFAULT_BODY_LIMIT_BYTES,
    Operation,
    RenderError,
    read_operations,
)

HERE = pathlib.Path(__file__).resolve().parent
# The API reference: its paths, and in the folder that docs/meson.build fills the file of each.
DOCS = {
    "/docs": ("index.html", "text/html"),
    "/docs/icon.svg": ("icon.svg", "image/svg+xml"),
    "/docs/openapi.yaml": ("openapi.yaml", "application/yaml"),
    "/docs/reference.css": ("reference.css", "text/css"),
    "/docs/reference.js": ("reference.js", "text/javascript"),
}
# Idle connections to each function that keeps some, of each worker process of nginx.
KEPT_CONNECTIONS = 8
# What nginx never sends a second time, once it has sent a part of it.
NOT_REPEATED = {"POST", "PATCH"}
# Both nginx and supervisord give a meaning to the other characters, each to its own.
PLAIN_PATH = re.compile(r"[^\x00-\x1f\x7f\"'\\$%;#{}*?\[\]@]+")


# The functions


def cxx(flag: bool) -> str:
    return "true" if flag else "false"


def render_source(operation: Operation) -> str:
    """The definition of the constant that common/http/operation.h declares."""
    names = ", ".join(f'"{name}"' for name in operation.query_parameters)
    array = f"std::array<std::string_view, {len(operation.query_parameters)}>"
    rights = operation.rights
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
    .route_prefix = "{operation.route_prefix}",
    .query_parameters = kQueryParameters,
    .body = BodyUse::{operation.body.use},
    .body_limit_bytes = {operation.body.limit_bytes},
    .any_content_type = {cxx(operation.body.any_content_type)},
    .error_form = ErrorForm::{operation.error_form},
    .rights = {{
        .everybody = {cxx(rights.everybody)},
        .administrator = {cxx("administrator" in rights.callers)},
        .service = {cxx("service" in rights.callers)},
        .manager = {cxx("manager" in rights.callers)},
        .member = {cxx("member" in rights.callers)},
        .service_is_bound_to_product = {cxx(rights.service_is_bound_to_product)},
        .api_key_scope = "{rights.api_key_scope}",
    }},
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


def route_pattern(route: str, prefix: str = "") -> str:
    """The regular expression that matches the paths of a path template."""
    segments = [
        "[^/]+" if segment.startswith("{") else segment.replace(".", r"\.")
        for segment in route.split("/")
    ]
    return "^" + (f"(?:{prefix})?" if prefix else "") + "/".join(segments) + r"\z"


def prefixes(operations: list[Operation]) -> dict[str, str]:
    """What may stand in front of each path."""
    return {operation.route: operation.route_prefix for operation in operations}


def allowed_methods(operations: list[Operation], has_docs: bool) -> dict[str, list[str]]:
    """The methods of each path, where templates overlap the one that wins first."""
    allowed = {
        route: sorted(method for member in members for method in member.methods())
        for route, members in by_route(operations).items()
    }
    return allowed | {route: ["GET", "HEAD"] for route in DOCS if has_docs}


def keeping_connections(operations: list[Operation]) -> set[str]:
    """The operations whose functions nginx keeps connections to.

    A function that ends closes them, maybe in the moment in which nginx sends a request, which it
    then has to send again, to nobody's harm. So they read, and whatever shares their location, where
    that is set, is nothing that nginx would repeat as well.
    """
    return {
        operation.id
        for members in by_route(operations).values()
        for operation in members
        if operation.method == "GET"
        and {member.method for member in members} - {"GET"} <= NOT_REPEATED
    }


def render_upstream(operation: Operation, is_kept: bool, arguments: argparse.Namespace) -> list[str]:
    """The places where one function answers."""
    more = [f'    include "{arguments.upstreams}/{operation.id}/*.conf";'] * bool(arguments.upstreams)
    kept = [f"    keepalive {KEPT_CONNECTIONS};"] * is_kept
    server = f'    server "unix:{arguments.sockets}/{operation.id}.sock";'
    return [f"upstream {operation.id} {{", server, *more, *kept, "}"]


def render_http_routes(operations: list[Operation], arguments: argparse.Namespace) -> str:
    """The part of the routes that belongs into nginx's http context."""
    allowed = allowed_methods(operations, bool(arguments.docs))
    lines = ["# Derived from openapi.yaml by deploy/routes.py: http context."]
    kept = keeping_connections(operations)
    for operation in operations:
        lines += render_upstream(operation, operation.id in kept, arguments)
    lines += ["", "map $uri $registry_route {", '    default "";']
    # Regular expressions throughout: a map compares strings without regard to case.
    prefix = prefixes(operations)
    lines += [f'    "~{route_pattern(route, prefix.get(route, ""))}" "{route}";'
              for route in allowed]
    lines += ["}", "", "map $registry_route $registry_allow {", '    default "";']
    lines += [f'    "{route}" "{", ".join(methods)}";' for route, methods in allowed.items()]
    lines += ["}", "", 'map "$request_method $registry_route" $registry_function {']
    lines.append('    default "";')
    for operation in operations:
        for method in operation.methods():
            lines.append(f'    "{method} {operation.route}" {operation.id};')
    return "\n".join([*lines, "}"]) + "\n"


def render_location(members: list[Operation], kept: set[str]) -> list[str]:
    """What nginx does with the requests to one path, whose operations these are."""
    route, prefix = members[0].route, members[0].route_prefix
    pattern = route_pattern(route, prefix)
    # A body that no operation reads is ignored, not refused, unless it is unreasonable.
    limit = max(member.body.limit_bytes or DEFAULT_BODY_LIMIT_BYTES for member in members)
    is_kept = any(member.id in kept for member in members)
    is_stream = any(member.streams for member in members)
    is_private = any(member.private_networks for member in members)
    lines = [f'location ~ "{pattern}" {{' if "{" in route or prefix else f"location = {route} {{"]
    lines += [f"    client_max_body_size {limit};"]
    # Of a stream too: with it, nginx takes the end of the connection for what it is, when the answer
    # has no length: that of an answer is one of its own. Else one that breaks off would look whole.
    lines += ["    fastcgi_keep_conn on;"] * (is_kept or is_stream)
    lines += ["    if ($registry_may_look_inside = 0) {", "        return 403;", "    }"] * is_private
    lines += ['    if ($registry_function = "") {', "        return 405;", "    }"]
    return [*lines, "    fastcgi_pass $registry_function;", "}"]


def render_server_routes(operations: list[Operation], docs: str | None) -> str:
    """The part of the routes that belongs into nginx's server context."""
    lines = ["# Derived from openapi.yaml by deploy/routes.py: server context."]
    kept = keeping_connections(operations)
    for members in by_route(operations).values():
        lines += render_location(members, kept)
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
        HTTP_ROUTES=render_http_routes(operations, arguments),
        SERVER_ROUTES=render_server_routes(operations, arguments.docs),
    )


def access_log(path: str | None) -> str:
    """The arguments of nginx's access_log directive."""
    return f'"{path}" own_answers if=$answered_by_nginx' if path else "off"


# supervisord


def render_supervisor(operations: list[Operation], arguments: argparse.Namespace) -> str:
    """The supervisord.conf that runs nginx and every function."""
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
            RUNNING=arguments.running or arguments.functions,
            PROCESSES=several_processes(arguments.processes),
            COMMON=common(operation.id),
            **paths,
        )
        for operation in operations
    ]
    jobs = [
        fill(templates / "job.conf.in", JOB=job, COMMON=common(job), **paths)
        for job in arguments.job
    ]
    return fill(
        templates / "supervisord.conf.in",
        # supervisord wants to be told that root is meant.
        USER="user=root" if os.geteuid() == 0 else "",
        COMMON=common("nginx"),
        **{**paths, "FUNCTIONS": "\n".join(functions + jobs)},
    )


def several_processes(count: int) -> str:
    """The lines that give a program so many processes; one has the program's own name."""
    if count < 1:
        raise RenderError(f"--processes {count}: is less than one")
    name = "process_name=%(program_name)s_%(process_num)02d"
    return f"{name}\nnumprocs={count}" if count > 1 else ""


# systemd


def render_lines(operations: list[Operation], template: pathlib.Path) -> str:
    """The template, with each line that names @OPERATION@ repeated for every operation."""
    lines = []
    for line in template.read_text(encoding="utf-8").splitlines():
        if "@OPERATION@" in line:
            lines += [line.replace("@OPERATION@", operation.id) for operation in operations]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


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


def run_rights(operations: list[Operation], _: argparse.Namespace) -> None:
    for operation in operations:
        rights = operation.rights
        words = sorted(rights.callers) or ["everybody"]
        words += [f"api_key:{rights.api_key_scope}"] if rights.api_key_scope else []
        words += ["own-product"] if rights.service_is_bound_to_product else []
        write(f"{operation.id} {' '.join(words)}\n", None)


def run_source(operations: list[Operation], arguments: argparse.Namespace) -> None:
    found = [operation for operation in operations if operation.id == arguments.operation]
    if not found:
        raise RenderError(f"{arguments.operation}: no such operation")
    write(render_source(found[0]), arguments.output)


def run_routes(operations: list[Operation], arguments: argparse.Namespace) -> None:
    if arguments.context == "http":
        write(render_http_routes(operations, arguments), None)
    else:
        write(render_server_routes(operations, arguments.docs), None)


def run_nginx(operations: list[Operation], arguments: argparse.Namespace) -> None:
    write(render_nginx(operations, arguments), arguments.output)


def run_lines(operations: list[Operation], arguments: argparse.Namespace) -> None:
    write(render_lines(operations, arguments.template), arguments.output)


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

    command("rights", run_rights, "print who may call each operation, one a line")

    source = command("source", run_source, "write the C++ constant of one function")
    source.add_argument("operation")
    source.add_argument("output")

    routes = command("routes", run_routes, "print the derived part of an nginx site")
    routes.add_argument("context", choices=("http", "server"))
    routes.add_argument("--sockets", type=plain_path, required=True)
    routes.add_argument("--docs", type=plain_path, metavar="FOLDER", help=docs_help)
    upstreams_help = "with more servers of a function in OPERATION/*.conf; default: there are none"
    routes.add_argument("--upstreams", type=plain_path, metavar="FOLDER", help=upstreams_help)

    nginx = command("nginx", run_nginx, "write an nginx.conf for development and tests")
    nginx.add_argument("--listen", action="append", required=True, metavar="ADDRESS:PORT")
    nginx.add_argument("--sockets", type=plain_path, required=True)
    nginx.add_argument("--state", type=plain_path, required=True)
    nginx.add_argument("--docs", type=plain_path, metavar="FOLDER", help=docs_help)
    nginx.add_argument("--user", help="of the workers, when nginx is started by root")
    nginx.add_argument("--workers", type=int, default=1)
    nginx.add_argument("--access-log", help="for requests that reach no function; default: none")
    nginx.add_argument("--output", required=True)
    nginx.set_defaults(upstreams=None)

    lines = command("lines", run_lines, "write a template, its lines with @OPERATION@ for each")
    lines.add_argument("template", type=pathlib.Path)
    lines.add_argument("--output", required=True)

    supervisor = command("supervisor", run_supervisor, "write a supervisord.conf")
    for name in ("--functions", "--sockets", "--state", "--nginx-conf"):
        supervisor.add_argument(name, type=plain_path, required=True)
    supervisor.add_argument("--running", type=plain_path, metavar="FOLDER",
                            help="with a link to each function, as deploy/rollout keeps;"
                            " default: that of --functions")
    supervisor.add_argument("--processes", type=int, default=1, metavar="N",
                            help="of each function, which share its socket: with two,"
                            " deploy/rollout restarts one while the other serves")
    supervisor.add_argument("--job", action="append", default=[], help="to run as well")
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
