"""The `?…` words of print: a small stack machine over one row.

The stack begins as an endless supply of true; a row is kept unless a false is left on it, so several
words without operators mean "and".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Row = Mapping[str, str]
Test = Callable[[Row], bool]
_YES = {"yes": "true", "no": "false"}


def matches(words: Sequence[str], row: Row) -> bool:
    """Does the row pass the query words (each still with its leading `?`)?"""
    stack: list[bool] = []
    for word in words:
        if word.startswith("?#"):
            _operate(stack, word[2:])
        else:
            stack.append(_test(word[1:], row))
    return all(stack)


def equalities(words: Sequence[str]) -> dict[str, str]:
    """The plain `?name=value` words, if nothing but comparisons is asked: a hint for an index."""
    if any(word.startswith("?#") for word in words):
        return {}
    bodies = (word[2:] if word.startswith("?=") else word[1:] for word in words)
    return {
        name: value for name, sign, value in (body.partition("=") for body in bodies) if sign and name[:1] not in "-<>"
    }


def any_of(words: Sequence[str]) -> tuple[str, frozenset[str]] | None:
    """The property and its values, if all that is asked is whether it has one of several: another hint."""
    if len(words) < 3 or len(words) % 2 == 0 or any(word != "?#|" for word in words[2::2]):
        return None
    bodies = [words[0], *words[1::2]]
    pairs = [body[2:].partition("=") for body in bodies if body.startswith("?=")]
    values = frozenset(value for _, _, value in pairs)
    if len(pairs) < len(bodies) or len({name for name, _, _ in pairs}) > 1 or values & _YES.keys():
        return None
    return pairs[0][0], values


def _test(body: str, row: Row) -> bool:
    if body.startswith("-"):
        return body[1:] not in row
    if body[:1] in ("<", ">"):
        name, _, value = body[1:].partition("=")
        return name in row and _compare(body[0], row[name], value)
    name, sign, value = body.removeprefix("=").partition("=")
    if not sign:
        return name in row
    return _same(row.get(name), value)


def _same(found: str | None, value: str) -> bool:
    if found is None:
        return False
    return found == value or (found in ("true", "false") and found == _YES.get(value))


def _compare(sign: str, found: str, value: str) -> bool:
    if found.isdecimal() and value.isdecimal():
        return int(found) < int(value) if sign == "<" else int(found) > int(value)
    return found < value if sign == "<" else found > value


def _pop(stack: list[bool]) -> bool:
    return stack.pop() if stack else True


def _peek(stack: list[bool], index: int) -> bool:
    return stack[-1 - index] if index < len(stack) else True


def _operate(stack: list[bool], operations: str) -> None:
    digits, after_index = "", False
    for sign in operations:
        if sign.isdigit():
            digits += sign
            continue
        if digits:
            stack.append(_peek(stack, int(digits)))
            digits, after_index = "", True
        if sign == "!":
            stack.append(not _pop(stack))
        elif sign == "&":
            first, second = _pop(stack), _pop(stack)
            stack.append(first and second)
        elif sign == "|":
            first, second = _pop(stack), _pop(stack)
            stack.append(first or second)
        elif sign == "." and not after_index:
            stack.append(_peek(stack, 0))
        after_index = False
    if digits:  # digits at the end: that value replaces the whole stack
        stack[:] = [_peek(stack, int(digits))]
