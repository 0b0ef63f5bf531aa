"""VALIANT: its score against its two parts, the path as state, shares by hand, and what does not fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, random_array

from trainer import registry
from trainer.contract.recommender import Histories, Recommender, StepContext
from trainer.contract.ridge import EASEConfig
from trainer.errors import BadConfiguration
from trainer.models import valiant
from trainer.models.ease import EASE
from trainer.models.valiant import Valiant, ValiantConfig
from trainer.models.valid import Valid

USERS, ITEMS = 30, 24
SMALL = {"k": 3, "embedding_size": 6, "encoder_size": 5, "linear_k": 8}
TRAIN = csr_matrix(
    (random_array((USERS, ITEMS), density=0.3, rng=np.random.default_rng(1)).toarray() > 0).astype(np.float32)
)
PATHS = ["ease", "slim", "rp3beta"]


def context(epoch: int) -> StepContext:
    return StepContext(epoch, epoch, 1, 7, torch.Generator().manual_seed(epoch))


def ready(**params: object) -> Valiant:
    """As it is before the first step."""
    model = Valiant(ValiantConfig.model_validate(SMALL | params), USERS, ITEMS)
    model.prepare(TRAIN, torch.Generator().manual_seed(3))
    model.start_pass(context(1))
    return model.eval()


def people(rows: np.ndarray | None = None) -> Histories:
    return Histories.of(TRAIN, np.arange(USERS) if rows is None else rows)


def interests_alone(model: Valiant) -> Valid:
    """VALID with the same weights."""
    fields = Valid.config_class.model_fields
    config = registry.resolve_config(
        Valid, json.dumps({n: v for n, v in model.config.model_dump().items() if n in fields})
    )
    alone = Valid(config, USERS, ITEMS)
    alone.prepare(TRAIN, torch.Generator().manual_seed(3))
    alone.load_state_dict({name: value for name, value in model.state_dict().items() if name in alone.state_dict()})
    return alone.eval()


@pytest.mark.parametrize("linear", PATHS)
def test_its_score_is_the_sum_of_its_parts(linear: str) -> None:
    model, batch = ready(linear=linear, linear_weight=5.0), people()
    path: Recommender | None = model.path
    assert path is not None
    lin = path.scores(batch)
    scale = lin.amax(1)[TRAIN.getnnz(1) > 0].mean()
    torch.testing.assert_close(model.scale, scale)
    expected = interests_alone(model).scores(batch) + 5.0 * lin / scale
    torch.testing.assert_close(model.scores(batch), expected, rtol=1e-5, atol=1e-5)


def test_its_ease_is_ease() -> None:
    model = ready(linear="ease", reg_weight=3.0)
    alone = EASE(EASEConfig(reg_weight=3.0), USERS, ITEMS)
    alone.prepare(TRAIN, torch.Generator())
    alone.fit(TRAIN)
    offsets = model.offsets(people())
    assert offsets is not None
    torch.testing.assert_close(offsets * model.scale / model.config.linear_weight, alone.scores(people()))


@pytest.mark.parametrize("params", [{"linear": "none"}, {"linear": "ease", "linear_weight": 0.0}])
def test_without_the_path_it_is_valid(params: dict[str, object]) -> None:
    model, batch = ready(**params), people()
    alone = interests_alone(model)
    assert torch.equal(model.scores(batch), alone.scores(batch))
    assert torch.equal(model.best(batch, 10, batch).columns, alone.best(batch, 10, batch).columns)
    linear = model.interests(batch, torch.arange(ITEMS)).linear
    assert linear is not None
    assert (linear == 0).all()


@pytest.mark.parametrize("linear", PATHS)
def test_the_path_is_solved_once_and_then_state(linear: str) -> None:
    model = ready(linear=linear)
    again = Valiant(model.config, USERS, ITEMS)
    again.prepare(TRAIN, torch.Generator().manual_seed(4))
    again.load_state_dict(model.state_dict())
    again.start_pass(context(2))
    assert torch.equal(again.eval().scores(people()), model.scores(people()))
    assert not [name for name, _ in model.named_parameters() if name.startswith("path.")]


@pytest.mark.parametrize("linear", PATHS)
def test_a_few_people_at_a_time_are_answered_alike(monkeypatch: pytest.MonkeyPatch, linear: str) -> None:
    model, batch = ready(linear=linear), people()
    whole, shares = model.explained(batch, 6, batch)
    monkeypatch.setattr(valiant, "NUMBERS_AT_ONCE", 4 * ITEMS)
    parts, again = model.explained(batch, 6, batch)
    assert torch.equal(whole.columns, parts.columns)
    torch.testing.assert_close(whole.scores, parts.scores)
    assert shares is not None
    assert again is not None
    torch.testing.assert_close(shares.linear, again.linear)


def test_shares_by_hand() -> None:
    model, batch = ready(linear="slim", linear_weight=2.0), people(np.array([0, 3]))
    items = torch.tensor([[1, 5], [7, 2]])
    found = model.interests(batch, items)
    offsets = model.offsets(batch)
    assert offsets is not None
    assert found.linear is not None
    for row in range(2):
        for place in range(2):
            beside = float(offsets[row, items[row, place]])
            p = float(found.item_terms[row, :, place].sum())
            lifted = max(0.0, np.log(p)) + max(0.0, beside)
            assert float(found.linear[row, place]) == pytest.approx(
                max(0.0, beside) / lifted if lifted else 0.0, abs=1e-5
            )


def test_weights_that_are_alike_move_no_share() -> None:
    model, batch = ready(linear="slim"), people()
    items = torch.arange(ITEMS)
    plain = model.interests(batch, items).linear
    for weight in (0.25, 4.0):
        steered = replace(batch, weights=torch.full((USERS, 3), weight))
        torch.testing.assert_close(model.interests(steered, items).linear, plain, rtol=1e-4, atol=1e-5)


def test_what_is_computed_for_a_list_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = ready(linear="ease"), people()
    assert model.path is not None
    asked: list[int] = []
    scores = model.path.scores
    monkeypatch.setattr(model.path, "scores", lambda some: asked.append(len(some)) or scores(some))
    model.explained(batch, 5, batch)
    assert asked == [USERS]


def test_strangers_and_people_without_a_history() -> None:
    model = ready(linear="ease")
    known = people(np.array([2]))
    stranger = Histories(torch.tensor([-1]), known.indptr, known.indices)
    torch.testing.assert_close(model.scores(stranger), model.scores(known), rtol=1e-4, atol=1e-4)
    nobody = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.empty(0, dtype=torch.int64))
    assert model.scores(nobody).isfinite().all()
    assert model.best(people(np.empty(0, dtype=np.int64)), 5, people(np.empty(0, dtype=np.int64))).columns.shape == (
        0,
        5,
    )


def test_a_path_that_every_checkpoint_would_pay_for_is_refused() -> None:
    with pytest.raises(BadConfiguration, match=r"ease takes 1\.5 GiB .* may take 1; slim and rp3beta keep") as refused:
        Valiant(ValiantConfig(linear="ease"), 20_000, 50_000)
    assert refused.value.field == "linear"
    with pytest.raises(BadConfiguration, match=r"400 weights of 1,000,000 items .* at most 134 fit") as refused:
        Valiant(ValiantConfig(linear="rp3beta"), 2, 1_000_000)
    assert refused.value.field == "linear_k"
    assert Valiant(ValiantConfig(linear="slim", embedding_size=1, encoder_size=1, linear_k=1), 20_000, 50_000).path
