"""Artifacts as objects of a bucket: what is put there, how it is found, and when it counts.

<key>/<sha256>                            a file of the artifact, named by its bytes
<key>/inventory-<sha256 of itself>.json   its files: {name: {"bytes", "sha256"}}

An artifact is there once it has an inventory, which is put last and only where none of that name is: the same made
twice has one name, and what two writers made differently lies side by side, each whole. Of several the one that holds
the proof asked for counts, else the newest. Inventories go first when an artifact is deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import obstore
from obstore import exceptions
from obstore.store import from_url

from ..errors import StoreUnavailable
from .durable import sha256_of

INVENTORY = re.compile(r"inventory-[0-9a-f]{64}\.json")
# All that is told of an answer that was not expected.
_STATUS = re.compile(r"status code: ([0-9]{3} [A-Za-z ]+)")
# Of one request when bytes travel: small enough for a slow line within the time a request has.
CHUNK_BYTES = 16 << 20
# All attempts together stay below what makes a silent child look hung.
_PATIENCE = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}

_on_progress: list[Callable[[], None]] = []


def tell_progress(told: Callable[[], None]) -> None:
    """`told` is called again and again while bytes travel: a transfer may take longer than work may be silent."""
    _on_progress[:] = [told]


@dataclass(frozen=True)
class FileProof:
    bytes: int
    sha256: str

    @staticmethod
    def of(path: Path) -> FileProof:
        return FileProof(path.stat().st_size, sha256_of(path))

    def fits(self, path: Path) -> bool:
        return path.is_file() and path.stat().st_size == self.bytes and sha256_of(path) == self.sha256


@dataclass(frozen=True)
class Stored:
    """What lies under a key. changed: unix seconds of its newest object."""

    key: str
    bytes: int
    changed: float


class ObjectStore:
    """A bucket, or what lies below a prefix of it. All calls raise StoreUnavailable when it does not answer; what they
    say holds neither credentials nor what the store has answered, which may quote them."""

    def __init__(self, url: str) -> None:
        """url: s3://, gs:// or az://. Endpoint and credentials are the standard environment's of each (AWS_*, GOOGLE_*,
        AZURE_*)."""
        self._url = url
        options = {"timeout": "30s", "connect_timeout": "5s", "allow_http": os.environ.get("AWS_ALLOW_HTTP") == "true"}
        with self._asked():
            self._store = from_url(url, client_options=options, retry_config=_PATIENCE)  # type: ignore[call-overload]

    def check(self) -> None:
        """Whether it answers us at all."""
        with self._asked():
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def publish(self, key: str, folder: Path, names: list[str]) -> None:
        """Puts files of the folder. Bytes that are there are put again: they may be damaged. Raises StoreUnavailable
        where a file changes meanwhile: it may be tried again."""
        proofs = {name: FileProof.of(folder / name) for name in names}
        inventory = json.dumps({name: asdict(proof) for name, proof in proofs.items()}, sort_keys=True).encode()
        with self._asked():
            for name, proof in proofs.items():
                digest = hashlib.sha256()
                with (folder / name).open("rb") as file:
                    obstore.put(self._store, f"{key}/{proof.sha256}", _chunks(file.read, digest.update))
                if digest.hexdigest() != proof.sha256:
                    raise StoreUnavailable(f"{key}/{name} changed on its way to {self._url}")
            name = f"inventory-{hashlib.sha256(inventory).hexdigest()}.json"
            try:
                obstore.put(self._store, f"{key}/{name}", inventory, mode="create")
            except exceptions.AlreadyExistsError:  # the same, by somebody else or an earlier attempt
                if self._read_inventory(f"{key}/{name}") is None:
                    obstore.put(self._store, f"{key}/{name}", inventory)

    def inventory(self, key: str, proof: str | None = None) -> dict[str, FileProof] | None:
        """Of the artifact under the key, preferably the one with a file of that sha256; None where there is none."""
        with self._asked():
            found = [(path, changed) for path, _, changed in self._objects(key) if INVENTORY.fullmatch(_name(path))]
            newest = None
            for path, _ in sorted(found, key=lambda one: (one[1], one[0]), reverse=True):
                files = self._read_inventory(path)
                if files is not None and (proof is None or any(file.sha256 == proof for file in files.values())):
                    return files
                newest = newest or files
            return newest

    def fetch(self, key: str, proof: FileProof, target: Path) -> bool:
        """Writes a file of an artifact; False, and no whole file at `target`, where it is missing or damaged."""
        path, digest = f"{key}/{proof.sha256}", hashlib.sha256()
        with self._asked(), target.open("wb") as file:
            try:
                if obstore.head(self._store, path)["size"] != proof.bytes:
                    return False
                for start in range(0, proof.bytes, CHUNK_BYTES):
                    end = min(start + CHUNK_BYTES, proof.bytes)
                    chunk = obstore.get_range(self._store, path, start=start, end=end)
                    digest.update(chunk)
                    file.write(chunk)
                    _progress()
            except FileNotFoundError:
                return False
        return digest.hexdigest() == proof.sha256

    def delete(self, key: str) -> bool:
        """What lies under a key and below it; whether anything did."""
        with self._asked():
            paths = [path for path, _, _ in self._objects(key)]
            first = [path for path in paths if INVENTORY.fullmatch(_name(path))]
            for some in (first, [path for path in paths if path not in set(first)]):
                if some:
                    self._delete(some)
        return bool(paths)

    def keys_below(self, key: str) -> list[str]:
        """Keys of what lies below a key, ascending."""
        with self._asked():
            return sorted({path.rpartition("/")[0] for path, _, _ in self._objects(key)})

    def listing(self) -> Iterator[Stored]:
        """Everything, by key; also what has no inventory, as a writer that was killed leaves it."""
        found: dict[str, tuple[int, float]] = {}
        with self._asked():
            for path, size, changed in self._objects():
                key = path.rpartition("/")[0] or path
                total, newest = found.get(key, (0, 0.0))
                found[key] = total + size, max(newest, changed)
        for key, (total, newest) in found.items():
            yield Stored(key, total, newest)

    def _objects(self, key: str | None = None) -> Iterator[tuple[str, int, float]]:
        """Path, bytes and unix seconds of each."""
        for page in obstore.list(self._store, key):
            for one in page:
                yield one["path"], one["size"], one["last_modified"].timestamp()

    def _delete(self, paths: list[str]) -> None:
        try:
            obstore.delete(self._store, paths)
        except FileNotFoundError:  # some stores say so of the first that somebody else has deleted, and stop there
            for path in paths:
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, path)

    def _read_inventory(self, path: str) -> dict[str, FileProof] | None:
        """None where it has gone meanwhile or is damaged."""
        try:
            text = bytes(obstore.get(self._store, path).bytes())
            if _name(path) != f"inventory-{hashlib.sha256(text).hexdigest()}.json":
                return None
            return {name: FileProof(**values) for name, values in json.loads(text).items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return None

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
            raise StoreUnavailable(f"{self._url} refuses the credentials of this process") from None
        except exceptions.BaseError as error:
            answered = _STATUS.search(str(error))
            why = answered[1] if answered else type(error).__name__
            raise StoreUnavailable(f"{self._url} does not answer as it should ({why})") from None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _chunks(read: Callable[[int], bytes], told: Callable[[bytes], None]) -> Iterator[bytes]:
    while chunk := read(CHUNK_BYTES):
        told(chunk)
        yield chunk
        _progress()


def _progress() -> None:
    for told in _on_progress:
        told()
