import numpy as np

from trainer.serving.preview import Side, moved, movers


def test_what_moved_stands_in_the_order_of_its_list() -> None:
    columns, entered = moved(np.array([5, 9, 2, 7]), np.array([7, 1, 9, 3]))
    assert columns.tolist() == [5, 2, 1, 3]
    assert entered.tolist() == [True, True, False, False]
    assert moved(np.array([1, 2]), np.array([2, 1]))[0].tolist() == []


def test_by_hand() -> None:
    """Interest 0 was muted. The weakest of the best had 4 before, and has 2 now."""
    before = Side(np.array([[0.0, 3.0, 5.0], [2.0, 0.5, 0.0], [1.0, 0.5, 1.0]]), np.array([[9.0, 0, 0], [3.0, 1, 0]]))
    now = Side(np.array([[0.0, 0.0, 0.0], [2.0, 0.5, 0.0], [1.0, 0.5, 1.0]]), np.array([[0.0, 5, 0], [0.0, 1, 1]]))
    by_score = np.ones(3, dtype=bool)
    # Item 0: interest 1 goes from 2/4 to 2/2. Items 1 and 2 lose 3/4 and 5/4 of interest 0.
    assert movers(np.array([True, False, False]), now, before, by_score, np.zeros(3)).tolist() == [1, 0, 0]


def test_what_calibration_moved_goes_by_what_the_list_lacked() -> None:
    terms = np.array([[6.0, 1.0], [1.0, 2.0], [3.0, 7.0]])
    side = Side(terms, np.array([[1.0, 1.0, 1.0]]))
    lacking = np.array([-0.1, 0.4, -0.3])
    # The first entered: .1 of interest 1 at .4 beats .6 at -.1. The second left: .7 of interest 2 at -.3.
    entered = np.array([True, False])
    assert movers(entered, side, side, np.zeros(2, dtype=bool), lacking).tolist() == [1, 2]


def test_an_empty_list_and_items_without_terms_are_no_trouble() -> None:
    nothing = Side(np.zeros((2, 1)), np.empty((0, 2)))
    assert movers(np.array([False]), nothing, nothing, np.array([True]), np.zeros(2)).tolist() == [0]
