"""A bad value of the environment stops the process before it serves, naming the variable and what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

import trainer
from trainer import settings
from trainer.settings import BadSetting, Settings


def read(**environment: str) -> Settings:
    return settings.read("TRAINER_LISTEN", "127.0.0.1:50051", {"VALENCE_ARTIFACTS": "/data", **environment})


def test_the_defaults_and_an_empty_value_is_the_default() -> None:
    empty = dict.fromkeys(("TRAINER_LISTEN", "TRAINER_SLOTS", "LOG_LEVEL", "EXIT_WITH_STDIN", "TIMING_SCALE"), "")
    assert read(**empty) == read()
    assert read() == Settings(
        artifacts=Path("/data"),
        listen="127.0.0.1:50051",
        slots=1,
        threads=None,
        cache=4,
        most_upload_bytes=10 << 30,
        exit_with_stdin=False,
        log_level="info",
        timing_scale=1.0,
        traces=False,
    )


def test_every_variable_is_read() -> None:
    values = read(
        VALENCE_ARTIFACTS="/else/where",
        TRAINER_LISTEN="[::1]:0",
        TRAINER_SLOTS="64",
        TRAINER_THREADS="3",
        RECOMMENDER_CACHE="1000",
        MAX_UPLOAD_BYTES="1",
        EXIT_WITH_STDIN="1",
        LOG_LEVEL="silent",
        TIMING_SCALE="0.5",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318",
    )
    assert values == Settings(Path("/else/where"), "[::1]:0", 64, 3, 1000, 1, True, "silent", 0.5, True)


@pytest.mark.parametrize(
    ("name", "values", "allowed"),
    [
        ("VALENCE_ARTIFACTS", [""], "must name the artifacts folder"),
        (
            "TRAINER_LISTEN",
            ["50051", ":50051", "localhost", "localhost:", "localhost:65536", "a b:1", "::1:1", "h:1 "],
            "must be host:port",
        ),
        ("TRAINER_SLOTS", ["0", "65", "-1", "1.0", "one", " 1", "٣"], "must be a whole number from 1 to 64"),
        ("TRAINER_THREADS", ["-1", "1025", "all", "1e1"], "must be a whole number from 0 to 1024"),
        ("RECOMMENDER_CACHE", ["0", "1001", "4 "], "must be a whole number from 1 to 1000"),
        (
            "MAX_UPLOAD_BYTES",
            ["0", "10G", "-5", "9" * 19, "1125899906842625"],
            "must be a whole number from 1 to 1125899906842624",
        ),
        ("VALENCE_CACHE_BYTES", ["1048575", "10GiB"], "must be a whole number from 1048576 to 1125899906842624"),
        ("EXIT_WITH_STDIN", ["true", "yes", "2", "00"], "must be 0 or 1"),
        ("LOG_LEVEL", ["verbose", "INFO"], "must be one of trace, debug, info, warn, error, fatal, silent"),
        ("TIMING_SCALE", ["0", "0.09", "1000.1", "1e3", "nan", "inf", "-1"], "must be a number from 0.1 to 1000.0"),
    ],
)
def test_a_bad_value_names_the_variable_and_what_is_allowed(name: str, values: list[str], allowed: str) -> None:
    for value in values:
        with pytest.raises(BadSetting) as error:
            read(**{name: value})
        assert str(error.value).startswith(f"{name} {allowed}")
        assert repr(value) in str(error.value) or not value


BUCKETS = ["s3://bucket", "s3://bucket/", "s3://my.bucket-1/some/pre_fix", "gs://bucket/x", "az://container/x"]


@pytest.mark.parametrize("url", BUCKETS)
def test_artifacts_in_an_object_store_are_read_through_a_cache(url: str) -> None:
    values = read(VALENCE_ARTIFACTS=url, VALENCE_CACHE="/cache", VALENCE_CACHE_BYTES="1048576")
    assert (values.artifacts, values.store, values.cache_bytes) == (Path("/cache"), url, 1 << 20)
    assert read(VALENCE_ARTIFACTS=url, VALENCE_CACHE="/cache").cache_bytes == 10 << 30


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://Bucket/x",
        "s3://bucket//x",
        "s3://bucket/../x",
        "s3://bucket/a b",
        "s3://key:secret@bucket/x",
        "s3://bucket/x?secret=1",
        "http://secret/bucket",
        "file:///secret",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(BadSetting, match=r"^VALENCE_ARTIFACTS must be a folder, or an object store as s3://") as error:
        read(VALENCE_ARTIFACTS=url, VALENCE_CACHE="/cache")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("folder", ["", "s3://bucket/cache"])
def test_an_object_store_needs_a_cache(folder: str) -> None:
    with pytest.raises(BadSetting, match=r"^VALENCE_CACHE must name a folder of this machine for copies of s3://b1b"):
        read(VALENCE_ARTIFACTS="s3://b1b", VALENCE_CACHE=folder)


@pytest.mark.parametrize("below", ["", "below", "far/below"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / below)
    with pytest.raises(BadSetting, match=f"^VALENCE_ARTIFACTS must name a folder, and {tmp_path}/file is none$"):
        read(VALENCE_ARTIFACTS=place)
    with pytest.raises(BadSetting, match=r"^VALENCE_CACHE must name a folder, and"):
        read(VALENCE_ARTIFACTS="s3://b1b", VALENCE_CACHE=place)
    assert read(VALENCE_ARTIFACTS=str(tmp_path / "new" / "folder")).artifacts == tmp_path / "new" / "folder"


def test_a_cache_is_no_artifacts_folder(tmp_path: Path) -> None:
    (tmp_path / ".store.json").write_text("{}")
    with pytest.raises(BadSetting, match=f"{tmp_path}, which is the cache of an object store"):
        read(VALENCE_ARTIFACTS=str(tmp_path))


def test_traces_are_sent_as_opentelemetry_says_and_by_the_protocol_that_is_spoken() -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}
    assert read(**endpoint).traces
    assert not read(**endpoint, OTEL_SDK_DISABLED="true").traces
    assert not read(OTEL_EXPORTER_OTLP_PROTOCOL="grpc").traces
    with pytest.raises(BadSetting, match=r"^OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not 'grpc'"):
        read(**endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")


def test_without_traces_nothing_of_opentelemetry_is_loaded() -> None:
    code = "import sys, trainer.server.trainer_server; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    environment = {"PYTHONPATH": str(Path(trainer.__file__).parents[1])}
    loaded = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_both_listen_variables_are_named_by_their_own_name() -> None:
    with pytest.raises(BadSetting, match=r"^RECOMMENDER_LISTEN must be host:port, not 'x'"):
        settings.read("RECOMMENDER_LISTEN", "127.0.0.1:50052", {"VALENCE_ARTIFACTS": "a", "RECOMMENDER_LISTEN": "x"})


def test_a_process_does_not_start_with_it() -> None:
    environment = {"PYTHONPATH": str(Path(trainer.__file__).parents[1]), "RECOMMENDER_CACHE": "many"}
    environment["VALENCE_ARTIFACTS"] = "/nowhere"
    arguments = [sys.executable, "-m", "trainer", "serve-recommender"]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "RECOMMENDER_CACHE must be a whole number from 1 to 1000, not 'many'\n"
    assert not Path("/nowhere").exists()


def test_a_folder_that_a_killed_restore_has_left_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".restore").mkdir()
    read(VALENCE_ARTIFACTS=str(tmp_path))  # without its mark it says nothing
    (tmp_path / ".restore/restore.json").write_text("{}")
    with pytest.raises(BadSetting, match=f"{tmp_path}, which holds the beginning of a restore that did not finish"):
        read(VALENCE_ARTIFACTS=str(tmp_path))
