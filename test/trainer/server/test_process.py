"""What the log of a process tells of an error, and what it does not."""

import json
import logging
import sys

from trainer.server.process import _JsonLines


def line_of(error: Exception) -> str:
    try:
        try:
            raise KeyError("alice")
        except KeyError as cause:
            raise error from cause
    except Exception:
        record = logging.LogRecord("trainer", logging.ERROR, __file__, 1, "unexpected error", None, sys.exc_info())
    return _JsonLines().format(record)


def test_an_error_is_told_by_kind_and_place_and_quotes_nobody() -> None:
    line = line_of(ValueError("could not convert string to float: 'alice'"))
    told = json.loads(line)["err"]
    assert "ValueError" in told
    assert "KeyError" in told
    assert "test_process.py" in told
    assert "convert string" not in told
    assert "alice" not in told.replace('raise KeyError("alice")', "")  # the source line is not data


def test_what_the_system_says_is_kept() -> None:
    assert (
        "OSError: No space left on device"
        in json.loads(line_of(OSError(28, "No space left on device", "/x/alice")))["err"]
    )
