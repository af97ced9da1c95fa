"""Names in Python that nothing defines."""

import pytest

from harness.validate.texts.python_names import undefined


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user = manger.find()\n", "the name manger is not defined"),
        ("def run():\n    return path\n", "the name path is not defined"),
        ("class A:\n    b: Missing = None\n", "the name Missing is not defined"),
        ("x = [y for z in range(3)]\n", "the name y is not defined"),
        ("@decorated\ndef run(): pass\n", "the name decorated is not defined"),
        ("def run(a=default): pass\n", "the name default is not defined"),
        ("import os.path as place\nprint(os.sep)\n", "the name os is not defined"),
        ("print(f'{missing}')\n", "the name missing is not defined"),
        ("manager = 1\nprint(manger)\n", "the name manger is not defined: use manager"),
    ],
)
def test_a_name_that_nothing_defines(text: str, said: str) -> None:
    assert str(undefined(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint(os.sep, __file__, len([]))\n",
        "from a import *\nprint(b)\n",
        "def run():\n    return later()\n\ndef later(): pass\n",
        "def run():\n    global kept\n    kept = 1\n\ndef read(): return kept\n",
        "def outer():\n    a = 1\n    def inner(): return a\n    return inner\n",
        "x = [y for y in range(3)]\nwith open('a') as f: f.read()\n",
        "try:\n    import a\nexcept ImportError as error:\n    print(error)\n",
        "for i, (a, b) in []: print(i, a, b)\n",
        "class A:\n    one = 1\n    two = one\n    def run(self): return __class__\n",
        "try:\n    text = unicode\nexcept NameError:\n    text = str\n",
        "globals()['a'] = 1\nprint(a)\n",
        "c.ServerApp.port = 8888\nc = get_config()\n",
        "print((found := 1), found)\n",
        "match 1:\n    case {'a': x, **rest}: print(x, rest)\n",
        "f = lambda a, *b, **c: (a, b, c)\n",
        "if False:\n    d = 1\nprint(d)\n",
    ],
)
def test_a_name_that_may_be_defined(text: str) -> None:
    assert undefined(text) is None


def test_its_line_is_told() -> None:
    error = undefined("a = 1\n\nprint(b)\n")
    assert error is not None
    assert error.line == 3
