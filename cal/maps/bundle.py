"""Modules of JavaScript made one, for pages that are one file.

It knows the few forms of `import` and `export` that the modules of cal have, and refuses any other:

    import {name, other} from "./file.js";
    export function name() { ... }          also class, async function, const and let
"""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:function|class|const|let) (?:(\w+)|[{\[]([^}\]]*)[}\]])", re.MULTILINE
)
_LEFT = re.compile(r"^\s*(?:import|export)\b(?!\.)|\bimport\s*[({*]", re.MULTILINE)
_MARKUP = re.compile(r"</script|<!--", re.IGNORECASE)


def bundle(name: str, read: Callable[[str], str]) -> str:
    r"""The module `name` and all that it imports as one script of type module, what is imported first.

    Args:
        name: file name of the module, for example "map_page.js".
        read: function from the name of a file to its text.

    Example:
        >>> files = {"a.js": 'import {b} from "./b.js";\nb();\n', "b.js": "export const b = () => 1;\n"}
        >>> print(bundle("a.js", files.__getitem__))
        const b = () => 1;
        b();
        <BLANKLINE>

    Raises:
        ValueError: A module has a form of import or export that is not known here, imports what is not there or in a
            circle, or declares a name that another module declares, too.
    """
    texts: dict[str, str] = {}
    _add(name, read, texts, ())
    owner: dict[str, str] = {}
    parts = []
    for file, text in texts.items():
        for declared in _names(text):
            if owner.setdefault(declared, file) != file:
                raise ValueError(f"{owner[declared]} and {file} both declare {declared}. Rename one.")
        part = _EXPORT.sub("", _IMPORT.sub("", text))
        code = re.sub(r"/\*.*?\*/", "", part, flags=re.DOTALL)
        if found := _LEFT.search(code) or _MARKUP.search(part):
            raise ValueError(f"{file} has {found[0].strip()!r}, which cannot be part of a page of one file.")
        parts.append(part)
    return "".join(parts)


def _add(name: str, read: Callable[[str], str], texts: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"Modules import each other in a circle: {' -> '.join((*above, name))}.")
    if name in texts:
        return
    text = read(name)
    for names, file in _IMPORT.findall(text):
        _add(file, read, texts, (*above, name))
        wanted = {one.strip() for one in names.split(",") if one.strip()}
        exported = {
            one for line in _DECLARED.finditer(texts[file]) if line[0].startswith("export ") for one in _of(line)
        }
        if missing := sorted(wanted - exported):
            raise ValueError(f"{name} imports {', '.join(missing)} from {file}, which does not export it.")
    texts[name] = text


def _names(text: str) -> list[str]:
    return [name for line in _DECLARED.finditer(text) for name in _of(line)]


def _of(line: re.Match[str]) -> list[str]:
    """Names of a declaration: one, or those of a pattern."""
    return [line[1]] if line[1] else re.findall(r"\w+", line[2])
