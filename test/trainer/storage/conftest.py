"""One S3 server for all tests that need one: it takes seconds to start."""

import uuid
from collections.abc import Iterator

import pytest

from s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with s3_server(tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture
def url(_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an empty place in a bucket, which this process and those that it starts can reach."""
    for name, value in _server.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4()}/artifacts"
