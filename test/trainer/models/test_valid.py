"""VALID and MacridVAE against the reference numbers and against a slow dense model written from the equations."""

import itertools
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import normalize

from trainer.contract.interest_config import MacridVAEConfig, ValidConfig
from trainer.contract.recommender import Histories, StepContext
from trainer.kernels import noise
from trainer.kernels.attention import refine
from trainer.models.valid import MacridVAE, Valid

USERS, ITEMS = 9, 50
SMALL: dict[str, Any] = {"k": 3, "embedding_size": 6, "encoder_size": 5}


def matrix() -> csr_matrix:
    """Random histories; user 0 has none, user 1 a single item."""
    dense = np.random.default_rng(2).random((USERS, ITEMS)) < 0.2
    dense[:2] = False
    dense[1, 7] = True
    return csr_matrix(dense.astype(np.float32))


def histories(users: list[int] | None = None) -> Histories:
    return Histories.of(matrix(), np.arange(USERS) if users is None else np.array(users))


def context(step: int = 3, seed: int = 5) -> StepContext:
    return StepContext(step, 1, 10, seed, torch.Generator().manual_seed(seed))


def trained_a_little(model: Valid) -> Valid:
    """Drawn as at a start, with biases that are no longer zero."""
    model.prepare(matrix(), torch.Generator().manual_seed(1))
    with torch.no_grad():
        for bias in (model.encoder_bias, model.encoder_out.bias):
            bias.normal_(generator=torch.Generator().manual_seed(2))
    return model


def valid(**params: Any) -> Valid:
    return trained_a_little(Valid(ValidConfig(**SMALL | params), USERS, ITEMS).double())


def loss_and_gradients(model: Valid, **where: int) -> tuple[Tensor, dict[str, Tensor]]:
    model.zero_grad()
    loss = model.loss(histories(), context(**where))
    loss.backward()
    return loss.detach(), {
        name: torch.zeros_like(value) if value.grad is None else value.grad.clone()
        for name, value in model.named_parameters()
    }


def dense_loss(model: Valid, rows: Tensor, run: StepContext) -> Tensor:
    """The equations over all items of all users at once, [B, N, K] in full; draws its noise in the model's order."""
    c, generator = model.blocks, run.generator
    users, items, owner = len(rows), rows.shape[1], rows.nonzero()
    unit_items = normalize(model.item_embedding, dim=1)

    def dropped(weights: Tensor) -> Tensor:
        if c.dropout == 0:
            return weights
        kept = torch.empty(len(owner), c.k, dtype=rows.dtype).bernoulli_(1 - c.dropout, generator=generator)
        mask = torch.zeros_like(weights)
        mask[owner[:, 0], owner[:, 1]] = kept / (1 - c.dropout)
        return weights * mask

    def weigh(assignment: Tensor) -> Tensor:
        held = rows[:, :, None] * assignment
        return dropped(held / (held.square().sum(1, keepdim=True) + 1e-24).sqrt())

    x = normalize(model.prototypes, dim=1).expand(users, -1, -1)
    detached_at = {"code": c.r, "one_step": c.r - 1, "off": None}[c.implicit_differentiation] if c.r > 1 else None
    for block in range(1, c.r + 1):
        if block == detached_at:
            x = x.detach()
        live_items = unit_items
        live_raw = model.item_embedding
        b = torch.einsum("bkd,nd->bnk", x, live_items) / c.tau
        if c.gumbel:
            keys = noise.draw_keys((1 if block == 1 else users, c.k), generator).expand(users, -1, -1)
            b = b - torch.log(noise.exponential(keys[:, None], torch.arange(items)[:, None], b.dtype))
        assignment = torch.softmax(b, dim=2)
        if block < c.r:
            if c.update_norm == "code":
                x = torch.einsum("bnk,nd->bkd", weigh(assignment), live_items)
            else:
                x = torch.einsum("bnk,nd->bkd", rows[:, :, None] * assignment, live_raw)
            x = refine(normalize(x, dim=-1), c.self_attention, c.tau_sa, c.sa_repeats, c.sa_mean)
    hidden = torch.tanh(torch.einsum("bnk,nh->bkh", weigh(assignment), model.encoder_items) + model.encoder_bias)
    raw_mean, t = model.encoder_out(hidden).chunk(2, dim=-1)
    epsilon = torch.empty_like(raw_mean).normal_(generator=generator)
    z = normalize(raw_mean, dim=-1) + c.std * torch.exp(-t / 2) * epsilon
    s = torch.einsum("bkd,nd->bnk", normalize(z, dim=-1), unit_items) / c.tau_dec
    log_pi = torch.log_softmax(torch.logsumexp(torch.log(assignment) + s, dim=2), dim=1)
    kl = -0.5 * (1 - t - torch.exp(-t)).sum()
    beta = min(c.anneal_cap, run.step / c.total_anneal_steps)
    return (-(rows * log_pi).sum() + beta * kl) / users


VARIANTS: list[dict[str, Any]] = [
    *({"r": r, "implicit_differentiation": how} for r, how in itertools.product((1, 2, 3), ("code", "off"))),
    *({"r": r, "implicit_differentiation": "one_step"} for r in (2, 3, 4)),
    {"r": 3, "gumbel": False},
    {"r": 3, "dropout": 0.0, "std": 0.0},
    {"r": 3, "update_norm": "paper", "implicit_differentiation": "off"},
    {"r": 3, "self_attention": "scaled_cosine", "sa_repeats": 2, "implicit_differentiation": "off"},
    {"r": 2, "self_attention": "coda", "sa_mean": "all", "tau_sa": 0.3, "implicit_differentiation": "one_step"},
    {"r": 2, "k": 1},
    {"r": 2, "tau": 0.3, "tau_dec": 0.2, "total_anneal_steps": 2, "anneal_cap": 0.7},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_loss_and_gradients_equal_the_dense_model(variant: dict[str, Any]) -> None:
    model = valid(**variant)
    loss, gradients = loss_and_gradients(model)
    model.zero_grad()
    expected = dense_loss(model, torch.from_numpy(matrix().toarray()).double(), context())
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-10, atol=0)
    for name, parameter in model.named_parameters():
        wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(gradients[name], wanted, rtol=1e-8, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}")


def test_float32_agrees_with_float64() -> None:
    loss, gradients = loss_and_gradients(valid(r=2, std=0.0, dropout=0.0))
    single = valid(r=2, std=0.0, dropout=0.0).float()
    single_loss, single_gradients = loss_and_gradients(single)
    assert abs(single_loss / loss - 1) < 1e-5
    for name, gradient in gradients.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(single_gradients[name].double(), gradient, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_the_reference_numbers_agree(reference_dir: Path, r: int) -> None:
    with np.load(reference_dir / "golden" / "valid_reference.npz", allow_pickle=False) as file:
        golden = {name: torch.from_numpy(file[name]) for name in file.files}
    rows = csr_matrix(golden["interactions"].numpy())
    (k, d), h = golden["prototypes"].shape, len(golden["enc_b1"])
    config = ValidConfig(
        k=k, r=r, embedding_size=d, encoder_size=h, dropout=0.0, std=0.0, gumbel=False,
        anneal_cap=0.2, total_anneal_steps=0,
    )  # fmt: skip
    model = Valid(config, *rows.shape).double()
    model.load_state_dict(
        {
            "item_embedding": golden["item_embedding"],
            "prototypes": golden["prototypes"],
            "encoder_items": golden["enc_w1"].T,
            "encoder_bias": golden["enc_b1"],
            "encoder_out.weight": golden["enc_w2"],
            "encoder_out.bias": golden["enc_b2"],
        }
    )
    batch = Histories.of(rows, np.arange(rows.shape[0]))

    def near(actual: Tensor, name: str) -> None:
        torch.testing.assert_close(actual, golden[f"R{r}_{name}"], rtol=0, atol=1e-6, msg=lambda m: f"{name}: {m}")

    near(model.scores(batch), "scores")
    grouping = model._group(batch, model.item_vectors(), None)
    mean, log_variance = model._encode(batch, grouping.weights)
    near(mean.detach(), "mu")
    near(-log_variance.detach(), "t")
    loss = model.loss(batch, context())
    loss.backward()
    near(loss.detach(), "loss")
    assert model.item_embedding.grad is not None
    assert model.encoder_items.grad is not None
    near(model.item_embedding.grad, "grad_item_embedding")
    near(model.encoder_items.grad.T, "grad_enc_w1")
    near(model.encoder_out.weight.grad, "grad_enc_w2")
    prototypes = model.prototypes.grad
    near(torch.zeros_like(model.prototypes) if prototypes is None else prototypes, "grad_prototypes")


def test_one_block_is_macridvae_to_the_bit() -> None:
    one_block = trained_a_little(Valid(ValidConfig(**SMALL, r=1), USERS, ITEMS))
    macrid = trained_a_little(MacridVAE(MacridVAEConfig(**SMALL), USERS, ITEMS))
    loss, gradients = loss_and_gradients(one_block)
    macrid_loss, macrid_gradients = loss_and_gradients(macrid)
    assert torch.equal(loss, macrid_loss)
    assert all(torch.equal(gradients[name], macrid_gradients[name]) for name in gradients)
    assert torch.equal(one_block.scores(histories()), macrid.scores(histories()))


@pytest.mark.parametrize(
    ("r", "how", "learns"),
    [(1, "code", True), (2, "code", False), (3, "code", False), (2, "one_step", False), (3, "off", True)],
)
def test_prototypes_learn_only_where_the_gradient_goes_all_the_way(r: int, how: str, learns: bool) -> None:
    _, gradients = loss_and_gradients(valid(r=r, implicit_differentiation=how))
    assert bool(gradients["prototypes"].abs().max() > 0) == learns


def test_implicit_differentiation_changes_gradients_but_no_value() -> None:
    results = [loss_and_gradients(valid(r=3, implicit_differentiation=how)) for how in ("code", "one_step", "off")]
    assert len({float(loss) for loss, _ in results}) == 1
    for (_, one), (_, other) in itertools.combinations(results, 2):
        assert not torch.allclose(one["item_embedding"], other["item_embedding"], rtol=1e-3)


def test_the_kl_term_is_annealed_over_steps_up_to_its_cap() -> None:
    def loss(cap: float, total: int, step: int) -> float:
        return float(valid(anneal_cap=cap, total_anneal_steps=total).loss(histories(), context(step)).detach())

    without = loss(0.0, 10, 3)
    kl = loss(1.0, 10, 10) - without
    assert kl > 0
    assert loss(1.0, 10, 3) - without == pytest.approx(0.3 * kl)
    assert loss(0.2, 10, 1) - without == pytest.approx(0.1 * kl)
    assert loss(0.2, 10, 3) - without == pytest.approx(0.2 * kl)
    assert loss(0.4, 0, 1) - without == pytest.approx(0.4 * kl)


def test_the_kl_term_is_zero_for_unit_variance() -> None:
    losses = []
    for cap in (0.0, 1.0):
        model = valid(anneal_cap=cap, total_anneal_steps=0)
        with torch.no_grad():
            model.encoder_out.weight[SMALL["embedding_size"] :] = 0
            model.encoder_out.bias[SMALL["embedding_size"] :] = 0
        losses.append(float(model.loss(histories(), context()).detach()))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("users", [[0], [1], [0, 1], [0, 0, 5]], ids=str)
@pytest.mark.parametrize("r", [1, 2])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "trained"])
def test_empty_and_one_item_histories_are_finite(users: list[int], r: int, fresh: bool) -> None:
    model = Valid(ValidConfig(**SMALL, r=r), USERS, ITEMS)
    model.prepare(matrix(), torch.Generator().manual_seed(0))
    model = model if fresh else trained_a_little(model)
    batch = histories(users)
    loss = model.loss(batch, context())
    loss.backward()
    assert loss.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())
    assert model.scores(batch).isfinite().all()
    interests = model.interests(batch, torch.arange(ITEMS))
    assert interests.item_terms.isfinite().all()
    torch.testing.assert_close(interests.weights.sum(1), torch.ones(len(users)))


@pytest.mark.parametrize("r", [1, 2])
def test_scores_are_those_of_the_history_alone(r: int) -> None:
    model = trained_a_little(Valid(ValidConfig(**SMALL, r=r), USERS, ITEMS))
    batch = histories()
    scores = model.scores(batch)
    assert torch.equal(scores, model.scores(batch))
    strangers = Histories(torch.full_like(batch.users, -1), batch.indptr, batch.indices)
    assert torch.equal(scores, model.scores(strangers))
    for user in range(USERS):
        torch.testing.assert_close(model.scores(histories([user]))[0], scores[user], rtol=0, atol=1e-5)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model.scores(batch)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("r", [1, 2])
def test_its_best_items_are_the_same_with_and_without_the_search(monkeypatch: pytest.MonkeyPatch, r: int) -> None:
    model = trained_a_little(Valid(ValidConfig(**SMALL, r=r), USERS, ITEMS)).eval()
    batch = histories()
    searched = model.best(batch, 10, batch)
    monkeypatch.setattr("trainer.contract.interest_vae.best_items", None)  # whoever calls it fails
    with pytest.raises(TypeError):
        model.best(batch, 10, batch)
    monkeypatch.setattr("trainer.kernels.retrieval.fused_for", lambda _: None)  # a machine without numba, or a GPU
    scored = model.train().eval().best(batch, 10, batch)
    assert torch.equal(searched.columns, scored.columns)
    torch.testing.assert_close(searched.scores, scored.scores)


def test_training_on_keeps_nothing_of_the_last_evaluation() -> None:
    model = trained_a_little(Valid(ValidConfig(**SMALL), USERS, ITEMS)).eval()
    batch = histories()
    model.best(batch, 10, batch)
    items = weakref.ref(model.item_vectors())
    model.train()
    assert items() is None


@pytest.mark.parametrize("r", [1, 2])
def test_interests_explain_the_scores(r: int) -> None:
    model = valid(r=r)
    batch, items = histories(), torch.tensor([7, 0, 49])
    interests = model.interests(batch, items)
    assert interests.item_terms.shape == (USERS, 3, 3)
    assert (interests.item_terms >= 0).all()
    torch.testing.assert_close(interests.item_terms.sum(1).log(), model.scores(batch)[:, items])
    assert interests.history_shares.shape == (len(batch.indices), 3)
    torch.testing.assert_close(interests.history_shares.sum(1), torch.ones(len(batch.indices)).double())
    own = slice(batch.indptr[4], batch.indptr[5])
    torch.testing.assert_close(interests.weights[4], interests.history_shares[own].mean(0))


def test_one_interest_is_a_cosine() -> None:
    model = valid(k=1)
    batch = histories()
    grouping = model._group(batch, model.item_vectors(), None)
    mean, _ = model._encode(batch, grouping.weights)
    expected = mean[:, 0] @ model.item_vectors().T / model.config.tau_dec
    torch.testing.assert_close(model.scores(batch), expected.detach())


def test_item_vectors_are_unit_rows() -> None:
    torch.testing.assert_close(valid().item_vectors().norm(dim=1), torch.ones(ITEMS).double())


def test_parameters_follow_from_the_generator_alone() -> None:
    def drawn(seed: int) -> dict[str, Tensor]:
        model = Valid(ValidConfig(**SMALL), USERS, ITEMS)
        model.prepare(matrix(), torch.Generator().manual_seed(seed))
        return model.state_dict()

    once, again, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not torch.equal(once["prototypes"], other["prototypes"])
    for name in ("item_embedding", "encoder_items"):
        rows, columns = once[name].shape
        assert float(once[name].std()) == pytest.approx((2 / (rows + columns)) ** 0.5, rel=0.2)


def planted() -> csr_matrix:
    """300 users of two topics out of four, 40 items each, 15 items a user."""
    generator = np.random.default_rng(0)
    dense = np.zeros((300, 160), np.float32)
    for user in range(300):
        topics = generator.choice(4, 2, replace=False)
        candidates = np.concatenate([np.arange(topic * 40, topic * 40 + 40) for topic in topics])
        dense[user, generator.choice(candidates, 15, replace=False)] = 1
    return csr_matrix(dense)


@pytest.mark.parametrize(
    "params",
    [{"r": 2}, {"r": 1}, {"r": 3, "implicit_differentiation": "off", "self_attention": "coda"}],
    ids=str,
)
def test_training_repeats_to_the_bit_and_learns_planted_topics(params: dict[str, Any]) -> None:
    train = planted()
    batch = Histories.of(train, np.arange(300))

    def trained() -> tuple[list[float], Valid]:
        model = Valid(ValidConfig(k=4, embedding_size=16, encoder_size=16, **params), *train.shape)
        model.prepare(train, torch.Generator().manual_seed(0))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for step in range(1, 61):
            optimizer.zero_grad()
            loss = model.loss(batch, StepContext(step, 1, 60, 0, torch.Generator().manual_seed(step)))
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses, model

    (losses, model), (repeated, twin) = trained(), trained()
    assert losses == repeated
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), twin.parameters(), strict=True))
    assert losses[-1] < losses[0] - 5
    seen = torch.from_numpy(train.toarray()) > 0
    in_topic = seen.view(300, 4, 40).any(2).repeat_interleave(40, dim=1)
    top = model.scores(batch).masked_fill(seen, -torch.inf).topk(20).indices
    assert in_topic.gather(1, top).float().mean() > 0.9  # chance is about a half


def test_defaults_are_the_citeulike_setting_of_the_paper() -> None:
    chosen = ValidConfig().model_dump()
    assert chosen == {
        "k": 4, "r": 2, "embedding_size": 64, "encoder_size": 64, "tau": 0.1, "tau_dec": 0.1, "std": 0.1,
        "anneal_cap": 1.0, "total_anneal_steps": 20_000, "dropout": 0.5, "prototypes": "learned", "gumbel": True,
        "implicit_differentiation": "code", "update_norm": "code",
        "self_attention": "none", "tau_sa": 0.5, "sa_repeats": 1, "sa_mean": "row",
        "epochs": 300, "patience": 15, "learning_rate": 1e-3, "weight_decay": 0.0,
        "train_batch_size": 512, "sampled_items": 0, "sampling": "popularity",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"k": 0}, "k"),
        ({"tau": 0.0}, "tau"),
        ({"tau_dec": float("nan")}, "tau_dec"),
        ({"dropout": 1.0}, "dropout"),
        ({"k": "4"}, "k"),
        ({"self_attention": "full"}, "self_attention"),
        ({"kfac": 4}, "kfac"),
        ({"r": 1, "implicit_differentiation": "one_step"}, "one_step needs r of at least 2"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_by_name(params: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ValidConfig(**params)


@pytest.mark.parametrize("field", ["r", "implicit_differentiation", "self_attention"])
def test_macridvae_has_no_options_of_blocks(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        MacridVAEConfig(**{field: ValidConfig().model_dump()[field]})


def test_every_field_says_what_it_is() -> None:
    assert all(field.description for field in ValidConfig.model_fields.values())
