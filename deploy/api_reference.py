#!/usr/bin/python3 -B
"""Writes the API reference, one static page, from openapi.yaml.

Whatever the page does not show ends it with one line that names the place: nothing of the
document vanishes unnoticed. Needs Debian's python3-jinja2, python3-markdown and python3-yaml.
"""

from __future__ import annotations

import argparse
import http
import pathlib
import re
import shlex
import sys
import urllib.parse
from dataclasses import dataclass, field, replace
from typing import Any, Iterator

import jinja2
from markupsafe import Markup

from operations import (
    DEFAULT_BODY_LIMIT_BYTES,
    METHODS,
    RenderError,
    read_document,
    read_operations,
)
from schemas import Node, Schema, highlighted, json_text, plain, read_schema

TEMPLATES = pathlib.Path(__file__).resolve().parent / "reference"

# What the page shows, and the only members that the document may have.
ROOT = {"openapi", "info", "servers", "tags", "paths", "components"}
INFO = {"title", "version", "summary", "description"}
SERVER = {"url", "description"}
TAG = {"name", "description"}
PATH_ITEM = {"parameters", *METHODS}
OPERATION = {
    *("operationId", "tags", "summary", "description", "deprecated", "security", "parameters"),
    *("requestBody", "responses", "servers"),
    *("x-body-limit-bytes", "x-bounded-to-product", "x-error-form", "x-streams"),
    "x-private-networks",
}
PARAMETER = {"name", "in", "required", "description", "deprecated", "schema", "example"}
REQUEST_BODY = {"required", "description", "content"}
RESPONSE = {"description", "headers", "content"}
HEADER = {"required", "description", "deprecated", "schema", "example"}
MEDIA = {"schema", "example", "examples"}
EXAMPLE = {"summary", "description", "value"}
COMPONENTS = {
    *("schemas", "parameters", "headers", "requestBodies", "responses", "examples"),
    "securitySchemes",
}
SECURITY_SCHEME = {
    *("type", "description", "name", "in", "scheme", "bearerFormat", "openIdConnectUrl"),
}

CODE_IN_DESCRIPTION = re.compile(r"`([a-z][a-z0-9_]*)`:")


# Operations


@dataclass(frozen=True)
class Example:
    """An example of a body."""

    title: str
    description: Markup
    value: Any
    text: str

    def markup(self) -> Markup:
        return highlighted(self.text)


@dataclass(frozen=True)
class Content:
    """A body of one media type."""

    media_type: str
    schema: Schema
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a request or a header of a response."""

    name: str
    place: str
    required: bool
    deprecated: bool
    description: Markup
    schema: Schema
    example: str
    node: Node = field(repr=False)


@dataclass(frozen=True)
class Body:
    """What a request may carry."""

    required: bool
    description: Markup
    limit: str
    contents: tuple[Content, ...]


@dataclass(frozen=True)
class Response:
    """One of the answers."""

    status: str
    phrase: str
    codes: tuple[str, ...]
    description: Markup
    headers: tuple[Parameter, ...]
    contents: tuple[Content, ...]

    def is_error(self) -> bool:
        return self.status >= "400"


@dataclass(frozen=True)
class Operation:
    """One endpoint."""

    id: str
    method: str
    route: str
    tag: str
    summary: str
    description: Markup
    deprecated: bool
    security: tuple[str, ...]
    private_networks: bool
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    curl: str
    other_paths: tuple[str, ...]  # where it is found as well

    def answers(self) -> list[Response]:
        return [response for response in self.responses if not response.is_error()]

    def usual_answer(self) -> Response:
        """The one that is shown unfolded: created, rather than found to be there already."""
        return max(self.answers(), key=lambda answer: (answer.status < "300", answer.status))

    def errors(self) -> list[Response]:
        return [response for response in self.responses if response.is_error()]


def read_parameter(node: Node, handled: set[str], name: str, place: str) -> Parameter:
    if "schema" not in node.value:
        raise node.fail("has no schema")
    node.checked(handled)
    return Parameter(
        name=name,
        place=place,
        required=node.flag("required"),
        deprecated=node.flag("deprecated"),
        description=node.prose(),
        schema=read_schema(node.child("schema")),
        example=plain(node, node.value["example"]) if "example" in node.value else "",
        node=node,
    )


def read_parameters(item: Node, operation: Node) -> Iterator[Parameter]:
    for entry in (*item.elements("parameters"), *operation.elements("parameters")):
        node = entry.resolved(PARAMETER)
        place = node.needed_text("in")
        if place not in ("path", "query", "header"):
            raise node.fail(f"in {place!r} is nothing that the API reference shows")
        yield read_parameter(node, PARAMETER, node.needed_text("name"), place)


def read_headers(node: Node) -> Iterator[Parameter]:
    for name, entry in node.members("headers"):
        yield read_parameter(entry.resolved(HEADER), HEADER, name, "header")


def read_contents(node: Node) -> Iterator[Content]:
    for media_type, entry in node.members("content"):
        entry.checked(MEDIA)
        if "schema" not in entry.value:
            raise entry.fail("has no schema")
        examples = tuple(read_examples(entry))
        yield Content(media_type, read_schema(entry.child("schema")), examples)


def read_examples(media: Node) -> Iterator[Example]:
    if "example" in media.value:
        value = media.value["example"]
        yield Example("", Markup(""), value, json_text(media, value))
    for name, entry in media.members("examples"):
        node = entry.resolved(EXAMPLE)
        if "value" not in node.value:
            raise node.fail("has no value")
        value = node.value["value"]
        title = node.text("summary") or name
        yield Example(title, node.prose(), value, json_text(node, value))


def read_body(operation: Node) -> Body | None:
    if "requestBody" not in operation.value:
        return None
    node = operation.child("requestBody").resolved(REQUEST_BODY)
    limit = operation.value.get("x-body-limit-bytes", DEFAULT_BODY_LIMIT_BYTES)
    contents = tuple(read_contents(node))
    if not contents or not contents[0].examples:
        raise node.fail("has no example, which the curl command needs")
    return Body(node.flag("required"), node.prose(), size(limit), contents)


def size(count: int) -> str:
    """A number of bytes."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count:,} bytes"


def read_responses(operation: Node) -> Iterator[Response]:
    for status, entry in operation.members("responses"):
        node = entry.resolved(RESPONSE)
        try:
            phrase = http.HTTPStatus(int(status)).phrase
        except ValueError:
            raise entry.fail(f"{status} is no HTTP status") from None
        contents = tuple(read_contents(node))
        values = [example.value for content in contents for example in content.examples]
        codes = CODE_IN_DESCRIPTION.findall(node.needed_text("description"))
        codes += [value["code"] for value in values if isinstance(value, dict) and "code" in value]
        if not "200" <= status <= "599":
            raise entry.fail(f"{status} is no final status")
        yield Response(
            status=status,
            phrase=phrase,
            codes=tuple(dict.fromkeys(codes)) if status >= "400" else (),
            description=node.prose(),
            headers=tuple(read_headers(node)),
            contents=contents,
        )


def read_security(operation: Node, root: Node) -> tuple[str, ...]:
    """The credentials of which one is needed; none: anybody may call."""
    schemes = dict(root.child("components").members("securitySchemes"))
    bounded = [element.value for element in operation.elements("x-bounded-to-product")]
    found = []
    for element in operation.elements("security"):
        for name, roles in element.checked(set(schemes)).value.items():
            words = [f"{role}: its own product" if role in bounded else role for role in roles]
            found.append(f"{name} ({', '.join(words)})" if words else name)
    return tuple(found)


def read_other_paths(node: Node, route: str) -> tuple[str, ...]:
    """The paths below the operation's own servers, but for the one at the root."""
    urls = [server.checked(SERVER).needed_text("url") for server in node.elements("servers")]
    return tuple(url + route for url in urls if url != "/")


def read_operation(root: Node, route: str, item: Node, method: str) -> Operation:
    node = item.child(method).checked(OPERATION)
    tags = [element.value for element in node.elements("tags")]
    if len(tags) != 1:
        raise node.fail(f"has {len(tags)} tags, not one")
    security = read_security(node, root)
    parameters = tuple(read_parameters(item, node))
    body = read_body(node)
    responses = tuple(read_responses(node))
    if not any(response.status < "300" for response in responses):
        raise node.fail("has no response that is a success")
    url = next(root.elements("servers")).needed_text("url").rstrip("/")
    return Operation(
        id=node.needed_text("operationId"),
        method=method.upper(),
        route=route,
        tag=tags[0],
        summary=node.needed_text("summary"),
        description=node.prose(),
        deprecated=node.flag("deprecated"),
        security=security,
        private_networks=node.flag("x-private-networks"),
        parameters=parameters,
        body=body,
        responses=responses,
        curl=curl(method.upper(), url + route, parameters, body, bool(security)),
        other_paths=read_other_paths(node, route),
    )


# curl


def example_of(parameter: Parameter) -> str:
    """A value for a parameter that a call cannot do without."""
    if not parameter.example:
        raise parameter.node.fail("has no example, which the curl command needs")
    return parameter.example


def curl(
    method: str, url: str, parameters: tuple[Parameter, ...], body: Body | None, has_token: bool
) -> str:
    """A command to paste into a shell, with everything that is required."""
    needed = [each for each in parameters if each.required]
    query = [(each.name, example_of(each)) for each in needed if each.place == "query"]
    headers = [f"{each.name}: {example_of(each)}" for each in needed if each.place == "header"]
    for each in needed:
        if each.place == "path":
            value = urllib.parse.quote(example_of(each), safe="")
            url = url.replace(f"{{{each.name}}}", value)
    if query:
        url += f"?{urllib.parse.urlencode(query)}"
    options = []
    if body:
        headers.append(f"Content-Type: {body.contents[0].media_type}")
        options.append(f"--data {shlex.quote(body.contents[0].examples[0].text)}")
    if method != ("POST" if body else "GET"):
        options.insert(0, f"--request {method}")
    arguments = [f"--header {shlex.quote(header)}" for header in headers]
    if has_token:
        arguments.append('--header "Authorization: Bearer $TOKEN"')
    return " \\\n  ".join([f"curl {shlex.quote(url)}", *arguments, *options])


# The page


@dataclass(frozen=True)
class Group:
    """A tag and its operations."""

    name: str
    description: Markup
    operations: tuple[Operation, ...]


def read_groups(root: Node) -> Iterator[Group]:
    operations = [
        read_operation(root, route, item, method)
        for route, item in root.members("paths")
        for method in item.checked(PATH_ITEM).value
        if method in METHODS
    ]
    known = set()
    for tag in root.elements("tags"):
        name = tag.checked(TAG).needed_text("name")
        known.add(name)
        own = tuple(operation for operation in operations if operation.tag == name)
        if not own:
            raise tag.fail(f"no operation has the tag {name!r}")
        yield Group(name, tag.prose(), own)
    for operation in operations:
        if operation.tag not in known:
            raise root.fail(f"tags lacks {operation.tag!r} of {operation.id}")


def read_schemas(components: Node) -> Iterator[tuple[str, Schema]]:
    for name, node in components.members("schemas"):
        if not re.fullmatch(r"[A-Za-z0-9]+", name):
            raise node.fail("the name of a schema consists of letters and digits")
        yield name, replace(read_schema(node, (name,)), name=name)


def references(value: Any) -> Iterator[str]:
    """All that is referred to, anywhere in a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def check_components(root: Node) -> None:
    """Refuses what nothing refers to, which the page would not show."""
    used = set(references(root.value))
    components = root.child("components").checked(COMPONENTS)
    for kind in components.value:
        for name, node in components.members(kind):
            if kind not in ("schemas", "securitySchemes"):
                if f"#/components/{kind}/{name}" not in used:
                    raise node.fail("nothing refers to it")


def render(path: pathlib.Path) -> str:
    # First: it refuses what is no API that we could serve.
    read_operations(path)
    document = read_document(path)
    root = Node(document, "", document).checked(ROOT)
    for name in ("info", "servers", "tags", "components"):
        if not root.value.get(name):
            raise root.fail(f"has no {name}")
    check_components(root)
    info = root.child("info").checked(INFO)
    components = root.child("components")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html").render(
        title=info.needed_text("title"),
        version=info.needed_text("version"),
        summary=info.text("summary"),
        introduction=info.prose(),
        servers=[node.checked(SERVER) for node in root.elements("servers")],
        groups=list(read_groups(root)),
        schemas=list(read_schemas(components)),
        security_schemes=[
            (name, node.resolved(SECURITY_SCHEME))
            for name, node in components.members("securitySchemes")
        ],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("openapi", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        arguments.output.write_text(render(arguments.openapi), encoding="utf-8")
    except (RenderError, OSError) as error:
        print(f"api_reference.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
