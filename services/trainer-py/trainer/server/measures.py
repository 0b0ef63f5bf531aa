"""What can be measured, and what was measured of single users: messages from files that are there, without a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ..data import dataset
from ..data.dataset import IdMap
from ..errors import InvalidRequest
from ..evaluation import user_values
from ..evaluation.metrics import METRICS
from ..evaluation.user_values import HISTORY, ITEMS, TOP, USER, UserValues
from ..events import MetricGroup, UserValuesRef
from ..pb.trainer.v1 import measures_pb2 as pb
from ..pb.trainer.v1 import trainer_pb2
from ..serving.exporting.erased import among
from . import erased_people

MOST_ROWS = 1000
# Of a file that is downloaded, at a time.
ROWS_AT_ONCE = 10_000
CHUNK_BYTES = 256 << 10
# Files of which pages were read last: who turns pages reads the same one again.
MOST_OPEN = 4


def catalogue() -> pb.ListMetricsResponse:
    return pb.ListMetricsResponse(metrics=[pb.MetricDescription(**vars(metric)) for metric in METRICS.values()])


def values_ref(ref: UserValuesRef | None) -> pb.UserValuesRef | None:
    return None if ref is None else pb.UserValuesRef(**vars(ref))


def groups(groups: list[MetricGroup]) -> list[pb.MetricGroup]:
    # `from` is a word of Python.
    return [
        pb.MetricGroup(
            by=one.by, group=one.group, to=one.last, users=one.users, metrics=one.metrics, **{"from": one.first}
        )
        for one in groups
    ]


def page(root: Path, request: trainer_pb2.ReadUserValuesRequest) -> pb.ReadUserValuesResponse:
    """Raises InvalidRequest, ValuesMissing and ValuesCorrupt, and what of the dataset is not there."""
    if not 1 <= request.limit <= MOST_ROWS:
        raise InvalidRequest(f"limit is from 1 to {MOST_ROWS}, not {request.limit}", field="limit")
    if request.offset < 0:
        raise InvalidRequest(f"offset must be 0 or more, not {request.offset}", field="offset")
    values, users = _without_lists(root, request.values.key, request.values.sha256)
    _check_dataset(values, request.values, request.dataset_key)
    places = _order(values, users, request.sort, request.descending)
    places = places[~_erased(users, request.erased)[places]]
    if request.user:
        places = places[places == pc.index(users, request.user).as_py()]
    some = places[request.offset : request.offset + request.limit]
    return pb.ReadUserValuesResponse(
        columns=list(values.columns),
        rows=[
            pb.UserValues(
                user=user,
                history=values.history[place],
                items=values.items[place],
                values=[column[place] for column in values.columns.values()],
            )
            for place, user in zip(some, users.take(some).to_pylist(), strict=True)
        ],
        total=len(places),
    )


def download(root: Path, request: trainer_pb2.DownloadUserValuesRequest) -> Iterator[pb.DownloadUserValuesResponse]:
    """A row a user, with ids: user, history, items, each metric at each cut-off; in Parquet also the first items of the
    list. Raises as `page` does."""
    if request.format not in _FORMATS:
        raise InvalidRequest(f"format is {' or '.join(_FORMATS)}, not {request.format!r}", field="format")
    values = user_values.load(root, request.values.key, request.values.sha256)
    _check_dataset(values, request.values, request.dataset_key)
    of_dataset, items, _ = dataset.load_ids(root, values.dataset_key)
    users = of_dataset.array.take(values.users)
    fields = [(USER, pa.string()), (HISTORY, pa.int32()), (ITEMS, pa.int32())]
    fields += [(name, pa.float64()) for name in values.columns]
    if request.format == "parquet":
        fields.append((TOP, pa.list_(pa.string())))
    schema, sink = pa.schema(fields), _Sink()
    with _FORMATS[request.format](sink, schema) as writer:
        left = np.flatnonzero(~_erased(users, request.erased))
        for start in range(0, len(left), ROWS_AT_ONCE):
            columns = _columns(values, left[start : start + ROWS_AT_ONCE], users, items)
            writer.write_table(pa.table({name: columns[name] for name in schema.names}, schema))
            yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """What a writer of Arrow has written since it was last asked for; it is told where it stands in the whole."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._before = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def tell(self) -> int:
        return self._before + len(self._written)

    def taken(self) -> Iterator[pb.DownloadUserValuesResponse]:
        data, self._written = bytes(self._written), bytearray()
        self._before += len(data)
        for start in range(0, len(data), CHUNK_BYTES):
            yield pb.DownloadUserValuesResponse(data=data[start : start + CHUNK_BYTES])


_FORMATS: dict[str, Callable[[_Sink, pa.Schema], Any]] = {
    "csv": pa.csv.CSVWriter,
    "parquet": lambda sink, schema: pa.parquet.ParquetWriter(sink, schema, compression="zstd"),
}


@lru_cache(MOST_OPEN)
def _without_lists(root: Path, key: str, sha256: str) -> tuple[UserValues, pa.StringArray]:
    """With the id of the user of each row."""
    values = user_values.load(root, key, sha256, with_top=False)
    users, _, _ = dataset.load_ids(root, values.dataset_key)
    return values, users.array.take(values.users)


def _check_dataset(values: UserValues, ref: pb.UserValuesRef, dataset_key: str) -> None:
    if values.dataset_key != dataset_key:
        raise InvalidRequest(f"{ref.key} was measured on another dataset", field="dataset_key")


def _erased(users: pa.StringArray, erased: Sequence[trainer_pb2.ErasedPeople]) -> np.ndarray:
    """Of each row whether its user was erased since the dataset was taken, [U] bool."""
    if not erased:
        return np.zeros(len(users), dtype=bool)
    is_erased = among(erased_people.hashes(erased))
    return np.array([is_erased(user) for user in users.to_pylist()], dtype=bool)


def _order(values: UserValues, users: pa.StringArray, sort: str, descending: bool) -> np.ndarray:
    """Places of all rows; of equal ones as the dataset has its users."""
    if sort == USER:
        keys = pc.rank(users, tiebreaker="first").to_numpy().astype(np.int64)
    else:
        sortable = {"": values.users, HISTORY: values.history, ITEMS: values.items, **values.columns}
        if sort not in sortable:
            allowed = ", ".join([USER, *filter(None, sortable)])
            raise InvalidRequest(f"sort is one of {allowed}, not {sort!r}", field="sort")
        keys = sortable[sort]
    return np.argsort(-keys if descending else keys, kind="stable")


def _columns(values: UserValues, some: np.ndarray, users: pa.StringArray, items: IdMap) -> dict[str, Any]:
    top = values.top[some]
    ends = (top >= 0).sum(1).cumsum()
    return {
        USER: users.take(some),
        HISTORY: values.history[some],
        ITEMS: values.items[some],
        **{name: column[some] for name, column in values.columns.items()},
        TOP: pa.ListArray.from_arrays(np.concatenate([[0], ends]).astype(np.int32), items.array.take(top[top >= 0])),
    }
