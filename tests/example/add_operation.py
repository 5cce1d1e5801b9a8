#!/usr/bin/python3 -B
"""Adds the operation of CONTRIBUTING's worked example to the paths of an openapi.yaml."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main(source: str, target: str) -> None:
    document = pathlib.Path(source).read_text(encoding="utf-8")
    paths, components = document.split("\ncomponents:\n")
    operation = (HERE / "operation.yaml").read_text(encoding="utf-8")
    pathlib.Path(target).write_text(f"{paths}\n{operation}\ncomponents:\n{components}",
                                    encoding="utf-8")


main(*sys.argv[1:])
