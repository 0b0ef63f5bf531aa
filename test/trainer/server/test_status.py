"""How a call ends that failed, as its caller sees it."""

import errno
import logging
from collections.abc import Sequence
from typing import Any, cast

import grpc
import pytest

from trainer.errors import StorageFull
from trainer.server.status import abort


class Ended(Exception):
    pass


class Context:
    """Of a call, as far as its end needs one."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.status: tuple[str, str] | None = None

    def set_trailing_metadata(self, metadata: Sequence[tuple[str, str]]) -> None:
        self.metadata = dict(metadata)

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.status = (code.name, details)
        raise Ended


def end_of(error: BaseException) -> tuple[Any, str, str]:
    context = Context()
    with pytest.raises(Ended):
        abort(cast("grpc.ServicerContext", context), error)
    assert context.status is not None
    return (context.metadata.get("valence-code"), *context.status)


def test_a_disk_that_takes_no_writes_is_away_and_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ended = end_of(OSError(errno.EROFS, "Read-only file system", "/secret/uploads/x"))
    assert ended == ("store_unavailable", "UNAVAILABLE", "the disk that holds the artifacts takes no writes")
    assert [record.getMessage() for record in caplog.records] == ["the disk that holds the artifacts takes no writes"]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (StorageFull("full"), "storage_full", "RESOURCE_EXHAUSTED"),
        (TimeoutError(), None, "DEADLINE_EXCEEDED"),
        (OSError(errno.EIO, "Input/output error"), "internal", "INTERNAL"),
        (KeyError("somebody"), "internal", "INTERNAL"),
    ],
)
def test_what_is_expected_keeps_its_code_and_of_the_rest_nothing_is_told(
    error: BaseException, code: str | None, status: str
) -> None:
    ended = end_of(error)
    assert ended[:2] == (code, status)
    assert "somebody" not in ended[2]
