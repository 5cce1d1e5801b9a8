"""A part of openapi.yaml as the API reference shows it: its place, texts, JSON and schemas."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Iterator

import markdown
from markupsafe import Markup, escape

from operations import RenderError

# What is shown of a schema, and the only members that one may have.
SCHEMA = {
    *("type", "format", "description", "deprecated", "enum", "const", "default", "examples"),
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("items", "minItems", "maxItems", "uniqueItems"),
    *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "dependentSchemas",
    *("oneOf", "anyOf", "allOf"),
}
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
