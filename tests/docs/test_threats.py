"""Every line of the threat model has its test, and every test of an attack is in it."""

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
NAMED = {line.split("|")[3].strip(" `") for line in PAGE.splitlines() if line.startswith("|")} - {"test", "---"}
ATTACKS = ROOT / "tests/harness/review/test_untrusted_branch.py"


def test_each_line_has_its_test() -> None:
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "tools/builder").glob("*_test.go")]
    written = re.findall(
        r"^(?:def|func) (\w+)", "".join(file.read_text(encoding="utf-8") for file in files), re.MULTILINE
    )
    assert NAMED
    assert NAMED - {*written} == set()


def test_each_attack_has_its_line() -> None:
    tests = set(re.findall(r"^def (test_\w+)", ATTACKS.read_text(encoding="utf-8"), re.MULTILINE))
    assert tests - NAMED == {"test_what_is_not_widened_is_no_risk"}
