"""Facts about answers of workers."""

import pickle

import pytest

from goodpix.schema.workers.worker import dumped


def test_a_value_is_pickled_as_it_is() -> None:
    assert pickle.loads(dumped({"n": [1, 2.5, None]})) == {"n": [1, 2.5, None]}


def test_an_instance_of_a_class_that_is_in_no_module_is_pickled_with_it() -> None:
    class Local:
        n = 3

    assert pickle.loads(dumped(Local())).n == 3


def test_what_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises(TypeError, match="generator"):
        dumped(n for n in range(3))
