"""How the end of a child is told: by a stand-in for the child that ends in a chosen way."""

import ast
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import trainer
from trainer.errors import Busy, OutOfMemory, Stopping, TrainerCrashed
from trainer.events import Event, Log
from trainer.server import children
from trainer.server.children import Children

HANG_SECONDS = 30
TRAINER = Path(trainer.__file__).parents[1]


STAND_IN = """
import os, sys, time

def main(task, events, errors, lifeline):
    os.dup2(errors.fileno(), sys.stderr.fileno())
    {script}
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Children]:
    """Children whose process runs `script`; `events` is the pipe of its events."""

    def start(script: str) -> Children:
        (tmp_path / "stand_in.py").write_text(STAND_IN.format(script=script))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "stand_in", raising=False)
        monkeypatch.setattr(children, "work", importlib.import_module("stand_in"))
        return Children(1, tmp_path, None, HANG_SECONDS)

    return start


def test_what_it_says_after_its_last_event_is_kept(child: Callable[[str], Children]) -> None:
    heard: list[Event] = []
    dying = child('events.close(); time.sleep(0.5); print("terminate called", file=sys.stderr); sys.exit(3)')
    with pytest.raises(TrainerCrashed, match="process of the evaluation ended with exit status 3"):
        heard.extend(dying.events("evaluate", "", {}, lambda: True))
    assert heard == [Log("warning", "terminate called")]


def test_want_of_memory_is_told_in_the_words_of_the_work(
    child: Callable[[str], Children], monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter((0, 1))
    monkeypatch.setattr(children, "_oom_kills", lambda: next(kills))
    with pytest.raises(OutOfMemory, match="ended the import for want of memory; try fewer interactions"):
        list(child("os.kill(os.getpid(), 9)").events("import", "", {}, lambda: True))


def test_an_orderly_stop_is_no_crash(child: Callable[[str], Children]) -> None:
    ending = child('print("working", file=sys.stderr, flush=True); time.sleep(60)')
    events = ending.events("train", "", {}, lambda: True)
    assert next(events) == Log("warning", "working")
    threading.Thread(target=ending.stop).start()
    with pytest.raises(Stopping):
        list(events)
    with pytest.raises(Stopping):
        list(ending.events("train", "", {}, lambda: True))


def test_what_is_worked_on_is_waited_for_and_nothing_else(
    child: Callable[[str], Children], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "datasets/" + "1" * 64
    busy = child('print("working", file=sys.stderr, flush=True); time.sleep(60)')
    wanted = threading.Event()
    wanted.set()
    events = busy.events("import", key, {}, wanted.is_set)
    assert next(events) == Log("warning", "working")
    busy.wait_for(["datasets/" + "2" * 64, "runs/x"])
    monkeypatch.setattr(children, "SLOT_SECONDS", 0.2)
    with pytest.raises(Busy):
        busy.wait_for([key])
    monkeypatch.undo()
    ending = threading.Thread(target=list, args=(events,))
    ending.start()
    wanted.clear()
    busy.wait_for([key])
    ending.join()


LOADED = """
import os, sys, trainer.__main__
from trainer.server import children
trainer.__main__.registry.catalogue()
for name in children.PRELOADED:
    __import__(name)
print(sorted(open(f"/proc/self/task/{one}/comm").read().strip() for one in os.listdir("/proc/self/task")))
print("grpc" in sys.modules)
"""


def test_what_children_are_forked_from_has_no_threads_and_nothing_of_grpc() -> None:
    # OpenBLAS ends its threads before a fork, jemalloc makes its own anew: both know how.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.run(command, env=environment, cwd=TRAINER, capture_output=True, text=True)
    found, has_grpc = loaded.stdout.splitlines()
    threads = [name for name in ast.literal_eval(found) if not name.startswith("jemalloc")]
    assert len(threads) == 1, threads
    assert has_grpc == "False"


PREPARED = """
import psutil
from pathlib import Path
from trainer.server import children
children.prepare()
(prepared,) = psutil.Process().children()
import stand_in
children.work = stand_in
saying = children.Children(1, Path("."), None, 30)
print([event.message for event in saying.events("train", "", {}, lambda: True)])
print([one.pid == prepared.pid for one in psutil.Process().children() if "forkserver" in " ".join(one.cmdline())])
prepared.kill()
print([event.message for event in saying.events("train", "", {}, lambda: True)])
"""


def test_when_what_children_are_forked_from_is_killed_the_next_child_starts_another(tmp_path: Path) -> None:
    (tmp_path / "stand_in.py").write_text(STAND_IN.format(script='print("forked by", os.getppid(), file=sys.stderr)'))
    command = [sys.executable, "-c", PREPARED]
    environment = os.environ | {"PYTHONPATH": f"{TRAINER}:{tmp_path}"}
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    said = ran.stdout.splitlines()
    first, found, second = (ast.literal_eval(line) for line in said)
    assert (len(first), len(second), found) == (1, 1, [True])
    assert first != second
