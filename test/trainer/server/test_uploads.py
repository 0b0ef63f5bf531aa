"""What the start of a trainer removes of the uploads it finds."""

import os
import time
import uuid
from pathlib import Path

from trainer.server import uploads


def staged(root: Path, name: str, age_seconds: float) -> str:
    folder = root / "uploads" / str(uuid.uuid4())
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"user,item\n")
    then = time.time() - age_seconds
    for path in (folder / name, folder):
        os.utime(path, (then, then))
    return folder.name


def test_what_an_import_may_still_name_stays_however_old(tmp_path: Path) -> None:
    month = 30 * 24 * 3600.0
    whole = {staged(tmp_path, "data", 0), staged(tmp_path, "data", month)}
    live = staged(tmp_path, "data.part", 60)
    staged(tmp_path, "data.part", month)
    uploads.sweep(tmp_path)
    assert {path.name for path in (tmp_path / "uploads").iterdir()} == whole | {live}
