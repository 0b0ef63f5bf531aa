import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from trainer.serving.cache import LoadedCache


class Value:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Loader:
    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.loads: list[str] = []
        self.made: dict[str, Value] = {}

    def __call__(self, key: str) -> Value:
        self.loads.append(key)
        time.sleep(self.seconds)
        if key.startswith("bad"):
            raise ValueError(f"{key} is damaged")
        self.made[key] = Value(key)
        return self.made[key]


def test_many_who_want_the_same_at_once_share_one_load() -> None:
    loader = Loader(seconds=0.1)
    cache = LoadedCache[str, Value](loader, capacity=2)

    def want(_: int) -> Value:
        with cache.use("a") as value:
            return value

    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(want, range(16)))
    assert loader.loads == ["a"]
    assert len({id(value) for value in values}) == 1


def test_the_least_recently_used_leaves() -> None:
    loader = Loader()
    cache = LoadedCache[str, Value](loader, capacity=2)
    for key in ["a", "b", "a", "c"]:
        with cache.use(key):
            pass
    assert loader.made["b"].closed == 1
    assert "a" in cache
    assert "c" in cache
    with cache.use("a"):
        pass
    assert loader.loads == ["a", "b", "c"]


def test_one_in_use_is_not_closed_before_its_user_is_done() -> None:
    loader = Loader()
    cache = LoadedCache[str, Value](loader, capacity=1)
    with cache.use("a") as value:
        with cache.use("b"):
            pass
        assert value.closed == 0
    assert loader.made["a"].closed + loader.made["b"].closed == 1


def test_a_failed_load_is_told_to_all_who_wait_and_disturbs_nobody() -> None:
    loader = Loader(seconds=0.1)
    cache = LoadedCache[str, Value](loader, capacity=1)
    with cache.use("good"):
        pass
    barrier = threading.Barrier(4)

    def want(_: int) -> str:
        barrier.wait()
        with pytest.raises(ValueError, match="bad is damaged"), cache.use("bad"):
            pass
        return "told"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(want, range(4))) == ["told"] * 4
    assert loader.made["good"].closed == 0
    with cache.use("good"):
        pass
    assert loader.loads == ["good", "bad"]


def test_a_failed_load_is_tried_again_next_time() -> None:
    loader = Loader()
    cache = LoadedCache[str, Value](loader, capacity=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"), cache.use("bad"):
            pass
    assert loader.loads == ["bad", "bad"]


def test_close_closes_each_once() -> None:
    loader = Loader()
    cache = LoadedCache[str, Value](loader, capacity=2)
    for key in ["a", "b"]:
        with cache.use(key):
            pass
    cache.close()
    assert [value.closed for value in loader.made.values()] == [1, 1]
    assert "a" not in cache
