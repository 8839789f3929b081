"""What is known of a number: whether it is an int, a float or a bool, and how large.

Bounds are for ints; a float has none.  ``BIG`` stands for "no bound is known".
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from dataclasses import dataclass

BIG = 1 << 200
REPEATS = 1 << 32
"""More often than this nothing is repeated that ends."""


@dataclass(frozen=True, slots=True)
class Number:
    """The types that a number may have, and the bounds of it where it is an int."""

    kinds: frozenset[str]
    low: int = 0
    high: int = 0

    @property
    def kind(self) -> str:
        """The one type that the number has; empty where there are several."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else ""

    def within(self, limit: int) -> bool:
        """Whether no int among the values is larger than ``limit``, either way."""
        return -limit <= self.low and self.high <= limit


FLOAT = Number(frozenset({"float"}))
BOOL = Number(frozenset({"bool"}), 0, 1)
ANY_INT = Number(frozenset({"int"}), -BIG, BIG)
INDEX = Number(frozenset({"int"}), 0, REPEATS)


def integer(low: int, high: int) -> Number:
    """Return the number that is an int between two bounds."""
    return Number(frozenset({"int"}), max(low, -BIG), min(high, BIG))


def union(numbers: Iterable[Number | None]) -> Number | None:
    """Return what is any of the numbers; None where one of them is unknown, or none is given."""
    found = list(numbers)
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    kinds = frozenset[str]().union(*(one.kinds for one in known))
    ints = [one for one in known if one.kinds != {"float"}]
    if not ints:
        return Number(kinds)
    return Number(kinds, min(one.low for one in ints), max(one.high for one in ints))


def whole(number: Number | None) -> Number | None:
    """Return ``number`` if it is surely an int."""
    return number if number is not None and number.kind == "int" else None


def constant(value: object) -> Number | None:
    """Return what is known of a constant of the source."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return integer(value, value)
    return FLOAT if isinstance(value, float) else None


def unary(op: ast.unaryop, one: Number) -> Number:
    """Return the result of an operator on one number."""
    if isinstance(op, ast.Not):
        return BOOL
    ints = one.kinds - {"float"}
    kinds = (one.kinds & {"float"}) | ({"int"} if ints else frozenset())
    if isinstance(op, ast.UAdd):
        return Number(frozenset(kinds), one.low, one.high)
    low, high = -one.high, -one.low
    return Number(frozenset(kinds), low - isinstance(op, ast.Invert), high)


def binary(op: ast.operator, left: Number, right: Number) -> Number | None:
    """Return the result of an operator on two numbers, if it is a number."""
    kinds: set[str] = set()
    for one in left.kinds:
        for other in right.kinds:
            kind = _kind(op, one, other, right)
            if kind is None:
                return None
            kinds.add(kind)
    if kinds == {"float"}:
        return FLOAT
    bounds = _bounds(op, left, right)
    if bounds is None:
        return None
    low, high = bounds
    return Number(frozenset(kinds), max(low, -BIG), min(high, BIG))


def _kind(op: ast.operator, left: str, right: str, exponent: Number) -> str | None:
    floats = "float" in (left, right)
    match op:
        case ast.Div():
            return "float"
        case ast.Pow():
            if exponent.kind == "float":
                return None  # of a negative number it would be complex
            if not floats and exponent.low < 0:
                return None
            return "float" if floats else "int"
        case ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod():
            return "float" if floats else "int"
        case ast.BitOr() | ast.BitAnd() | ast.BitXor():
            if floats:
                return None
            return "bool" if left == right == "bool" else "int"
        case ast.LShift() | ast.RShift():
            return None if floats else "int"
    return None


def _bounds(op: ast.operator, left: Number, right: Number) -> tuple[int, int] | None:
    ends = (left.low, left.high, right.low, right.high)
    bits = max((bound if bound >= 0 else ~bound).bit_length() for bound in ends)
    match op:
        case ast.Add():
            return left.low + right.low, left.high + right.high
        case ast.Sub():
            return left.low - right.high, left.high - right.low
        case ast.Mult():
            products = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
            return min(products), max(products)
        case ast.Mod():
            limit = max(abs(right.low), abs(right.high))
            return (0, limit) if right.low >= 0 else (-limit, limit)
        case ast.FloorDiv() | ast.RShift() if left.low >= 0 <= right.low:
            return 0, left.high
        case ast.BitAnd() if left.low >= 0 <= right.low:
            return 0, min(left.high, right.high)
        case ast.FloorDiv() | ast.RShift() | ast.BitAnd() | ast.BitOr() | ast.BitXor():
            return (0 if left.low >= 0 <= right.low else -(1 << bits)), (1 << bits) - 1
        case ast.Pow() | ast.LShift():
            if right.high > math.log2(BIG):
                return -BIG, BIG
            base = max(abs(left.low), abs(left.high))
            limit = base << right.high if isinstance(op, ast.LShift) else _power(base, right.high)
            return (0 if left.low >= 0 else -limit), limit
    return None


def _power(base: int, exponent: int) -> int:
    return BIG if base.bit_length() * exponent > BIG.bit_length() else max(base**exponent, 1)
