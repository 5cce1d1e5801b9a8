"""The commands of the operator's guide as a script.

The blocks of its Markdown that are fenced as `sh` are run, in their order, in one shell. All other
lines become empty ones, so that the shell's line numbers are those of the guide. A block passes when
each of its commands ends with status 0; what a command must show, a `grep` behind it looks for.
"""

import pathlib
import re
import shlex

from machine import Failure

PATH = pathlib.Path("docs/operations.md")
# What cannot be run in a single machine, or is no command.
OTHER_FENCES = {"text", "ini", "nginx", "yaml"}


def script_of(path: pathlib.Path) -> str:
    """Announces each block by `block LINE HEADING`, which is defined by who runs the script."""
    lines = []
    fence, heading, blocks = "", "", 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        opened = re.match(r"\s*```(\w*)", line)
        if opened and fence:
            fence = ""
            lines.append("")
        elif opened:
            fence = opened[1]
            if fence != "sh" and fence not in OTHER_FENCES:
                raise Failure(f"{path.name}:{number}: a block of what? ({fence or 'no name'})")
            blocks += fence == "sh"
            lines.append(f"block {number} {shlex.quote(heading)}" if fence == "sh" else "")
        else:
            title = re.match(r"#+ (.*)", line) if not fence else None
            heading = title[1] if title else heading
            lines.append(line if fence == "sh" else "")
    if not blocks:
        raise Failure(f"{path.name} has no block of commands")
    return "\n".join(lines) + "\n"
