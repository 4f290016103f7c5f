"""The library pages: every public name with its signature, and its docstring as Markdown."""

import ast
import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator
from enum import Enum
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

from mapae.errors import MapaeError

WIDTH = 96
SECTIONS = re.compile(r"(Args|Raises|Attributes|Returns|Yields|Example):")
ELSEWHERE = {"RemoteKeySet": "library-remote.md"}
ENTRY = re.compile(r"    (\*{0,2}[\w, .]+): (.*)")


class Room(NamedTuple):
    """A module as its users see it.

    Attributes:
        module: where the names are.
        names: the public names; empty: those that the module defines, in its order.
        shown_as: what is written before a name.
    """

    module: str
    names: tuple[str, ...] = ()
    shown_as: str = ""


def front_door() -> Iterator[str]:
    """Describe what `import mapae` offers."""
    package = import_module("mapae")
    for name in package.__all__:
        if name in ELSEWHERE:
            first = docstring(getattr(package, name)).partition("\n")[0]
            yield from ("", f"## `mapae.{name}`", "", first, "", f"[All of it]({ELSEWHERE[name]})")
        else:
            yield from described_names(package, (name,), "mapae", level=2, listed=package.__all__)


def rooms(*wanted: Room) -> Callable[[], Iterator[str]]:
    """Prepare a page of several modules, each under its heading."""

    def lines() -> Iterator[str]:
        for room in wanted:
            module = import_module(room.module)
            prefix = room.shown_as or room.module
            yield from ("", f"## `{prefix}`", "", docstring(module), "")
            yield from described_names(module, room.names or public_names(module), prefix.rpartition(".")[2], level=3)

    return lines


def public_names(module: ModuleType) -> Collection[str]:
    """Return `__all__`, or what the module itself defines, in the order of its text."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and callable(thing) and getattr(thing, "__module__", None) == module.__name__
    ]


def described_names(
    module: ModuleType, names: Collection[str], prefix: str, *, level: int, listed: Collection[str] = ()
) -> Iterator[str]:
    there = {id(getattr(module, name)) for name in listed or names}
    for name in names:
        yield from described(prefix, name, getattr(module, name), module=module, listed=there, level=level)


def described(
    prefix: str,
    name: str,
    thing: Any,  # noqa: ANN401 (any public thing)
    *,
    module: ModuleType,
    listed: Collection[int],
    level: int,
) -> Iterator[str]:
    yield from ("", f"{'#' * level} `{prefix}.{name}`", "")
    if isinstance(thing, Enum) or not (callable(thing) or isinstance(thing, property)):
        value = thing.value if isinstance(thing, Enum) else thing
        yield constant_docstring(module, name) or f"`{value!r}`"
    elif inspect.isclass(thing):
        yield from described_class(prefix, name, thing, module=module, listed=listed, level=level)
    else:
        yield from (*fenced(signature(name, thing)), docstring(thing))


def described_class(
    prefix: str, name: str, thing: type, *, module: ModuleType, listed: Collection[int], level: int
) -> Iterator[str]:
    if issubclass(thing, Exception):
        yield docstring(thing)
        if issubclass(thing, MapaeError):
            yield from ("", f"code: `{thing.code}`")
        return
    if issubclass(thing, Enum):
        yield from (docstring(thing), "", *(f"* `{each.name}` = `{each.value!r}`" for each in thing))
        return
    maker = constructor(thing)
    if maker is not None:
        yield from fenced(signature(name, maker))
    yield from (docstring(thing), "")
    if maker is not None and maker is not thing:
        yield sections_only(docstring(maker))
    for member, value in members(thing, listed):
        yield from described(f"{prefix}.{name}", member, value, module=module, listed=listed, level=min(level + 1, 6))


def constructor(thing: type) -> Any:  # noqa: ANN401 (any public thing)
    """Return what describes how the class is called; None for one that users do not call."""
    if thing.__doc__ is None or "__dataclass_fields__" in vars(thing):
        private = any(each.startswith("_") for each in inspect.signature(thing).parameters)
        return None if private else thing
    made = [vars(each)["__init__"] for each in thing.__mro__ if "__init__" in vars(each) and each is not object]
    made = [each for each in made if each.__doc__]
    plain = [each for each in made if not any(p.kind is p.VAR_KEYWORD for p in parameters(each))]
    return next(iter(plain or made), None)


def members(thing: type, listed: Collection[int]) -> Iterator[tuple[str, Any]]:
    """The public methods and properties with words of their own, inherited ones too unless their class is listed."""
    seen: set[str] = set()
    for home in thing.__mro__:
        if not home.__module__.startswith("mapae.") or (home is not thing and id(home) in listed):
            continue
        for name, value in vars(home).items():
            plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if name.startswith("_") or name in seen or not (inspect.isfunction(plain) or isinstance(plain, property)):
                continue
            seen.add(name)
            if plain.__doc__:
                yield name, plain


# Signatures -----------------------------------------------------------------------------------------------------------


def parameters(thing: Any) -> list[inspect.Parameter]:  # noqa: ANN401 (any public thing)
    return [each for each in inspect.signature(thing).parameters.values() if each.name not in {"self", "cls"}]


def signature(name: str, thing: Any) -> str:  # noqa: ANN401 (any public thing)
    """Write the signature on one line, or with a line for each parameter."""
    if isinstance(thing, property):
        returned = inspect.signature(thing.fget).return_annotation if thing.fget else inspect.Signature.empty
        return f"{name}: {annotation(returned)}" if returned is not inspect.Signature.empty else name
    returned = inspect.signature(thing).return_annotation
    made = thing.__name__ == "__init__" or inspect.isclass(thing)
    end = "" if made or returned is inspect.Signature.empty else f" -> {annotation(returned)}"
    parts = list(written(parameters(thing)))
    start = "async " if inspect.iscoroutinefunction(thing) else ""
    line = f"{start}{name}({', '.join(parts)}){end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{start}{name}(", *(f"    {part}," for part in parts), f"){end}"])


def written(found: list[inspect.Parameter]) -> Iterator[str]:
    after_star = False
    for each in found:
        if each.kind is each.VAR_POSITIONAL:
            after_star = True
        elif each.kind is each.KEYWORD_ONLY and not after_star:
            after_star = True
            yield "*"
        stars = "*" * ((each.kind is each.VAR_POSITIONAL) + 2 * (each.kind is each.VAR_KEYWORD))
        kind = f": {annotation(each.annotation)}" if each.annotation is not each.empty else ""
        equals = " = " if kind else "="
        yield f"{stars}{each.name}{kind}{f'{equals}{default(each.default)}' if each.default is not each.empty else ''}"


def annotation(kind: object) -> str:
    return kind if isinstance(kind, str) else inspect.formatannotation(kind).replace("'", "")


def default(value: object) -> str:
    if isinstance(value, frozenset):  # its order changes from run to run
        return f"{{{', '.join(sorted(map(repr, value)))}}}" if len(value) < 5 else "..."
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, type) or inspect.isfunction(value):
        return value.__name__
    return "..." if " object at " in repr(value) or repr(value) == "<factory>" else repr(value)


def fenced(text: str) -> Iterator[str]:
    yield from ("```text", text, "```", "")


# Docstrings -----------------------------------------------------------------------------------------------------------


def docstring(thing: object) -> str:
    """A Google docstring as Markdown: sections become bold words, their entries a list, examples code."""
    lines: list[str] = []
    code: list[str] = []
    section = ""
    for line in (*(inspect.getdoc(thing) or "").splitlines(), "the end"):
        if section == "Example" and line and not line.startswith("    "):
            section = ""
        if section in {"", "Example"} and (line.startswith("    ") or (code and not line)):
            code.append(line[4:])
            continue
        if code:
            lines += ["```python", *"\n".join(code).rstrip().splitlines(), "```", ""]
            code.clear()
        if SECTIONS.fullmatch(line):
            section = line[:-1]
            lines += [f"**{section}**", ""]
        elif entry := ENTRY.fullmatch(line):
            lines.append(f"* `{entry[1]}`: {entry[2]}")
        else:
            lines.append(f"  {line.strip()}" if line.startswith("     ") else line)
    return "\n".join(lines[:-1])


def sections_only(text: str) -> str:
    """Leave out the first words of a constructor, which only say that it constructs."""
    start = re.search(r"^\*\*(Args|Raises)\*\*$", text, re.MULTILINE)
    return text[start.start() :] if start else ""


def constant_docstring(module: ModuleType, name: str) -> str:
    """Return the text below the assignment of a name, where it was assigned."""
    homes = [module, import_module(getattr(module, "_HOMES", {}).get(name, module.__name__))]
    for home in homes:
        body = ast.parse(inspect.getsource(home)).body
        for here, after in pairwise(body):
            target = here.target if isinstance(here, ast.AnnAssign) else None
            if isinstance(target, ast.Name) and target.id == name and isinstance(after, ast.Expr):
                return str(ast.literal_eval(after.value))
    return ""
