"""A backup in one file: a tar archive of dumped tables and artifacts, and what proves each of its bytes."""

from .packing import Wanted, pack
from .unpacking import check, unpack

__all__ = ["Wanted", "check", "pack", "unpack"]
