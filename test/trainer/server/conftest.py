"""One trainer for all tests that ask one: it takes seconds to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer_process import Server, Stub, children_of, save_dataset, serving


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    save_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def server(root: Path) -> Iterator[Server]:
    with serving(root) as started:
        yield started
        process, _ = started
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture
def stub(server: Server) -> Iterator[Stub]:
    process, stub = server
    yield stub
    for child in children_of(process):  # a test that failed must not take the next one's slot
        child.kill()
