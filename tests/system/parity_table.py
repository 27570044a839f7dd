#!/usr/bin/env python3
"""Every test that docs/parity.md and docs/differences.md name exists, and every row of theirs names
one, or says why there is none."""

import re

import harness
from harness import check

DOCUMENTS = ("docs/parity.md", "docs/differences.md")
REASONS = ("API", "many nodes", "worker's side", "there is no")
CASE = re.compile(r"`(\w+\.py): ([a-z_0-9]+)`")
UNIT = re.compile(r"`([A-Z]\w+)\.([a-z_0-9]+)`")


def unit_tests():
    text = "\n".join(path.read_text() for path in
                     (harness.REPOSITORY / "tests/unit").glob("*_test.cpp"))
    return set(re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text, re.MULTILINE))


def has_case(program, name):
    """The program defines it, and calls it or names it among its cases."""
    path = harness.REPOSITORY / "tests/system" / program
    text = path.read_text() if path.exists() else ""
    return f"def {name}(" in text and len(re.findall(rf"\b{name}\b", text)) > 1


def rows(text):
    """The cells of each row of each table but its head."""
    lines = [line.strip() for line in text.splitlines()]
    for line, before in zip(lines[1:], lines):
        if line.startswith("|") and before.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def problems(document, known):
    text = (harness.REPOSITORY / document).read_text()
    found = [f"{program}: {name} is no test" for program, name in CASE.findall(text)
             if not has_case(program, name)]
    found += [f"{suite}.{name} is no test" for suite, name in UNIT.findall(text)
              if (suite, name) not in known]
    seen = set()
    for cells in rows(text):
        proof = cells[-1]
        if not (CASE.search(proof) or UNIT.search(proof) or proof.startswith(REASONS)):
            found.append(f"no test and no reason: {' | '.join(cells)}")
        if cells[0] in seen and document == "docs/differences.md":
            found.append(f"twice: {cells[0]}")
        seen.add(cells[0])
    check(len(seen) > 20, f"{document} has its tables", str(seen))
    return [f"{document}: {each}" for each in found]


def test():
    known = unit_tests()
    check(len(known) > 100, "the unit tests are found", str(known))
    wrong = [each for document in DOCUMENTS for each in problems(document, known)]
    check(not wrong, "every test that is named exists", "\n".join(wrong))


harness.main(__doc__, test)
