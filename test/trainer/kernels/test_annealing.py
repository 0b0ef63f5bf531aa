"""The weight of the KL term at single steps."""

from trainer.kernels.annealing import annealed


def test_it_rises_with_the_steps_up_to_the_cap() -> None:
    assert [annealed(step, 10, 0.5) for step in (1, 4, 5, 9)] == [0.1, 0.4, 0.5, 0.5]


def test_without_steps_it_is_the_cap_at_once() -> None:
    assert annealed(1, 0, 0.7) == 0.7
