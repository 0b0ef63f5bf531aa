"""From messages to who was erased since a dataset was taken."""

from __future__ import annotations

from collections.abc import Iterable

from ..pb.trainer.v1 import trainer_pb2 as pb


def hashes(messages: Iterable[pb.ErasedPeople]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each salt and its digests in hexadecimals, as `serving.exporting.erased` takes them."""
    return tuple((some.salt.hex(), tuple(digest.hex() for digest in some.digests)) for some in messages)
