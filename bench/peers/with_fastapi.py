"""Plain FastAPI with the model in process: one worker, each request computes its own answer in a thread."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from peers import served

app = FastAPI()
served.checkpoint()


class Guest(BaseModel):
    items: list[str]
    n: int = 20


@app.get("/users/{user}/recommendations")
def recommendations(user: str, n: int = 20) -> JSONResponse:
    # FastAPI would walk through a dict once more before it writes it.
    return JSONResponse(served.recommend([{"user": user, "n": n}])[0])


@app.post("/recommendations")
def fold_in(guest: Guest) -> JSONResponse:
    return JSONResponse(served.recommend([guest.model_dump()])[0])
