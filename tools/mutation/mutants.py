"""Write the mutants of a module: one small change each, of the kinds that a check can lose without looking wrong.

| kind | what it does |
|---|---|
| comparison | `<` becomes `<=` and `>=`, `==` becomes `!=`, `in` becomes `not in`, and the like |
| logic | `and` becomes `or`, one side of either is left out, `not` is left out |
| condition | an `if` always, or never, does what it guards |
| raise, call, case | a statement that refuses, a call for its effect, a `case` is left out |
| return | nothing is returned |
| constant | a number is one more or one less, text or octets get a letter, a boolean is turned over |
| arithmetic | another operator; `min` for `max`, `any` for `all`, `partition` for `rpartition` |
| argument | a call loses an argument |
| except | one of several caught errors is not caught any more |

Messages for people (text with a space in it), annotations, decorators, docstrings and long tables of numbers are left
alone. The original code
stays inside `if True: changed, else: original`, so that a function keeps its free variables and its code can be
exchanged while closures live.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "partition": "rpartition", "rpartition": "partition",
    "lower": "upper", "upper": "lower", "lstrip": "rstrip", "rstrip": "lstrip", "startswith": "endswith",
}  # fmt: skip
LEFT_ALONE = {"TypeVar", "cast", "NamedTuple", "dataclass"}
LONG_TABLE = 20
NEEDS_ALL = {"isinstance", "len", "getattr", "hasattr", "type", "range", "zip"}


class Mutant(NamedTuple):
    """One changed module.

    Attributes:
        where: the function that is changed, by its qualified name; empty for the module's own statements.
        line: the line of the change.
        name: what is changed into what, the same at every run and independent of line numbers.
        tree: the changed module.
        in_function: whether the change is inside a function's body, so that only its code has to be exchanged.
    """

    where: str
    line: int
    name: str
    tree: ast.Module
    in_function: bool


Place = tuple[str | int, ...]


def mutants_of(source: str) -> Iterator[Mutant]:
    """Write every mutant of a module, in the order of its text."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    for place, where, in_function in _places(tree, (), "", in_function=False):
        node = _at(tree, place)
        for kind, changed in _changes(node, tree, place, in_function=in_function):
            line = getattr(node.pattern if isinstance(node, ast.match_case) else node, "lineno", 0)
            name = f"{where or 'module'}: {kind}: {_words(node)} -> {_words(changed)}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name += f" ({seen[name]})"
            yield Mutant(where, line, name, _replaced(tree, place, changed), in_function)


def _words(node: ast.AST) -> str:
    if isinstance(node, ast.match_case):
        return "case " + ast.unparse(node.pattern) + (f" if {ast.unparse(node.guard)}" if node.guard else "")
    lines = ast.unparse(node).splitlines()
    return lines[0] if lines else "nothing"


# Where -----------------------------------------------------------------------------------------------------------------


def _places(node: ast.AST, place: Place, where: str, *, in_function: bool) -> Iterator[tuple[Place, str, bool]]:
    for name, child in ast.iter_fields(node):
        if _is_left_alone(node, name):
            continue
        inside = in_function or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name == "body")
        for number, each in enumerate(child) if isinstance(child, list) else [(None, child)]:
            if not isinstance(each, ast.AST) or _is_docstring(name, number, each):
                continue
            here = (*place, name) if number is None else (*place, name, number)
            inner = where
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{where}.{each.name}" if where else each.name
            yield here, where, inside
            yield from _places(each, here, inner, in_function=inside)


def _is_left_alone(node: ast.AST, name: str) -> bool:
    if name in {"annotation", "returns", "decorator_list", "type_params", "keywords"} and isinstance(
        node, ast.AnnAssign | ast.arg | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LEFT_ALONE:
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in {"__slots__", "__all__", "__hash__"}
    if isinstance(node, ast.Tuple) and len(node.elts) > LONG_TABLE:
        return True
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _is_docstring(name: str, number: int | None, node: ast.AST) -> bool:
    return name == "body" and number is not None and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _at(tree: ast.AST, place: Place) -> ast.AST:
    node = tree
    for step in place:
        node = _child(node, step)
    return node


def _replaced(tree: ast.Module, place: Place, changed: ast.AST) -> ast.Module:
    """Copy the tree along one place, with the changed node there beside the original."""
    original = _at(tree, place)
    kept = changed
    if isinstance(original, ast.expr) and not _must_stay_bare(tree, place):
        kept = ast.IfExp(ast.Constant(True), changed, original)
    elif isinstance(original, ast.stmt):
        kept = ast.If(ast.Constant(True), [changed], [original])
    ast.fix_missing_locations(ast.copy_location(kept, original))
    made = node = copy.copy(tree)
    for step in place[:-1]:
        inner = copy.copy(_child(node, step))
        _put(node, step, inner)
        node = inner
    _put(node, place[-1], kept)
    return made


def _child(node: Any, step: str | int) -> Any:  # noqa: ANN401 (a node or a list of nodes)
    return node[step] if isinstance(step, int) else getattr(node, step)


def _put(node: Any, step: str | int, value: Any) -> None:  # noqa: ANN401
    if isinstance(step, int):
        node[step] = value
    else:
        setattr(node, step, value)


def _must_stay_bare(tree: ast.Module, place: Place) -> bool:
    """A pattern holds no expressions, and a target is no value."""
    return any(isinstance(_at(tree, place[:end]), ast.pattern) for end in range(1, len(place)))


# What ------------------------------------------------------------------------------------------------------------------


def _changes(node: ast.AST, tree: ast.Module, place: Place, *, in_function: bool) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Constant):
        if not _is_message(tree, place):
            yield from _constants(node)
        return
    if not in_function:
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr):  # `str | None` is a type
            yield from _arithmetic(node)
        return
    for kind, change in _BY_KIND:
        if isinstance(node, kind):
            yield from change(node)


def _is_message(tree: ast.Module, place: Place) -> bool:
    """Say whether a constant is a part of what an error tells: its words are for people."""
    above = [_at(tree, place[:end]) for end in range(1, len(place))]
    named = any(isinstance(node, ast.keyword) for node in above)
    return not named and any(isinstance(node, ast.Raise) for node in above)


def _constants(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    match node.value:
        case bool(value):
            yield "constant", ast.Constant(not value)
        case int(value) | float(value):
            yield "constant", ast.Constant(value + 1)
            yield "constant", ast.Constant(value - 1)
        case str(value) if " " not in value.strip():
            yield "constant", ast.Constant(value + "X")
        case bytes(value):
            yield "constant", ast.Constant(value + b"X")


def _comparisons(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    for at, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield "comparison", ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)


def _logic(node: ast.BoolOp) -> Iterator[tuple[str, ast.AST]]:
    yield "logic", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for at in range(len(node.values)):
        rest = [*node.values[:at], *node.values[at + 1 :]]
        yield "logic", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _unary(node: ast.UnaryOp) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield "logic", node.operand


def _arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)


def _augmented(node: ast.AugAssign) -> Iterator[tuple[str, ast.AST]]:
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)


def _conditions(node: ast.If | ast.IfExp) -> Iterator[tuple[str, ast.AST]]:
    only_raises = isinstance(node, ast.If) and not node.orelse and isinstance(node.body[0], ast.Raise)
    for value in (True, False):
        if value or not only_raises:  # a refusal that never happens is the same as one left out
            changed = copy.copy(node)
            changed.test = ast.Constant(value)
            yield "condition", changed


def _raises(_node: ast.Raise) -> Iterator[tuple[str, ast.AST]]:
    yield "raise", ast.Pass()


def _calls(node: ast.Expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, ast.Call):
        yield "call", ast.Pass()


def _cases(node: ast.match_case) -> Iterator[tuple[str, ast.AST]]:
    yield "case", ast.match_case(node.pattern, ast.Constant(False), node.body)


def _returns(node: ast.Return) -> Iterator[tuple[str, ast.AST]]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "return", ast.Return(ast.Constant(None))


def _arguments(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    for other in {NAMES.get(getattr(node.func, "id", "")), NAMES.get(getattr(node.func, "attr", ""))} - {None}:
        function = copy.copy(node.func)
        setattr(function, "id" if isinstance(function, ast.Name) else "attr", other)
        yield "arithmetic", ast.Call(function, node.args, node.keywords)
    if len(node.args) > 1 and getattr(node.func, "id", "") not in NEEDS_ALL:
        yield "argument", ast.Call(node.func, node.args[:-1], node.keywords)
    for at in range(len(node.keywords)):
        yield "argument", ast.Call(node.func, node.args, [*node.keywords[:at], *node.keywords[at + 1 :]])


def _handlers(node: ast.ExceptHandler) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.type, ast.Tuple):
        for at in range(len(node.type.elts)):
            rest = [*node.type.elts[:at], *node.type.elts[at + 1 :]]
            yield "except", ast.ExceptHandler(ast.Tuple(rest, ast.Load()), node.name, node.body)


_BY_KIND: tuple[tuple[type[ast.AST], Callable[..., Iterator[tuple[str, ast.AST]]]], ...] = (
    (ast.Compare, _comparisons),
    (ast.BoolOp, _logic),
    (ast.UnaryOp, _unary),
    (ast.BinOp, _arithmetic),
    (ast.AugAssign, _augmented),
    (ast.If, _conditions),
    (ast.IfExp, _conditions),
    (ast.Raise, _raises),
    (ast.Expr, _calls),
    (ast.match_case, _cases),
    (ast.Return, _returns),
    (ast.Call, _arguments),
    (ast.ExceptHandler, _handlers),
)
