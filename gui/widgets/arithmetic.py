"""What a person types into a number: a figure or a small sum, never code."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

MAX_CHARS = 60

_ALLOWED = re.compile(r"[0-9.eE+\-*/%() ]+")
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def evaluate(text: str) -> float:
    """Work out ``0.5``, ``1/3`` or ``(2 + 3) * 4``. A comma is read as a decimal point, ``50 %`` as 0.5.

    Raises:
        ValueError: It is not a number or a sum of numbers, it is too long, or the result is not finite.
    """
    cleaned = text.strip().replace(",", ".")
    percent = cleaned.endswith("%")
    cleaned = cleaned.rstrip("% ")
    if len(cleaned) > MAX_CHARS or not _ALLOWED.fullmatch(cleaned):
        raise ValueError(f"not a number: {text[:MAX_CHARS]!r}")
    try:
        value = _plain(cleaned)
    except (SyntaxError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a number: {text[:MAX_CHARS]!r}") from error
    if not math.isfinite(value):
        raise ValueError(f"not a finite number: {text[:MAX_CHARS]!r}")
    return value / 100 if percent else value


def is_number(text: str) -> bool:
    """Whether `evaluate` reads it."""
    try:
        evaluate(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> float:
    try:
        return float(text)  # also reads 007, which is no Python literal
    except ValueError:
        return _value_of(ast.parse(text, mode="eval").body)


def _value_of(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value_of(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value_of(left), _value_of(right))
    raise ValueError("only numbers and + - * / // % ( ) are understood")
