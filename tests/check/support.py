"""What the checks share: the tree they look at, and how a check reports.

A check is a function that yields one line per problem. It looks at the tree in TEST_SOURCE_DIR and
the build in TEST_BUILD_DIR, so that tests/check/selftest can point it at a tree with a fault.
"""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("TEST_SOURCE_DIR", pathlib.Path(__file__).parents[2])).resolve()
BUILD = pathlib.Path(os.environ.get("TEST_BUILD_DIR", ROOT / "build")).resolve()


def tree(*patterns: str) -> list[str]:
    """Paths of the tree's files that match a git pathspec, tracked or about to be."""
    # The tree may belong to another user, as with `sudo make test`.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z",
               "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted({path for path in listing.split("\0") if path and (ROOT / path).is_file()})


def text_of(path: str) -> str:
    """The text of a file of the tree; empty for one that is missing or not UTF-8."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def numbered_lines(path: str) -> collections.abc.Iterator[tuple[str, str]]:
    """Yields (`path:number`, line)."""
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        yield f"{path}:{number}", line


@contextlib.contextmanager
def copy_of_tree() -> collections.abc.Iterator[pathlib.Path]:
    """A copy of the tree, for as long as the block lasts, that `tree` can list."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path in tree("."):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, root / path)
        subprocess.run(["git", "init", "--quiet", root], check=True)
        yield root


def report(check: collections.abc.Callable[[], collections.abc.Iterable[str]]) -> None:
    """Prints the problems and exits: 1 when there are any."""
    problems = list(check())
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
