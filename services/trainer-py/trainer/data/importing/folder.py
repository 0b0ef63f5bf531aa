"""A folder of RecBole files: NAME.inter or NAME.{train,valid,test}.inter, plain or gzip; NAME.item for titles."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import BadDataset
from .members import SourceFile
from .rule import GivenSplit, ImportRule

_FILE = re.compile(r"(?P<name>.+?)(\.(?P<part>train|valid|test))?\.(?P<kind>inter|item)(\.gz)?")


def files_of_folder(folder: Path) -> tuple[list[SourceFile], ImportRule]:
    """The files with their roles, and the rule that fits them. Raises BadDataset saying what is missing."""
    if not folder.is_dir():
        raise BadDataset(f"{folder} is not a folder", code="empty_file")
    files = []
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            role = "items" if match["kind"] == "item" else match["part"] or "interactions"
            files.append(SourceFile(role, path, path.name))
    roles = {file.role for file in files}
    if {"train", "test"} <= roles and "interactions" not in roles:
        return files, ImportRule(split=GivenSplit(kind="given"))
    if "interactions" in roles and not roles & {"train", "valid", "test"}:
        return files, ImportRule()
    raise BadDataset(
        f"{folder} needs NAME.inter, or NAME.train.inter and NAME.test.inter (and NAME.valid.inter), plain or .gz",
        code="missing_file",
    )
