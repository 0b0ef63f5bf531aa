"""What the two ends of a Parquet file show: its columns stand at its end, its first rows at its beginning."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from .unpacking import Scratch

_MOST_ROWS = 200


def shown(path: Path, name: str, scratch: Scratch) -> Path | None:
    """A Parquet file with the columns, and with the first rows where these are here; None where not even the columns
    are. What is missing is told as not shown."""
    gap = scratch.gap_of(path)
    if gap is None:
        why = "Parquet names its columns at its end, so that its beginning shows nothing"
        scratch.not_shown[name] = f"{name}: {why}; they are seen on import"
        return None
    small = scratch.new()
    try:
        with pa.parquet.ParquetFile(path, pre_buffer=False) as file:
            rows = file.schema_arrow.empty_table()
            if _end_of_first_rows(file.metadata) <= gap[0]:
                rows = pa.Table.from_batches(
                    [next(file.iter_batches(_MOST_ROWS, row_groups=[0], use_threads=False))], file.schema_arrow
                )
        pa.parquet.write_table(rows, small)
    except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        scratch.not_shown[name] = f"{name}: what names its columns is not in its last bytes; they are seen on import"
        return None
    if not rows.num_rows:
        scratch.not_shown[name] = f"{name}: its columns are shown, its rows lie further in; they are seen on import"
    return small


def _end_of_first_rows(about: pa.parquet.FileMetaData) -> int:
    """Where the first row group ends; behind everything where there is none."""
    if about.num_row_groups == 0:
        return 1 << 62
    group = about.row_group(0)
    ends = []
    for number in range(group.num_columns):
        column = group.column(number)
        first = [column.data_page_offset, column.dictionary_page_offset or column.data_page_offset]
        ends.append(min(first) + column.total_compressed_size)
    return max(ends, default=0)
