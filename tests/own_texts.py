"""Whether an expression of a store can only be text of our own: what may stand inside of a statement.

It is followed through the assignments of its function, through the private functions of its file, and to all their
callers. A parameter of a public function is somebody else's, and so is whatever is read from a value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

MAKERS = {"any_of", "listed", "marks", "changes", "insert_new_text"}  # portal/sql.py: names that are checked, marks
COUNTS = {"range", "len"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Texts:
    """One file."""

    tree: ast.Module
    functions: dict[str, Function] = field(init=False)
    _asked: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.functions = {each.name: each for each in ast.walk(self.tree) if isinstance(each, ast.FunctionDef)}

    def foreign(self) -> Iterator[tuple[str, str]]:
        """Functions with a statement that takes in something that may come from elsewhere, and what that is."""
        for function in [*self.functions.values(), self._outside()]:
            for part in parts_of_statements(function):
                if not self.own(part, function):
                    yield getattr(function, "name", "the file itself"), ast.unparse(part)

    def _outside(self) -> ast.Module:
        """What stands in no function."""
        return ast.Module([each for each in self.tree.body if not isinstance(each, ast.FunctionDef)], [])

    def own(self, node: ast.AST, inside: ast.AST) -> bool:
        """Whether this can only be text of ours."""
        key = (id(node), id(inside))
        if key in self._asked:
            return True  # asked on the way here already: a loop adds nothing that was not looked at
        self._asked.add(key)
        found = self._own(node, inside)
        self._asked.discard(key)
        return found

    def _own(self, node: ast.AST, inside: ast.AST) -> bool:
        match node:
            case ast.Constant():
                return True
            case ast.JoinedStr(values=values):
                return all(self.own(each, inside) for each in values)
            case ast.FormattedValue(value=value) | ast.Starred(value=value) | ast.Attribute(value=value):
                return self.own(value, inside)
            case ast.Subscript(value=ast.Call(func=ast.Name(id=name)), slice=ast.Constant(value=int() as place)):
                function = self.functions.get(name)
                return name in MAKERS or (function is not None and self._returns_own(function, place))
            case ast.Subscript(value=value):
                return self._of_dict(value, "values", inside)
            case ast.IfExp(body=body, orelse=orelse):
                return self.own(body, inside) and self.own(orelse, inside)
            case ast.BinOp(left=left, right=right):
                return self.own(left, inside) and self.own(right, inside)
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
                return all(self.own(each, inside) for each in values)
            case ast.GeneratorExp(elt=elt) | ast.ListComp(elt=elt):
                return self.own(elt, inside)
            case ast.Name(id=name):
                return self._name(name, inside)
            case ast.Call():
                return self._call(node, inside)
        return False

    def _call(self, node: ast.Call, inside: ast.AST) -> bool:
        if isinstance(node.func, ast.Attribute):
            word = node.func.attr
            if word in ("join", "format"):
                return self.own(node.func.value, inside) and all(self.own(each, inside) for each in node.args)
            return word in ("keys", "values") and self._of_dict(node.func.value, word, inside)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in MAKERS | COUNTS:
            return True
        if name in ("enumerate", "tuple", "sorted", "zip"):
            return all(self.own(each, inside) for each in node.args)
        function = self.functions.get(name)
        return function is not None and all(self.own(each, function) for each in _returned(function))

    def _of_dict(self, node: ast.AST, word: str, inside: ast.AST) -> bool:
        """Its keys or its values; of anything else that can be gone through, its elements."""
        match node:
            case ast.Dict(keys=keys, values=values):
                return all(each is not None and self.own(each, inside) for each in (keys if word == "keys" else values))
            case ast.DictComp(key=key, value=value):
                return self.own(key if word == "keys" else value, inside)
            case ast.Name(id=name) if not name.strip("_").isupper() and (sources := [*_assigned(name, inside)]):
                return all(self._of_dict(each, word, inside) for each in sources)
        return self.own(node, inside)

    def _returns_own(self, function: Function, place: int) -> bool:
        """One place of the tuple that a function gives."""
        found = _returned(function)
        return all(isinstance(each, ast.Tuple) and self.own(each.elts[place], function) for each in found)

    def _name(self, name: str, inside: ast.AST) -> bool:
        if name.strip("_").isupper():
            return True  # a constant of this file or another
        sources = [*_assigned(name, inside)]
        if isinstance(inside, ast.FunctionDef) and name in _parameters(inside):
            return inside.name.startswith("_") and self._callers_give_own(inside, name)
        return bool(sources) and all(self.own(each, inside) for each in sources)

    def _callers_give_own(self, function: ast.FunctionDef, name: str) -> bool:
        place = _parameters(function).index(name)
        found = [each for each in ast.walk(self.tree) if _calls(each, function.name)]
        for call in found:
            assert isinstance(call, ast.Call)
            given = {each.arg: each.value for each in call.keywords}
            argument = given.get(name) or (call.args[place] if place < len(call.args) else None)
            if argument is None or not self.own(argument, self._around(call)):
                return False
        return bool(found)

    def _around(self, node: ast.AST) -> ast.AST:
        around = [each for each in self.functions.values() if any(inner is node for inner in ast.walk(each))]
        return around[-1] if around else self.tree


WORDS = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", " WHERE ", " AND ", " ORDER BY ", " IN (", " VALUES ")


def parts_of_statements(inside: ast.AST) -> Iterator[ast.AST]:
    """What is put into texts that look like a statement or a piece of one."""
    for node in ast.walk(inside):
        if isinstance(node, ast.JoinedStr) and _is_sql("".join(_constants(node))):
            yield from (each.value for each in node.values if isinstance(each, ast.FormattedValue))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            texts = [each for each in (node.left, node.right) if _is_sql("".join(_constants(each)))]
            yield from (each for each in (node.left, node.right) if texts and each not in texts)


def _is_sql(text: str) -> bool:
    return any(word in text for word in WORDS)


def _constants(node: ast.AST) -> Iterator[str]:
    yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _returned(function: Function) -> list[ast.AST]:
    return [each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value is not None]


def _parameters(function: Function) -> list[str]:
    return [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


def _calls(node: ast.AST, name: str) -> bool:
    """A call, also one that is handed on as a function with its arguments (`functools.partial`)."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _assigned(name: str, inside: ast.AST) -> Iterator[ast.AST]:
    """Whatever this name stands for somewhere in the function."""
    for node in ast.walk(inside):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _matching(name, target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            yield from _matching(name, node.target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            yield from _gone_through(name, node.target, node.iter)


def _gone_through(name: str, target: ast.AST, value: ast.expr) -> Iterator[ast.AST]:
    """An element of what a loop goes through: of a dict its keys, of its items either side."""
    pairs = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "items"
    if pairs and isinstance(target, ast.Tuple):
        assert isinstance(value, ast.Call)
        assert isinstance(value.func, ast.Attribute)
        for each, word in zip(target.elts, ("keys", "values"), strict=True):
            if isinstance(each, ast.Name) and each.id == name:
                yield _side(value.func.value, word)
    elif isinstance(target, ast.Name):
        yield from [_side(value, "keys")] if target.id == name else []
    else:
        yield from _matching(name, target, value)


def _side(value: ast.expr, word: str) -> ast.Call:
    return ast.Call(func=ast.Attribute(value=value, attr=word, ctx=ast.Load()), args=[], keywords=[])


def _matching(name: str, target: ast.AST, value: ast.expr) -> Iterator[ast.AST]:
    if isinstance(target, ast.Name):
        if target.id == name:
            yield value
    elif isinstance(target, ast.Tuple):
        pairs = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else None
        for n, each in enumerate(target.elts):
            if isinstance(each, ast.Name) and each.id == name:
                one = ast.Subscript(value=value, slice=ast.Constant(n), ctx=ast.Load())
                yield pairs[n] if pairs else one if isinstance(value, ast.Call) else value
