"""openapi.yaml, the only list of endpoints, as operations: read, and checked."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass
from typing import Any

import yaml

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
PREFIX = re.compile(r"/[A-Za-z0-9_~-]+")
QUERY_PARAMETER = re.compile(r"[a-z][a-z0-9_]*")


# The values of x-error-form, and what they are in common/http/operation.h.
ERROR_FORMS = {"problem": "kProblem", "retraced": "kRetraced"}

# The callers that `security` may name, and who they are in common/http/operation.h.
TOKEN = "token"
API_KEY = "api_key"
ADMINISTRATOR = "registry-admin"
SERVICE = "registry-service"
CALLERS = {
    ADMINISTRATOR: "administrator",
    SERVICE: "service",
    "tenant-admin": "manager",
    "tenant-member": "member",
}
SCOPE = re.compile(r"[a-z0-9][a-z0-9._:*-]{0,127}")
# What only the platform's own programs may call.
INTERNAL = "/v1/internal/"


class RenderError(Exception):
    """What is wrong with the document or an argument, in one line."""


@dataclass(frozen=True)
class Body:
    """What an operation does with a request body, as in common/http/operation.h."""

    use: str = "kNone"
    limit_bytes: int = 0
    any_content_type: bool = False


@dataclass(frozen=True)
class Rights:
    """Who may call an operation, as in common/http/operation.h."""

    everybody: bool = False
    callers: frozenset[str] = frozenset()  # values of CALLERS
    api_key_scope: str = ""  # empty: no key counts
    service_is_bound_to_product: bool = False


@dataclass(frozen=True)
class Operation:
    """One endpoint as the document describes it."""

    id: str
    method: str
    route: str
    query_parameters: tuple[str, ...]
    body: Body
    rights: Rights
    route_prefix: str = ""  # what paths may have in front of the route
    error_form: str = "kProblem"  # as in common/http/operation.h
    streams: bool = False  # its answer may be made while it is sent
    private_networks: bool = False  # nginx lets in nobody from elsewhere

    def methods(self) -> tuple[str, ...]:
        """The HTTP methods it answers."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


# Reading the document


# libyaml's takes a seventh of the time; a PyYAML may be built without it.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UniqueKeyLoader(SafeLoader):
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
    check_private_networks(operations)
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
    return Operation(
        name,
        method.upper(),
        route,
        read_query_parameters(name, parameters),
        read_body(document, name, method, node),
        read_rights(name, route, node),
        read_route_prefix(name, node),
        read_error_form(name, node),
        read_flag(name, node, "x-streams"),
        read_flag(name, node, "x-private-networks"),
    )


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


def read_route_prefix(name: str, node: dict[str, Any]) -> str:
    """What the operation's own `servers` let paths begin with, besides nothing."""
    servers = node.get("servers")
    if servers is None:
        return ""
    urls = [server.get("url") if isinstance(server, dict) else None
            for server in (servers if isinstance(servers, list) else [])]
    if len(urls) != 2 or urls[0] != "/" or not PREFIX.fullmatch(str(urls[1])):
        raise RenderError(f"{name}: servers {urls} are not '/' and one prefix like '/other'")
    return str(urls[1])


def read_error_form(name: str, node: dict[str, Any]) -> str:
    """How the operation words its errors."""
    form = node.get("x-error-form", "problem")
    if form not in ERROR_FORMS:
        raise RenderError(f"{name}: x-error-form {form!r} is none of {', '.join(ERROR_FORMS)}")
    return ERROR_FORMS[form]


def read_flag(name: str, node: dict[str, Any], member: str) -> bool:
    """A member that is true or false, the latter where there is none."""
    value = node.get(member, False)
    if type(value) is not bool:
        raise RenderError(f"{name}: {member} {value!r} is not true or false")
    return value


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


def read_rights(name: str, route: str, node: dict[str, Any]) -> Rights:
    """Who may call the operation: it has to say so itself."""
    security = node.get("security")
    if not isinstance(security, list):
        raise RenderError(f"{name}: has no security; [] is for what everybody may call")
    if not security:
        if "x-bounded-to-product" in node:
            raise RenderError(f"{name}: x-bounded-to-product without security")
        return Rights(everybody=True)
    alternatives = [read_alternative(name, alternative) for alternative in security]
    named = [caller for scheme, caller in alternatives if scheme == TOKEN]
    scopes = [scope for scheme, scope in alternatives if scheme == API_KEY]
    if ADMINISTRATOR not in named:
        raise RenderError(f"{name}: security lacks {ADMINISTRATOR}, who may do everything")
    if len(set(alternatives)) != len(alternatives) or len(scopes) > 1:
        raise RenderError(f"{name}: security names an alternative twice, or two scopes of keys")
    if route.startswith(INTERNAL) and (scopes or set(named) - {ADMINISTRATOR, SERVICE}):
        raise RenderError(f"{name}: {INTERNAL} is for {ADMINISTRATOR} and {SERVICE} alone")
    bounded = node.get("x-bounded-to-product", [])
    if bounded not in ([], [SERVICE]) or bounded and SERVICE not in named:
        raise RenderError(f"{name}: x-bounded-to-product is [{SERVICE}], where that may call")
    return Rights(
        callers=frozenset(CALLERS[caller] for caller in named),
        api_key_scope="".join(scopes),
        service_is_bound_to_product=bool(bounded),
    )


def read_alternative(name: str, alternative: Any) -> tuple[str, str]:
    """A security requirement: the scheme, and the caller or the scope."""
    members = list(alternative.items()) if isinstance(alternative, dict) else []
    if len(members) != 1 or not isinstance(members[0][1], list) or len(members[0][1]) != 1:
        raise RenderError(f"{name}: security {alternative!r} is not one scheme with one role")
    scheme, role = members[0][0], str(members[0][1][0])
    is_known = role in CALLERS if scheme == TOKEN else SCOPE.fullmatch(role)
    if scheme not in (TOKEN, API_KEY) or not is_known:
        raise RenderError(f"{name}: security {alternative!r} names nobody that is known")
    return scheme, role


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


def check_private_networks(operations: list[Operation]) -> None:
    """Refuses a path of which only some methods are for private networks: nginx asks by path."""
    seen: dict[str, Operation] = {}
    for operation in operations:
        other = seen.setdefault(operation.route, operation)
        if other.private_networks != operation.private_networks:
            raise RenderError(
                f"{operation.id}: x-private-networks is not the same as of {other.id}, "
                f"on whose path it is"
            )
