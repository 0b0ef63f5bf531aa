"""An artifacts folder of one artifact of each kind, as backups are made of it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import trainer
from trainer.storage.archive import Wanted, pack

RUN = "0b9d6f3a-5a0f-4a58-9f6e-5d2c5a3c1e77"
DATASET, CHECKPOINT, UPLOAD = f"datasets/{'a' * 64}", f"runs/{RUN}/epoch-00003", f"uploads/{RUN}"
HEAD = {"valence": "0.1.0", "migrations": []}
SERVICE = Path(trainer.__file__).parents[1]


def quietly(_: int) -> None:
    pass


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def folder_of(root: Path, key: str, files: dict[str, bytes]) -> str:
    """An artifact with its manifest; the sha256 of that."""
    proofs = {name: {"sha256": sha256(content), "bytes": len(content)} for name, content in files.items()}
    manifest = json.dumps({"files": proofs}).encode()
    for name, content in {**files, "manifest.json": manifest}.items():
        (root / key).mkdir(parents=True, exist_ok=True)
        (root / key / name).write_bytes(content)
    return sha256(manifest)


class Home:
    """An artifacts folder with one artifact of each kind, beside two dumped tables."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.tables = folder, folder / "artifacts", folder / "tables"
        folder_of(
            self.root,
            DATASET,
            {
                "interactions.safetensors": b"who likes what",
                "ids.arrow": b"",
                "tags.arrow": b"t",
                "times.safetensors": b"when",
                "cold.arrow": b"c",
            },
        )
        proof = folder_of(self.root, CHECKPOINT, {"weights.safetensors": b"w" * 700, "optimizer.safetensors": b"o"})
        (self.root / UPLOAD).mkdir(parents=True)
        (self.root / UPLOAD / "data").write_bytes(b"user,item\n")
        self.tables.mkdir()
        (self.tables / "jobs.copy.gz").write_bytes(b"rows of jobs")
        (self.tables / "runs.copy.gz").write_bytes(b"")
        self.wanted = [Wanted(DATASET), Wanted(CHECKPOINT, proof), Wanted(UPLOAD, sha256(b"user,item\n"))]

    def pack(self, name: str = "backup") -> tuple[Path, dict[str, Any]]:
        file = self.folder / name
        return file, pack(file, HEAD, self.tables, self.wanted, self.root, quietly)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_constant(home: Home) -> str:
    """Two checkpoints of a run that have a part in common; its place."""
    place = f"runs/{RUN}/constant-{sha256(b'path')}/weights.safetensors"
    (home.root / place).parent.mkdir()
    (home.root / place).write_bytes(b"path")
    for key in (CHECKPOINT, CHECKPOINT.replace("00003", "00004")):
        folder_of(home.root, key, {"weights.safetensors": b"w", "optimizer.safetensors": b"o"})
        manifest = home.root / key / "manifest.json"
        described = json.loads(manifest.read_bytes()) | {"constant": {"sha256": sha256(b"path"), "bytes": 4}}
        manifest.write_text(json.dumps(described))
        home.wanted = [one for one in home.wanted if one.key != key] + [Wanted(key, sha256(manifest.read_bytes()))]
    return place
