#!/usr/bin/python3
"""Writes a C++ source that holds a text file as a constant.

usage: embed_text.py INPUT OUTPUT SYMBOL NAMESPACE HEADER

The source defines `NAMESPACE::SYMBOL`, which HEADER declares as `extern const std::string_view`.
"""

import pathlib
import sys

# The question mark because two of them may begin a trigraph.
ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("?"): "\\?"}


def literal(line: bytes) -> str:
    """A string literal of one line. Octal escapes, unlike \\x, end after three digits."""
    return '"' + "".join(
        ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}")
        for byte in line) + '"'


def lines_of(content: bytes) -> str:
    """The text as C++ string literals, one to a line, which the compiler joins."""
    lines = "\n".join("    " + literal(line) for line in content.splitlines(keepends=True))
    return lines or '    ""'


def main() -> int:
    if len(sys.argv) != 6:
        print(__doc__, file=sys.stderr)
        return 64
    source, output, symbol, namespace, header = sys.argv[1:]
    content = pathlib.Path(source).read_bytes()
    content.decode("utf-8")  # fails the build here rather than a reader of the constant later
    pathlib.Path(output).write_text(f"""\
// Generated from {pathlib.Path(source).name}; changes belong there.
#include "{header}"

namespace {namespace} {{
namespace {{

constexpr char {symbol}Text[] =
{lines_of(content)};

}}  // namespace

constinit const std::string_view {symbol}({symbol}Text, sizeof({symbol}Text) - 1);

}}  // namespace {namespace}
""", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
