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
        LOG_LEVEL="warn",
        TIMING_SCALE="0.5",
    )
    assert values == Settings(Path("/else/where"), "[::1]:0", 64, 3, 1000, 1, True, "warn", 0.5)


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
        ("EXIT_WITH_STDIN", ["true", "yes", "2", "00"], "must be 0 or 1"),
        ("LOG_LEVEL", ["verbose", "INFO", "silent"], "must be one of trace, debug, info, warn, error, fatal"),
        ("TIMING_SCALE", ["0", "0.09", "1000.1", "1e3", "nan", "inf", "-1"], "must be a number from 0.1 to 1000.0"),
    ],
)
def test_a_bad_value_names_the_variable_and_what_is_allowed(name: str, values: list[str], allowed: str) -> None:
    for value in values:
        with pytest.raises(BadSetting) as error:
            read(**{name: value})
        assert str(error.value).startswith(f"{name} {allowed}")
        assert repr(value) in str(error.value) or not value


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
