"""Registries: a decorator that adds, a name that finds, one line when it does not."""

import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.registry import Registry


def test_register_get_iterate() -> None:
    animals: Registry[type] = Registry("animal")

    @animals.register("zebra")
    class Zebra:
        pass

    @animals.register("ant")
    class Ant:
        pass

    assert animals.get("zebra") is Zebra and animals.get("ant") is Ant
    assert list(animals) == ["ant", "zebra"]
    assert "ant" in animals and "bee" not in animals and 3 not in animals


def test_unknown_name_lists_the_known() -> None:
    animals: Registry[int] = Registry("animal")
    with pytest.raises(InputError, match=r"^unknown animal 'bee'; known: none$"):
        animals.get("bee")
    animals.register("cat")(1)
    animals.register("ant")(2)
    with pytest.raises(InputError, match=r"^unknown animal 'bee'; known: ant, cat$") as caught:
        animals.get("bee")
    assert caught.value.exit_code == 2


def test_a_name_is_taken_once() -> None:
    animals: Registry[int] = Registry("animal")
    animals.register("ant")(1)
    with pytest.raises(ValueError, match="animal 'ant' is registered twice"):
        animals.register("ant")(2)
    assert animals.get("ant") == 1
