"""What an export is asked for, checked, and what makes two attempts at it the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import torch

from ... import __version__, device
from ...errors import InvalidRequest
from ...storage import artifacts
from .formats import FORMATS

MOST_RECOMMENDED = 1000
MOST_USERS = 100_000


@dataclass(frozen=True)
class ExportRequest:
    """key, sha256: of the checkpoint. users: in the order of the file; none: everybody, in the dataset's order.
    hidden: items that nobody is recommended. live: path below the root and sha256 of what people have met since the
    dataset (live.py); None: the checkpoint as it was trained. erased: who is left out, salts and digests in
    hexadecimals (erased.py)."""

    export_id: str
    key: str
    sha256: str
    n: int
    format: str
    explain: bool
    users: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    device: str = "auto"
    live: tuple[str, str] | None = None
    erased: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        artifacts.export_key(self.export_id)
        artifacts.run_of(self.key)
        if not 1 <= self.n <= MOST_RECOMMENDED:
            raise InvalidRequest(f"n is from 1 to {MOST_RECOMMENDED}, not {self.n}", field="n")
        if self.format not in FORMATS:
            raise InvalidRequest(f"format is {', '.join(FORMATS)}, not {self.format!r}", field="format")
        if len(self.users) > MOST_USERS:
            raise InvalidRequest(f"users are at most {MOST_USERS:,}, not {len(self.users):,}", field="users")
        if len(set(self.users)) < len(self.users):
            raise InvalidRequest("users holds the same id twice", field="users")

    @staticmethod
    def of(values: dict[str, Any]) -> ExportRequest:
        """From what came through JSON."""
        tuples = {name: tuple(values[name]) for name in ("users", "hidden")}
        live = tuple(values["live"]) if values["live"] else None
        erased = tuple((salt, tuple(digests)) for salt, digests in values["erased"])
        return ExportRequest(**{**values, **tuples, "live": live, "erased": erased})

    def fingerprint(self, where: torch.device) -> str:
        """sha256 over what is asked and what computes it: parts with the same one belong into the same file."""
        made_by = [__version__, torch.__version__, pa.__version__, device.describe(where), torch.get_num_threads()]
        # Where it lies is another place each time.
        asked = asdict(self) | {"live": self.live and self.live[1]}
        text = json.dumps([asked, made_by], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
