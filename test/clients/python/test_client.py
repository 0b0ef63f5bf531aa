"""The generated Python client against the service that VALENCE_URL names, as test/clients/python.test.ts starts it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from valence_client import (
    AuthenticatedClient,
    Client,
    File,
    Problem,
    connect,
    follow,
    follow_async,
    models,
)
from valence_client.api import datasets, experiments, runs, system
from valence_client.api import models as catalogue

ROOT = Path(__file__).parents[3]
URL = os.environ["VALENCE_URL"]
ROWS = "".join(f"u{user},i{(user * 7 + nth * nth * 13) % 40}\n" for user in range(60) for nth in range(8))


@pytest.fixture
def valence() -> Iterator[AuthenticatedClient | Client]:
    client = connect(URL, os.environ.get("VALENCE_API_KEY"))
    with client:
        yield client


def uploaded(client: AuthenticatedClient | Client) -> models.Dataset:
    body = models.NewDataset(
        name="small",
        interactions=File(BytesIO(f"user,item\n{ROWS}".encode()), "small.csv"),
        rule=models.ImportRule(k_core=2),
    )
    dataset = datasets.create_dataset.sync(client=client, body=body)
    while dataset.state in ("QUEUED", "RUNNING"):
        time.sleep(0.2)
        dataset = datasets.get_dataset.sync(dataset.id, client=client)
    return dataset


def test_a_file_becomes_a_dataset_and_an_experiment_is_followed_to_its_end(
    valence: Client,
) -> None:
    dataset = uploaded(valence)
    assert (dataset.state, dataset.files[0].name, dataset.rule["kCore"]) == (
        "SUCCEEDED",
        "small.csv",
        2,
    )
    assert dataset.statistics is not None
    assert dataset.statistics.users == 60
    request = models.NewExperiment(dataset=dataset.id, models=[models.ModelRequest("popularity")], seeds=[5, 6])
    key = str(uuid.uuid4())
    made = experiments.create_experiment.sync(client=valence, body=request, idempotency_key=key)
    assert experiments.create_experiment.sync(client=valence, body=request, idempotency_key=key).id == made.id
    (run,) = made.runs
    events = list(follow(valence, run.id))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    states = [event.data.state for event in events if isinstance(event, models.RunEventState)]
    assert states == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert any(isinstance(event, models.RunEventEpoch) for event in events)
    assert [event.id for event in follow(valence, run.id, after=len(events) - 1)] == [len(events)]
    ended = runs.get_run.sync(run.id, client=valence)
    assert (ended.state, ended.seed, ended.chosen_by) == ("SUCCEEDED", 5, "validation")
    recall = ended.metrics["test.recall@20"]
    assert recall is not None
    assert 0 < recall <= 1


def test_async_says_the_same(valence: Client) -> None:
    async def ask() -> tuple[models.ModelList, models.System, list[int]]:
        async with connect(URL, os.environ.get("VALENCE_API_KEY")) as client:
            several = await asyncio.gather(
                catalogue.list_models.asyncio(client=client),
                system.get_system.asyncio(client=client),
            )
            page = await experiments.list_experiments.asyncio(client=client, limit=1, model="popularity")
            whole = await experiments.get_experiment.asyncio(page.items[0].id, client=client)
            return *several, [event.id async for event in follow_async(client, whole.runs[0].id)]

    listed, here, events = asyncio.run(ask())
    assert listed == catalogue.list_models.sync(client=valence)
    assert "valid" in [model.name for model in listed.items]
    assert here.torch_version
    assert events == list(range(1, len(events) + 1))


def test_what_is_wrong_is_raised_with_its_place(valence: Client) -> None:
    with pytest.raises(Problem) as missing:
        runs.get_run.sync(uuid.UUID(int=0), client=valence)
    assert (missing.value.status, missing.value.code, missing.value.errors) == (
        404,
        "not_found",
        [],
    )
    assert str(missing.value) == missing.value.detail
    request = models.NewExperiment(dataset=uuid.uuid4(), models=[models.ModelRequest("valid")], seeds=[-1])
    with pytest.raises(Problem) as wrong:
        experiments.create_experiment.sync(client=valence, body=request)
    assert [error.pointer for error in wrong.value.errors] == ["/seeds/0"]
    with pytest.raises(Problem) as nobody:
        next(follow(valence, uuid.UUID(int=0)))
    assert nobody.value.status == 404


def test_a_service_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Problem, match=f"does not answer at http://127.0.0.1:{port}") as nothing:
        system.get_system.sync(client=connect(f"http://127.0.0.1:{port}"))
    assert (nothing.value.status, nothing.value.code) == (0, "unavailable")
    with pytest.raises(Problem, match="does not answer") as never:
        next(follow(connect(f"http://127.0.0.1:{port}"), uuid.UUID(int=0)))
    assert never.value.status == 0
    with pytest.raises(Problem, match="does not answer"):
        asyncio.run(anext(follow_async(connect(f"http://127.0.0.1:{port}"), uuid.UUID(int=0))))


class Scripted(BaseHTTPRequestHandler):
    """Gives the answers of its server one after another, a status and a text; closes each connection."""

    def do_GET(self) -> None:
        status, kind, text = self.server.answers.pop(0)  # type: ignore[attr-defined]
        self.server.after.append(self.headers["last-event-id"])  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("content-type", kind)
        # Longer than what comes where the connection is to break off.
        self.send_header("content-length", str(len(text) + (0 if "SUCCEEDED" in text or status > 200 else 1)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


def event(number: int, state: str) -> tuple[int, str, str]:
    data = json.dumps({"state": state, "at": "2026-01-02T03:04:05Z", "error": None})
    return 200, "text/event-stream", f"id: {number}\nevent: state\ndata: {data}\n\n"


AWAY = (503, "text/html", "<h1>A proxy</h1>")


@pytest.mark.parametrize(
    ("answers", "seen", "after", "status"),
    [
        ([event(1, "RUNNING"), AWAY, event(2, "SUCCEEDED")], [1, 2], ["0", "1", "1"], None),
        ([event(1, "RUNNING"), (404, "text/html", "")], [1], ["0", "1"], 404),
        ([event(1, "RUNNING"), (200, "text/html", "<h1>Log in</h1>")], [1], ["0", "1"], 200),
        ([AWAY], [], ["0"], 503),
    ],
)
def test_follow_outlasts_a_service_that_is_away_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[tuple[int, str, str]],
    seen: list[int],
    after: list[str],
    status: int | None,
) -> None:
    monkeypatch.setattr(sys.modules["valence_client.follow"], "RETRY_SECONDS", 0)
    with HTTPServer(("127.0.0.1", 0), Scripted) as server:
        server.answers, server.after = list(answers), []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        got: list[int] = []
        try:
            got.extend(one.id for one in follow(connect(f"http://127.0.0.1:{server.server_port}"), uuid.UUID(int=0)))
            ended = None
        except Problem as problem:
            ended = problem.status
        finally:
            server.shutdown()
        assert (got, server.after, ended) == (seen, after, status)  # type: ignore[attr-defined]


def test_the_notebook_goes_from_a_data_frame_to_recommendations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matplotlib.use("Agg")
    notebook = json.loads((ROOT / "clients/python/examples/notebook.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    names: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)  # noqa: S102 - our own
    knows = names["clicks"].loc[lambda rows: rows["user"] == names["user"], "item"]
    recommended = names["recommended"]["item"]
    assert len(recommended) == 10
    assert not set(recommended) & set(knows)
    topics = knows.str.split("-").str[0].unique()
    assert recommended.str.split("-").str[0].isin(topics).mean() >= 0.7
    assert names["results"].loc["valid", "seeds"] == "2 of 2"
    assert names["results"].loc["itemknn", "seeds"] == "1 of 1"
    assert names["shares"].sum(axis=1).round(3).eq(1).all()
    assert len(names["plt"].get_fignums()) == 2
