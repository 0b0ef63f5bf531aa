"""How the file looks: its members in their order, the names they may have, and the bytes around each.

Members, in this order: `valence-backup` (the format's number), `tables/*`, the files of artifacts under their own keys,
`manifest.json` (bytes and sha256 of every member before it), and a trailer of fixed size, `sha256`, over everything
before. Everything is read once while it is written, so the manifest cannot come first.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable

from ...errors import BadArchive

FORMAT = 1
FIRST, MANIFEST, TRAILER = "valence-backup", "manifest.json", "sha256"
TABLES = "tables"
_TABLE = re.compile(rf"{TABLES}/[a-z0-9_]{{1,63}}\.copy\.gz")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Not every artifact has them; the manifest says which do.
OPTIONAL = ("tags.arrow", "times.safetensors", "cold.arrow")
CONSTANT = "weights.safetensors"
# As dataset.py, artifacts.py, constants.py, user_values.py and uploads.py name them; a test compares. Those load
# PyTorch, which no backup needs.
FILES = {
    re.compile(r"datasets/[0-9a-f]{64}"): ("interactions.safetensors", "ids.arrow", *OPTIONAL, "manifest.json"),
    re.compile(rf"runs/{_UUID}/epoch-[0-9]{{5}}"): ("weights.safetensors", "optimizer.safetensors", "manifest.json"),
    re.compile(rf"runs/{_UUID}/constant-[0-9a-f]{{64}}"): (CONSTANT,),
    re.compile(rf"values/{_UUID}"): ("users.parquet", "manifest.json"),
    re.compile(rf"uploads/{_UUID}"): ("data",),
}
# Of one read.
CHUNK = 1 << 20
_END = bytes(2 * tarfile.BLOCKSIZE)

# Is told how many bytes are done.
Progress = Callable[[int], None]


def check_name(name: str) -> None:
    """Nothing but a table or a file of an artifact: no absolute path, no way up, no other place."""
    folder, _, file = name.rpartition("/")
    if not _TABLE.fullmatch(name) and not any(
        shape.fullmatch(folder) and file in names for shape, names in FILES.items()
    ):
        raise BadArchive(f"{name[:200]!r} has no place in a backup")


def header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def trailer(digest: str) -> bytes:
    text = digest.ljust(64).encode()
    return header(TRAILER, len(text)) + text + padding(len(text)) + _END
