"""Who was erased since the dataset was taken: told by salted hashes, so that no id travels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence


def among(erased: Sequence[tuple[str, Sequence[str]]]) -> Callable[[str], bool]:
    """Whether a user is one of them: of each salt and its digests, all hexadecimal, sha256 over the salt and the id."""
    people = [(bytes.fromhex(salt), {bytes.fromhex(digest) for digest in digests}) for salt, digests in erased]

    def is_erased(user: str) -> bool:
        return any(hashlib.sha256(salt + user.encode()).digest() in digests for salt, digests in people)

    return is_erased
