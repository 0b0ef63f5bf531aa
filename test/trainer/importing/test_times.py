"""Times: how they are written, which rows are wrong, which of several stays, and what of them a dataset keeps."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.dataset import NO_TIME, Dataset
from trainer.data.importing import Head, ImportRule, preview_files
from trainer.data.importing.naming import is_usual
from trainer.data.importing.times import ISO, checked_times, form_of, iso_of, moment
from trainer.errors import InvalidRequest

Bring = Callable[..., Any]
DAY = 86_400_000
NEW_YEAR = 1_577_836_800_000  # 2020-01-01T00:00:00Z


def evidence(*cells: str) -> str:
    return form_of([pa.array(cells, pa.string())]).form


def read(form: str, *cells: str) -> list[int | None]:
    at, _ = checked_times(pa.array(cells, pa.string()), form, is_needed=False)
    return [None if one == NO_TIME else one for one in at.tolist()]


def times_of(data: Dataset) -> dict[tuple[str, str], str]:
    """(user, item) → ISO 8601, of all parts."""
    assert data.times is not None
    found = {}
    for name, part in data.parts.items():
        entries = part.tocoo()
        for user, item, at in zip(entries.row, entries.col, data.times[name].tolist(), strict=True):
            found[data.users.id(user), data.items.id(item)] = iso_of(at)
    return found


@pytest.mark.parametrize(
    ("form", "cells"),
    [
        ("seconds", ["1577836800", "1577836801.5", "0"]),
        ("milliseconds", ["1577836800000", "1577836801000"]),
        ("microseconds", ["1577836800000000"]),
        ("nanoseconds", ["1577836800000000000"]),
        ("ISO 8601", ["2020-01-01", "2020-01-01 12:00", "2020-01-01T12:00:00.5+02:00"]),
        # As the snapshot of a feed has them.
        ("ISO 8601", ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z", "2101-12-31T23:59:59.999Z"]),
        ("DD.MM.YYYY hh:mm:ss", ["25.09.2025 12:43", "26.11.2026", "1.2.2026 9:05:00", ""]),  # as Excel writes them
        ("", ["25/09/2025", "09/25/2025"]),  # day or month first?
        ("", ["12.5", "3", "40"]),  # hours played
        ("", ["1999", "2004"]),  # years
        ("", ["yesterday", "2020-01-01"]),
        ("", ["", " "]),
        ("", []),
    ],
)
def test_the_form_is_told_from_the_column(form: str, cells: list[str]) -> None:
    assert evidence(*cells) == form


@pytest.mark.parametrize(
    ("said", "cells"),
    [
        ("ISO 8601", ["2020-01-01T00:00:00Z", "2020-01-01 12:00 UTC", "2020-01-01T12:00:00.5+02:00"]),
        ("ISO 8601", ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", ""]),
        ("ISO 8601, all without a zone: UTC", ["2020-01-01", "2020-01-01 12:00", "2020-01-01T12:00:00.5"]),
        ("ISO 8601, all without a zone: UTC", ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]),
        ("ISO 8601, some without a zone: UTC", ["2020-01-01", "2020-01-01T12:00:00-05", "2020-01-02"]),
        ("seconds", ["1577836800"]),
    ],
)
def test_whether_times_say_their_zone_is_told(said: str, cells: list[str]) -> None:
    found = form_of([pa.array(cells, pa.string())])
    assert found.said == said
    if found.form != "seconds":
        apart = form_of(pa.array([cell], pa.string()) for cell in cells)
        assert apart.said == said, "however they are read"


def test_one_early_time_among_milliseconds_makes_no_seconds() -> None:
    """1972 in milliseconds is a number that a second of 4,000 years later has."""
    early = "94694400000"
    assert evidence(early, *["1577836800000"] * 3) == "milliseconds"
    assert [iso_of(at or 0) for at in read("milliseconds", early)] == ["1973-01-01T00:00:00Z"]
    forms = form_of(pa.array([cell], pa.string()) for cell in [early, "1577836800000", "1577836800001"])
    assert forms.form == "milliseconds", "the first batch does not decide"


def test_cells_are_milliseconds_since_1970() -> None:
    assert read("seconds", "1577836800", " 1577836800.25 ", "", "soon", "-1", "1e12") == [
        NEW_YEAR,
        NEW_YEAR + 250,
        None,
        None,
        -1000,
        None,
    ]
    assert read("microseconds", "1577836800000999") == [NEW_YEAR]
    assert read("nanoseconds", "1577836800000999999", "-1") == [NEW_YEAR, -1]
    assert read("nanoseconds", "1577836800000999999", "") == [NEW_YEAR, None]
    iso = ["2020-01-01", "2020-01-01T01:00+01:00", "2020-01-01 00:00:00.9999Z", "2020-02-30", "2020-01-01 24:00", ""]
    assert read("ISO 8601", *iso) == [NEW_YEAR, NEW_YEAR, NEW_YEAR + 999, None, None, None]
    assert read("ISO 8601", "0001-01-01", "9999-12-31T23:59:59.999Z") == [-62_135_596_800_000, 253_402_300_799_999]


def test_dates_with_dots_begin_with_the_day() -> None:
    cells = ["02.01.2020", "1.1.2020 1:00", "01.01.2020  01:00:30", "", "30.02.2020", "2020-01-01", "01.01.2020 24:00"]
    hour = 3_600_000
    expected = [NEW_YEAR + DAY, NEW_YEAR + hour, NEW_YEAR + hour + 30_000, None, None, None, None]
    assert read("DD.MM.YYYY hh:mm:ss", *cells) == expected


@pytest.mark.parametrize(
    "name",
    ["purchased_at", "Ordered On", "boughtDate", "SOLD_TIME", "listened-at", "clickedOn", "order_date", "visited"],
)
def test_a_column_of_times_is_known_by_what_happened_then(name: str) -> None:
    assert is_usual("timestamp", name) == (name != "visited")


moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)


@settings(deadline=None)
@given(st.lists(st.tuples(moments, st.integers(-14 * 60, 14 * 60), st.booleans()), min_size=1, max_size=20))
def test_iso_times_are_what_the_standard_library_reads(given_times: list[tuple[datetime, int, bool]]) -> None:
    """Alone each takes the way of columns that are written alike, together that of mixed ones."""
    cells, expected = [], []
    for at, minutes, has_zone in given_times:
        zoned = at.replace(tzinfo=timezone(timedelta(minutes=minutes)) if has_zone else UTC)
        cells.append(zoned.isoformat() if has_zone else at.isoformat(" "))
        expected.append(round((zoned - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)))
    good = [-62_135_596_800_000 <= at <= 253_402_300_799_999 for at in expected]
    assert read("ISO 8601", *cells, "") == [*expected, None]
    for cell, at, is_good in zip(cells, expected, good, strict=True):
        if is_good:
            assert read("ISO 8601", cell) == [at]


ROWS = "user,item,at\na,x,2020-01-01\na,y,2020-01-02\na,z,2020-01-03\nb,x,2020-01-02\nb,y,2020-01-04\nb,z,2020-01-05\n"


# So many that no item is cold, however they are split.
CROWD = "".join(f"u{user},{item},2020-01-03\n" for user in range(20) for item in "wxyz")


def test_a_dataset_keeps_the_latest_time_of_each_pair_and_says_from_and_to(bring: Bring) -> None:
    data = bring(interactions=ROWS + CROWD + "a,x,2020-01-09\na,x,2019-01-01\nb,z,\n").dataset
    assert {pair: at for pair, at in times_of(data).items() if pair[0] in "ab"} == {
        ("a", "x"): "2020-01-09T00:00:00Z",
        ("a", "y"): "2020-01-02T00:00:00Z",
        ("a", "z"): "2020-01-03T00:00:00Z",
        ("b", "x"): "2020-01-02T00:00:00Z",
        ("b", "y"): "2020-01-04T00:00:00Z",
        ("b", "z"): "2020-01-05T00:00:00Z",
    }
    times = data.statistics["times"]
    expected = {
        "from_ms": NEW_YEAR + DAY,
        "to_ms": NEW_YEAR + 8 * DAY,
        "form": "ISO 8601, all without a zone: UTC",
        "unknown": 0,
        "cuts_ms": [],
    }
    assert times == expected


def test_an_empty_time_is_unknown_and_one_that_is_needed_a_bad_row(bring: Bring) -> None:
    table = ROWS + "b,w,\na,w,\n" + CROWD
    data = bring(interactions=table).dataset
    assert (times_of(data)["b", "w"], data.statistics["times"]["unknown"]) == ("", 2)
    refused = bring('{"split": {"kind": "leave_last"}}', interactions=table)
    assert (refused.code, [(one.code, one.line, one.column) for one in refused.problems]) == (
        "bad_rows",
        [("bad_time", 8, "at"), ("bad_time", 9, "at")],
    )


def test_a_bad_time_is_a_row_problem(bring: Bring) -> None:
    rows = [f"u{n % 40},i{n // 40},{1_577_836_800 + n}" for n in range(400)]
    rows[123] = "u3,i3,noon"
    table = "user,item,timestamp\n" + "\n".join(rows)
    refused = bring(interactions=table)
    [problem] = refused.problems
    assert (refused.code, problem.code, problem.line, problem.column) == ("bad_rows", "bad_time", 125, "timestamp")
    assert "seconds since 1970" in problem.message
    kept = bring('{"skipBadRows": true}', interactions=table)
    assert kept.counts["rows_skipped"] == 1


def test_a_column_that_holds_no_times_is_told_and_refuses_only_what_needs_them(bring: Bring) -> None:
    table = "user,item,time\na,x,12.5\na,y,3\nb,x,4\nb,y,1\n" + CROWD.replace("2020-01-03", "7")
    outcome = bring(interactions=table)
    assert [(one.code, one.column) for one in outcome.problems] == [("no_times", "time")]
    assert outcome.dataset.times is None
    assert "times" not in outcome.dataset.statistics
    for rule in ('{"split": {"kind": "temporal"}}', '{"since": "2020-01-01"}'):
        refused = bring(rule, interactions=table)
        assert refused.code == "no_times"
        assert "'time'" in refused.message
        missing = bring(rule, interactions="user,item\na,x\na,y\nb,x\nb,y\n")
        assert missing.code == "missing_column"
        assert "columns.timestamp" in missing.message


def test_data_without_times_is_written_as_before(bring: Bring, tmp_path: Path) -> None:
    data = bring(interactions=ROWS.replace(",at\n", ",shelf\n")).dataset
    assert data.times is None
    files = {path.name for path in (tmp_path / "artifacts" / data.key).iterdir()}
    assert files - {"cold.arrow"} == {"manifest.json", "interactions.safetensors", "ids.arrow"}
    with_times = bring(interactions=ROWS).dataset
    assert with_times.split_digest == data.split_digest, "times alone make no other split"


def test_of_two_columns_of_times_the_surer_one_is_read(bring: Bring) -> None:
    both = '"reviewTime": "09 13, 2009", "unixReviewTime": 12528'
    reviews = [f'{{"reviewerID": "u{n % 20}", "asin": "i{n // 20}", {both}{n:05}}}' for n in range(120)]
    outcome = bring(interactions=("reviews_Toys.json", "\n".join(reviews)))
    assert outcome.problems == []
    assert outcome.dataset.statistics["times"]["form"] == "seconds"


def test_files_with_times_and_without_are_one_dataset(bring: Bring) -> None:
    data = bring(
        '{"split": {"kind": "given"}}',
        train="user,item,at\na,x,1577836800\na,y,1577836801\nb,x,1577836802\nb,z,1577836803\n",
        test="user,item\na,z\nb,y\n",
    ).dataset
    found = times_of(data)
    assert (found["b", "z"], found["a", "z"]) == ("2020-01-01T00:00:03Z", "")
    assert (data.statistics["times"]["form"], data.statistics["times"]["unknown"]) == ("seconds", 2)


def test_a_window_takes_its_first_moment_and_leaves_its_last(bring: Bring) -> None:
    rule = '{"since": "2020-01-02", "until": "2020-01-05T00:00:00Z", "split": {"kind": "given"}}'
    outcome = bring(
        rule, train=ROWS, test="user,item,at\na,y,2020-01-04T23:59:59.999\nb,z,2020-01-05\nb,z,2020-01-04\n"
    )
    assert sorted(times_of(outcome.dataset)) == [("a", "y"), ("a", "z"), ("b", "x"), ("b", "y"), ("b", "z")]
    assert outcome.counts["outside_window"] == 3
    nothing = bring('{"since": "2030-01-01"}', interactions=ROWS)
    assert (nothing.code, "6 rows lie outside since and until" in nothing.message) == ("dataset_too_small", True)


def test_a_preview_shows_times_as_they_are_read() -> None:
    head = Head("interactions", "a.csv", b"user,item,at\na,x,1577836800\nb,y,1577836800.5\nb,z,\n", True)
    made = preview_files([head], ImportRule())
    [table] = made.tables
    assert [column.form for column in table.columns] == ["", "", "seconds"]
    assert [row[2] for row in table.rows] == ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.500Z", ""]
    [problem] = preview_files([head], ImportRule.parse('{"since": "2020-01-01"}')).problems
    assert (problem.code, problem.line) == ("bad_time", 4)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ('{"since": "last week"}', "rule.since"),
        ('{"until": 1577836800}', "rule.until"),
        ('{"since": "2020-01-02", "until": "2020-01-02"}', "rule"),
        ('{"split": {"kind": "leave_last", "seed": 1}}', "rule.split.leave_last.seed"),
        ('{"split": {"kind": "temporal", "quantiles": [0.9, 0.8]}}', "rule.split.temporal"),
        ('{"split": {"kind": "temporal", "quantiles": [0.9, 1]}}', "rule.split.temporal.quantiles.1"),
        ('{"split": {"kind": "temporal", "quantiles": [0.8]}}', "rule.split.temporal.quantiles"),
        ('{"split": {"kind": "temporal", "at": ["2020-01-02", "2020-01-01"]}}', "rule.split.temporal"),
        ('{"split": {"kind": "temporal", "at": ["2020-01-01", "soon"]}}', "rule.split.temporal.at.1"),
        (
            '{"split": {"kind": "temporal", "at": ["2020-01-01", "2020-01-02"], "quantiles": [0.8, 0.9]}}',
            "rule.split.temporal",
        ),
        ('{"split": {"kind": "strong", "ratios": [0, 0.5, 0.5]}}', "rule.split.strong"),
    ],
)
def test_a_wrong_rule_of_times_names_its_field(rule: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        ImportRule.parse(rule)
    assert error.value.field == field


def test_a_moment_is_iso_8601() -> None:
    assert moment("2020-01-01") == moment("2020-01-01T02:00:00+02:00") == NEW_YEAR
    assert np.datetime64(moment("2020-02-29T12:34:56.789"), "ms") == np.datetime64("2020-02-29T12:34:56.789")


@pytest.mark.parametrize(
    "cells", [("2026010112", "2026020113"), ("202601011205", "202602011306"), ("20260101120507", "20260201130608")]
)
def test_a_date_and_an_hour_without_anything_between_are_no_number(bring: Bring, cells: tuple[str, str]) -> None:
    rows = "".join(f"u{n % 20},i{n // 20},{cells[n % 2]}\n" for n in range(120))
    found = bring(interactions=f"user,item,at\n{rows}").dataset.statistics["times"]
    assert found["form"] == "YYYYMMDDhhmmss"
    assert [iso_of(found[name])[:13] for name in ("from_ms", "to_ms")] == ["2026-01-01T12", "2026-02-01T13"]


@pytest.mark.parametrize("quantiles", [[0.8, 0.9999999999999999], [0.5, 0.75]])
def test_cuts_at_the_edge_and_of_nothing_refuse_or_split_but_never_crash(bring: Bring, quantiles: list[float]) -> None:
    rows = "".join(f"u{n % 10},i{n // 10},{1_600_000_000 + n}\n" for n in range(100))
    rule = {"split": {"kind": "temporal", "quantiles": quantiles}}
    outcome = bring(json.dumps(rule), interactions=f"user,item,at\n{rows}")
    assert outcome.dataset is None or outcome.dataset.times is not None
    refused = bring(json.dumps(rule | {"kCore": 50}), interactions=f"user,item,at\n{rows}")
    assert refused.code == "dataset_too_small"


def test_a_zone_does_not_lead_out_of_the_years() -> None:
    assert read(ISO, "9999-12-31T23:59:59-05:00", "0001-01-01T00:00+05:00") == [None, None]


def test_from_and_to_are_of_all_that_was_read(bring: Bring) -> None:
    rows = "".join(f"u{n % 10},i{n // 10},{1_600_000_000 + n % 7}\n" for n in range(100))
    late = "late,i1,1700000000\nlate,i2,1700000001\n"
    rule = {"split": {"kind": "temporal", "quantiles": [0.5, 0.75]}}
    data = bring(json.dumps(rule), interactions=f"user,item,at\n{rows}{late}").dataset
    assert data.cold is not None
    assert data.statistics["times"]["to_ms"] == 1_700_000_001_000
