"""What the bench needs of a checkpoint before anybody serves it.

python -m peers.asked questions ARTIFACTS CHECKPOINT            every user, and the items they are known by, as JSON
python -m peers.asked compute ARTIFACTS CHECKPOINT < QUESTIONS   the model's own time for each question, in ms, as JSON
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.serving.checkpoint import LoadedCheckpoint
from trainer.serving.person import known_user
from trainer.serving.question import Question

from .served import load, question_of

WARM_UP = 20


def people(loaded: LoadedCheckpoint) -> Iterator[dict[str, Any]]:
    """{user, items} of each user who has items to go by."""
    ids = loaded.dataset.items
    for row in range(len(loaded.dataset.users)):
        user = loaded.dataset.users.id(row)
        items = [ids.id(int(column)) for column in known_user(loaded.dataset, user).history]
        if items:
            yield {"user": user, "items": items}


def milliseconds(loaded: LoadedCheckpoint, question: Question) -> float:
    """One question alone: ranking, shares and reasons, without ids, titles, gRPC or HTTP."""
    started = time.perf_counter()
    loaded.rank([question])
    return (time.perf_counter() - started) * 1000


def main() -> None:
    what, root, key = sys.argv[1:]
    loaded = load(Path(root), key)
    if what == "questions":
        json.dump(list(people(loaded)), sys.stdout)
        return
    questions = [question_of(loaded, asked) for asked in json.load(sys.stdin)]
    for question in questions[:WARM_UP]:
        milliseconds(loaded, question)
    json.dump([milliseconds(loaded, question) for question in questions], sys.stdout)


if __name__ == "__main__":
    main()
