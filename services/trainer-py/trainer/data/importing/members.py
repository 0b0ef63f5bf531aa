"""From an uploaded file to the plain files in it: unpacked, out of their archives, with the role of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadDataset
from . import archive, kinds, layouts
from .unpacking import Scratch, head_of, uncompressed


@dataclass(frozen=True)
class SourceFile:
    """role: interactions, train, valid, test or items; display_name: what messages and the rule call it."""

    role: str
    path: Path
    display_name: str


def members_of(source: SourceFile, scratch: Scratch) -> Iterator[tuple[str, str, Path, str, str]]:
    """Role, name to show, path, what was around it, and the name that says what it is, of each.

    Raises BadDataset: empty_file, missing_file, and what `uncompressed` and archives raise."""
    name = source.display_name
    if source.path.stat().st_size == 0:
        raise BadDataset(f"{name} is empty", code="empty_file")
    path, around = uncompressed(source.path, name, scratch)
    if not archive.is_archive(path):
        yield source.role, name, path, around, name
        return
    around = "+".join(filter(None, ["tar" if kinds.is_tar(head_of(path)) else "zip", around]))
    yield from _of_archive(path, name, source.role, around, scratch, 1)


def _of_archive(
    path: Path, name: str, role: str, around: str, scratch: Scratch, depth: int
) -> Iterator[tuple[str, str, Path, str, str]]:
    is_prefix = scratch.is_prefix
    names = archive.names_at_the_end(path, name, scratch) if is_prefix else archive.names_of(path, name)
    if names is None:
        scratch.not_shown[name] = (
            f"{name} is an archive of which only the beginning is shown; the rest is seen on import"
        )
        members = archive.tables_of(path, name, scratch)
        names = [member.name for member in members]
        # What a name does not say hangs on those that are not here yet.
        roles = layouts.taken_by_name(names, role)
    else:
        inner = [one for one in names if _is_archive_name(one)]
        roles = (
            layouts.taken([one for one in names if one not in inner], role)
            if len(names) > 1
            else dict.fromkeys(names, role)
        )
        if not roles and inner:
            roles = dict.fromkeys(inner[:1], role)
        members = archive.tables_of(path, name, scratch, frozenset(roles))
        left_out = [one for one in names if one not in roles]
        if left_out:
            scratch.left_out[name] = left_out
        if is_prefix and (further := [one for one in roles if all(one != member.name for member in members)]):
            listed = ", ".join(further[:10]) + (f" and {len(further) - 10} more" if len(further) > 10 else "")
            scratch.not_shown[name] = f"{name}: what {listed} holds lies further in; it is seen on import"
    found = False
    for member in members:
        shown = f"{name}: {member.name}"
        with scratch.sparing(roles.get(member.name, role), shown):
            found |= member.name in roles
            plain, more = uncompressed(member.path, shown, scratch)
            if archive.is_archive(plain):
                if depth >= 3:
                    raise BadDataset(f"{shown} lies in too many archives; unpack them", code="unsupported_format")
                yield from _of_archive(plain, shown, role, around, scratch, depth + 1)
                found = True
            elif member.name in roles:
                yield roles[member.name], shown, plain, "+".join(filter(None, [around, more])), member.name
    if not found and not (is_prefix and name in scratch.not_shown):
        listed = ", ".join(names[:20]) or "nothing that may be a table"
        raise BadDataset(
            f"{name} holds {listed}, and no name says which is the table of {role}; unpack it and upload the files",
            code="missing_file",
        )


def _is_archive_name(name: str) -> bool:
    return name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))
