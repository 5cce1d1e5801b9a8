#!/usr/bin/python3 -B
"""Writes the API reference, one static page, from openapi.yaml.

Whatever the page does not show ends it with one line that names the place: nothing of the
document vanishes unnoticed. Needs Debian's python3-jinja2, python3-markdown and python3-yaml.
"""

from __future__ import annotations

import argparse
import http
import json
import pathlib
import re
import shlex
import sys
import urllib.parse
from dataclasses import dataclass, field, replace
from typing import Any, Iterator

import jinja2
import markdown
from markupsafe import Markup, escape

import routes
from routes import RenderError

TEMPLATES = pathlib.Path(__file__).resolve().parent / "reference"

# What the page shows, and the only members that the document may have.
ROOT = {"openapi", "info", "servers", "tags", "paths", "components", "security"}
INFO = {"title", "version", "summary", "description"}
SERVER = {"url", "description"}
TAG = {"name", "description"}
PATH_ITEM = {"parameters", *routes.METHODS}
OPERATION = {
    *("operationId", "tags", "summary", "description", "deprecated", "security", "parameters"),
    *("requestBody", "responses", "x-body-limit-bytes"),
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
SCHEMA = {
    *("type", "format", "description", "deprecated", "enum", "const", "default", "examples"),
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("items", "minItems", "maxItems", "uniqueItems"),
    *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "dependentSchemas",
    *("oneOf", "anyOf", "allOf"),
}

CODE_IN_DESCRIPTION = re.compile(r"`([a-z][a-z0-9_]*)`:")
JSON_TOKEN = re.compile(
    r'(?P<name>"(?:\\.|[^"\\])*"(?=:))|(?P<string>"(?:\\.|[^"\\])*")'
    r"|(?P<literal>\b(?:true|false|null)\b)|(?P<number>-?\b\d[\d.eE+-]*)"
)


# The document


@dataclass(frozen=True)
class Node:
    """A part of the document, and where it is."""

    root: dict[str, Any]
    place: str
    value: Any

    def fail(self, problem: str) -> RenderError:
        return RenderError(f"{self.place or 'the document'}: {problem}")

    def is_reference(self) -> bool:
        return isinstance(self.value, dict) and "$ref" in self.value

    def target(self) -> Node:
        """What the reference stands for."""
        reference = self.value["$ref"]
        node = Node(self.root, "", self.root)
        if not isinstance(reference, str) or not reference.startswith("#/components/"):
            raise self.fail(f"$ref {reference!r} is not below #/components/")
        for step in reference.removeprefix("#/").split("/"):
            if not isinstance(node.value, dict) or step not in node.value:
                raise self.fail(f"nothing at {reference}")
            node = node.child(step)
        return node

    def resolved(self, handled: set[str]) -> Node:
        """The object itself, or the one that is referred to, with none but handled members."""
        if not self.is_reference():
            return self.checked(handled)
        if len(self.value) > 1:
            raise self.fail("has members next to a $ref")
        return self.target().resolved(handled)

    def checked(self, handled: set[str]) -> Node:
        if not isinstance(self.value, dict):
            raise self.fail("is no object")
        for name in self.value:
            if name not in handled:
                raise self.fail(f"{name!r} is nothing that the API reference shows")
        return self

    def child(self, name: Any) -> Node:
        return Node(self.root, f"{self.place}.{name}".lstrip("."), self.value[name])

    def get(self, name: str) -> Node | None:
        return self.child(name) if name in self.value else None

    def members(self, name: str) -> Iterator[tuple[str, Node]]:
        """The members of an object member, which may be missing."""
        if node := self.get(name):
            if not isinstance(node.value, dict):
                raise node.fail("is no object")
            for key in node.value:
                yield str(key), node.child(key)

    def elements(self, name: str) -> Iterator[Node]:
        """The elements of an array member, which may be missing."""
        if node := self.get(name):
            if not isinstance(node.value, list):
                raise node.fail("is no array")
            for index, value in enumerate(node.value):
                yield Node(self.root, f"{node.place}[{index}]", value)

    def text(self, name: str) -> str:
        """A member that is a text; empty when it is missing."""
        value = self.value.get(name, "")
        if not isinstance(value, str):
            raise self.fail(f"{name} {value!r} is no text")
        return value

    def needed_text(self, name: str) -> str:
        text = self.text(name)
        if not text.strip():
            raise self.fail(f"has no {name}")
        return text

    def flag(self, name: str) -> bool:
        value = self.value.get(name, False)
        if not isinstance(value, bool):
            raise self.fail(f"{name} {value!r} is neither true nor false")
        return value

    def prose(self, name: str = "description") -> Markup:
        """A member that is Markdown."""
        converter = markdown.Markdown(extensions=["fenced_code", "sane_lists", "tables"])
        # Text that looks like HTML is shown as it is.
        converter.preprocessors.deregister("html_block")
        converter.inlinePatterns.deregister("html")
        html = converter.convert(self.text(name))
        if re.search(r"<(h[1-6]|img)\b", html):
            raise self.fail(f"{name} has a heading or an image, which have no place in it")
        if re.search(r'href="(?!#)', html):
            raise self.fail(f"{name} links to another page")
        return Markup(html)  # made by the converter, which escapes


# JSON


def json_text(node: Node, value: Any, indent: int | None = 2) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False)
    except TypeError as error:
        # YAML reads an unquoted date as one.
        raise node.fail(f"{error}; quote it") from error


def highlighted(text: str) -> Markup:
    """JSON with its tokens marked up."""
    parts = []
    end = 0
    for match in JSON_TOKEN.finditer(text):
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<span class="{}">{}</span>').format(match.lastgroup, match[0]))
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def plain(node: Node, value: Any) -> str:
    """A value inside a sentence."""
    return value if isinstance(value, str) and value else json_text(node, value, None)


# Schemas


@dataclass(frozen=True)
class Constraint:
    """What else holds for a value: a label, and texts that are code."""

    label: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A schema as a reader wants to see it, references followed."""

    type: str = ""
    name: str = ""  # in components
    format: str = ""
    nullable: bool = False
    deprecated: bool = False
    description: Markup = Markup("")
    constraints: tuple[Constraint, ...] = ()
    item: Schema | None = None
    members: tuple[Member, ...] = ()
    variants: tuple[Schema, ...] = ()
    variants_label: str = ""

    def expandable(self) -> Schema | None:
        """The object, or the variants, whose members are worth a table."""
        if self.members or self.variants:
            return self
        return self.item.expandable() if self.item else None


@dataclass(frozen=True)
class Member:
    """A member of an object."""

    name: str
    required: bool
    schema: Schema


def read_schema(node: Node, inside: tuple[str, ...] = ()) -> Schema:
    """`inside` are the names of the schemas that this one is part of."""
    if not node.is_reference():
        return read_own_schema(node.checked(SCHEMA), inside)
    node.checked({"$ref", "description"})
    target = node.target()
    name = target.place.removeprefix("components.schemas.")
    if f"components.schemas.{name}" != target.place or "." in name:
        raise node.fail(f"{node.value['$ref']} is no schema")
    if name in inside:
        schema = Schema(type="object")
    else:
        schema = read_schema(target, (*inside, name))
    return replace(schema, name=name, description=node.prose() or schema.description)


def read_own_schema(node: Node, inside: tuple[str, ...]) -> Schema:
    types = read_types(node)
    nullable = "null" in types
    schema = Schema(
        type=" or ".join(name for name in types if name != "null") or "null",
        format=node.text("format"),
        nullable=nullable and types != ["null"],
        deprecated=node.flag("deprecated"),
        description=node.prose(),
        constraints=tuple(read_constraints(node, nullable)),
        members=tuple(read_members(node, inside)),
    )
    if items := node.get("items"):
        schema = replace(schema, item=read_schema(items, inside))
    for keyword in ("oneOf", "anyOf", "allOf"):
        if keyword in node.value:
            parts = [read_schema(part, inside) for part in node.elements(keyword)]
            schema = combine(node, keyword, schema, parts)
    return schema


def read_types(node: Node) -> list[str]:
    """The names of the types; of the values, where none are named."""
    types = node.value.get("type")
    if types is None:
        values = [each.value for each in node.elements("enum")]
        values += [node.value["const"]] if "const" in node.value else []
        types = list(dict.fromkeys(json_type(value) for value in values))
        if "properties" in node.value:
            types = ["object"]
    types = types if isinstance(types, list) else [types]
    for name in types:
        if name not in ("null", "boolean", "integer", "number", "string", "array", "object"):
            raise node.fail(f"type {name!r} is unknown")
    return types or ["any"]


def json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "array" if isinstance(value, list) else "object")


def combine(node: Node, keyword: str, schema: Schema, parts: list[Schema]) -> Schema:
    """A schema with those that are combined in it."""
    if node.value.get("type") is None:
        schema = replace(schema, type="")
    if keyword == "allOf":
        members = [member for part in parts for member in part.members]
        constraints = [constraint for part in parts for constraint in part.constraints]
        return replace(
            schema,
            type=schema.type or parts[0].type,
            members=(*members, *schema.members),
            constraints=(*constraints, *schema.constraints),
        )
    others = [part for part in parts if part.type != "null"]
    nullable = schema.nullable or len(others) < len(parts)
    if len(others) == 1 and not schema.type:
        only = others[0]
        description = schema.description or only.description
        constraints = (*only.constraints, *schema.constraints)
        return replace(only, nullable=nullable, description=description, constraints=constraints)
    label = "One of" if keyword == "oneOf" else "Any of"
    return replace(schema, nullable=nullable, variants=tuple(others), variants_label=label)


def read_members(node: Node, inside: tuple[str, ...]) -> Iterator[Member]:
    required = [element.value for element in node.elements("required")]
    properties = dict(node.members("properties"))
    for name in required:
        if name not in properties and "allOf" not in node.value:
            raise node.fail(f"requires {name!r}, which is none of its properties")
    for name, member in properties.items():
        yield Member(name, name in required, read_schema(member, inside))
    rest = node.get("additionalProperties")
    if rest and not isinstance(rest.value, bool):
        yield Member("any other name", False, read_schema(rest, inside))


def read_constraints(node: Node, nullable: bool) -> Iterator[Constraint]:
    value = node.value
    if "enum" in value:
        values = [each.value for each in node.elements("enum")]
        shown = [each for each in values if each is not None or not nullable]
        yield Constraint("One of", tuple(plain(node, each) for each in shown))
    if "const" in value:
        yield Constraint("Always", (plain(node, value["const"]),))
    if "default" in value:
        yield Constraint("Default", (plain(node, value["default"]),))
    yield from read_ranges(node)
    if "pattern" in value:
        yield Constraint("Pattern", (node.text("pattern"),))
    if "multipleOf" in value:
        yield Constraint("Multiple of", (plain(node, value["multipleOf"]),))
    if node.flag("uniqueItems"):
        yield Constraint("No item twice")
    if value.get("additionalProperties") is False:
        yield Constraint("No other members")
    yield from read_dependencies(node)
    for example in node.elements("examples"):
        yield Constraint("Example", (plain(node, example.value),))


def read_dependencies(node: Node) -> Iterator[Constraint]:
    """What the presence of one member says about the value of another."""
    for name, dependent in node.members("dependentSchemas"):
        for other, schema in dependent.checked({"properties"}).members("properties"):
            if "const" not in schema.checked({"const"}).value:
                raise schema.fail("has no const")
            value = plain(schema, schema.value["const"])
            yield Constraint(f"With {name}, {other} is always", (value,))


def read_ranges(node: Node) -> Iterator[Constraint]:
    for low, high, label, unit in (
        ("minLength", "maxLength", "Length", "character"),
        ("minimum", "maximum", "Range", ""),
        ("exclusiveMinimum", "exclusiveMaximum", "Range without its ends", ""),
        ("minItems", "maxItems", "Length", "item"),
        ("minProperties", "maxProperties", "Size", "member"),
    ):
        least, most = node.value.get(low), node.value.get(high)
        for bound in (least, most):
            if type(bound) not in (int, float, type(None)):
                raise node.fail(f"{low} or {high} {bound!r} is no number")
        if least is None and most is None:
            continue
        if most is None:
            text, last = f"at least {least:,}", least
        elif least is None:
            text, last = f"at most {most:,}", most
        else:
            text, last = (f"{least:,} to {most:,}" if least != most else f"{most:,}"), most
        plural = "" if last == 1 else "s"
        yield Constraint(f"{label}: {text} {unit}{plural}" if unit else f"{label}: {text}")


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
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    curl: str

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
    limit = operation.value.get("x-body-limit-bytes", routes.DEFAULT_BODY_LIMIT_BYTES)
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
    source = operation if "security" in operation.value else root
    schemes = dict(root.child("components").members("securitySchemes"))
    found = []
    for element in source.elements("security"):
        for name, roles in element.checked(set(schemes)).value.items():
            found.append(f"{name} ({', '.join(roles)})" if roles else name)
    return tuple(found)


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
        parameters=parameters,
        body=body,
        responses=responses,
        curl=curl(method.upper(), url + route, parameters, body, bool(security)),
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
        if method in routes.METHODS
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
    routes.read_operations(path)
    document = routes.read_document(path)
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
