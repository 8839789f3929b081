"""Classes that are all fields."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flake8_mpglobals.records import field, fields, frozen, mutable, plain, replace


@frozen(order=True)
class Point:
    x: int
    y: int = 0
    note: str = field(default="", compare=False)

    @property
    def far(self) -> bool:
        return self.x + self.y > 10


@frozen
class Other:
    x: int
    y: int = 0


@frozen(eq=False)
class Thing:
    name: str


@frozen(packed=True)
class Nested:
    base: object
    key: str | None = None


@mutable
class Bag:
    name: str
    items: list[int] = field(default_factory=list)
    late: int = field(init=False)


@frozen
class Nothing:
    """No field."""


def test_equal_by_fields_and_class() -> None:
    assert Point(1, 2, "a") == Point(1, 2, "b") != Point(1, 3)
    assert len({Point(1, 2), Point(1, y=2, note="c"), Other(1, 2)}) == 2
    assert Point(1) != Other(1)  # type: ignore[comparison-overlap]
    assert Nothing() == Nothing()
    assert len({Thing("a"), Thing("a")}) == 2


def test_order() -> None:
    points = [Point(2), Point(1, 5), Point(1)]
    assert sorted(points) == [Point(1), Point(1, 5), Point(2)]
    assert Point(1) <= Point(1) < Point(2) >= Point(2) > Point(0, 9)
    with pytest.raises(TypeError):
        assert Point(1) < Other(2)  # type: ignore[operator]


@pytest.mark.parametrize("one", [Point(1), Thing("a"), Nested("a"), Nothing()])
def test_frozen_means_frozen(one: Any) -> None:
    for name in (*fields(type(one)), "new"):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)
        with pytest.raises(AttributeError):
            delattr(one, name)


def test_packed_values_tell_classes_and_fields_apart() -> None:
    assert hash(Nested(1, "k")) == hash(Nested(1, "k")) != hash(Nested(1))
    assert Nested(Nested(1)) == Nested(Nested(1)) != Nested(1)


def test_what_may_change() -> None:
    one, other = Bag("a"), Bag("a")
    one.items.append(1)
    assert other.items == []
    one.late = 2
    assert one.late == 2
    with pytest.raises(AttributeError):
        one.later = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        hash(one)


def test_arguments_are_checked() -> None:
    for wrong in ((), (1, 2, "", 4)):
        with pytest.raises(TypeError):
            Point(*wrong)
    with pytest.raises(TypeError):
        Point(1, z=2)  # type: ignore[call-arg]


def test_repr_replace_plain_and_pickle() -> None:
    point = Point(1, note="n")
    assert repr(point) == "Point(x=1, y=0, note='n')"
    assert replace(point, y=20).far
    assert replace(point, y=20).note == "n"
    assert plain((point, Nested(point))) == ((1, 0, "n"), ((1, 0, "n"), None))
    for one in (point, Nested(point), Nothing()):
        assert pickle.loads(pickle.dumps(one)) == one
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0)
