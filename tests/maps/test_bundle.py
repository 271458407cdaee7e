"""Modules of JavaScript that become one."""

import re
from pathlib import Path

import pytest

from cal.maps.bundle import bundle
from cal.maps.one_file import STATIC


def joined(files):
    return bundle("a.js", files.__getitem__)


def test_what_is_imported_comes_first_and_once():
    files = {
        "a.js": 'import {b} from "./b.js";\nimport {\n  c,\n} from "./c.js";\n\nb(c);\n',
        "b.js": 'import {c} from "./c.js";\nexport async function b() {}\n',
        "c.js": "export const c = 1;\n",
    }
    assert joined(files) == "const c = 1;\nasync function b() {}\n\nb(c);\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.js": "export default 1;\n"}, "export"),
        ({"a.js": "export {a};\n"}, "export"),
        ({"a.js": 'import * as b from "./b.js";\n'}, "import"),
        ({"a.js": 'import b from "./b.js";\n'}, "import"),
        ({"a.js": 'const b = await import("./b.js");\n'}, "import"),
        ({"a.js": 'import {b} from "../page/b.js";\n'}, "import"),
        ({"a.js": 'import {b as c} from "./b.js";\n', "b.js": "export const b = 1;\n"}, "does not export"),
        ({"a.js": 'import {d} from "./b.js";\n', "b.js": "export const b = 1;\n"}, "imports d from b.js"),
        ({"a.js": 'import {b} from "./b.js";\n', "b.js": "const b = 1;\n"}, "does not export"),
        (
            {"a.js": 'import {b} from "./b.js";\nconst c = 1;\n', "b.js": "export const b = 1, e = 2;\nlet c;\n"},
            "both declare c",
        ),
        ({"a.js": 'import {b} from "./b.js";\n', "b.js": 'import {a} from "./a.js";\n'}, "in a circle"),
        ({"a.js": 'const text = "</script>";\n'}, "</script"),
    ],
)
def test_what_cannot_be_joined_is_refused_by_name(files, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        joined(files)


def test_every_module_of_the_maps_can_be_part_of_one_file():
    for path in STATIC.glob("*.js"):
        text = bundle(path.name, lambda name: (STATIC / name).read_text(encoding="utf-8"))
        assert not re.search(r"^(import|export) ", text, re.MULTILINE), path.name


def test_no_module_makes_markup_or_code_from_strings():
    forbidden = (
        r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|\bnew Function\b|setAttribute\(.style"
    )
    for path in Path(STATIC).glob("*.js"):
        text = re.sub(r"/\*.*?\*/|//.*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(forbidden, text), path.name
