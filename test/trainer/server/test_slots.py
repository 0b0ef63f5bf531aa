"""More calls of one kind than are answered at once."""

import pytest

from trainer.errors import Busy
from trainer.server.slots import Slots


def test_one_too_many_is_told_to_come_again_and_a_broken_one_frees_its_place() -> None:
    slots = Slots(2, "two previews are under way")
    with slots.one():
        with pytest.raises(ZeroDivisionError), slots.one():
            raise ZeroDivisionError
        with slots.one(), pytest.raises(Busy, match="two previews"), slots.one():
            pass
    with slots.one(), slots.one():
        pass
