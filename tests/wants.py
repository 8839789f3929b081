"""The wants of a fixture: which findings its comments promise, and on which lines.

``# want MPG101 "part of the message"`` stands on the line of the finding; several
may follow one ``want``, and ``# want+1 ...`` speaks about the next line.  Every
want has to be met by a finding of its own, and every finding needs a want.

Headers, anywhere in a comment that starts a line: ``# select: MPG901 MPG902``
switches rules on, ``# parent sees: text`` is the last line that the program
prints, ``# only processes: reason`` says why threads would print another one,
``# fails under: spawn, forkserver: text`` is what it prints under those start methods (and
under no other), ``# warns: text`` is part of what it leaves on stderr, and
``# needs: names`` lists what has to be there to run it: packages, or other words for
what no package brings (``a-broker``), with which it never runs.
``# breaks under: spawn, forkserver: text`` names the start methods under which the
program goes wrong, and what it then prints or raises; under the others it prints what
the parent sees.  ``# same under: fork, spawn, forkserver`` promises one output.
"""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flake8_mpglobals.model import Finding
from flake8_mpglobals.rules import RULES

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
DEFAULT_ON = frozenset(rule.code for rule in RULES if rule.default)

_COMMENT = re.compile(r"#\s*want(?P<offset>\+\d+)?(?=\s)(?P<pairs>.*)")
_PAIR = re.compile(r'\s+(?P<code>[A-Z]+\d+)\s+"(?P<part>[^"]*)"')
_HEADER = re.compile(
    r"^# (?P<key>select|parent sees|only processes|fails under|breaks under|same under|warns|needs)"
    r": ?(?P<text>.*)$"
)


@dataclass(frozen=True)
class Want:
    """One promised finding."""

    line: int
    code: str
    part: str

    def __str__(self) -> str:
        return f'{self.line}: {self.code} "{self.part}"'


@dataclass(frozen=True)
class Fixture:
    """What the comments of one file say."""

    path: Path
    text: str
    wants: tuple[Want, ...]
    headers: dict[str, str]

    def missing(self) -> str:
        """Return the first of what the program needs that is not there, or ''."""
        for name in self.headers.get("needs", "").split():
            try:
                there = shutil.which(name) if name == "java" else importlib.util.find_spec(name)
            except ModuleNotFoundError:
                there = None
            if there is None:
                return name
        return ""

    @property
    def codes(self) -> frozenset[str]:
        """Return the rules to run: those that are on by default, and the selected ones."""
        return DEFAULT_ON | set(self.headers.get("select", "").split())

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def breaks_under(self) -> tuple[str, ...]:
        """The start methods under which the program goes wrong visibly."""
        methods, _, _ = self.headers.get("breaks under", "").partition(": ")
        return tuple(method.strip() for method in methods.split(",") if method.strip())

    @property
    def symptom(self) -> str:
        """What the program prints or raises there."""
        return self.headers.get("breaks under", "").partition(": ")[2]


def parse_wants(text: str) -> tuple[Want, ...]:
    """Return the wants of a text; a comment that looks like one and is none is an error."""
    wants: list[Want] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not (match := _COMMENT.search(token.string)):
            continue
        line = token.start[0] + int(match["offset"] or 0)
        rest = match["pairs"]
        pairs = list(_PAIR.finditer(rest))
        if not pairs or _PAIR.sub("", rest).strip():
            raise ValueError(f"line {token.start[0]}: not a want: {token.string}")
        wants += [Want(line, pair["code"], pair["part"]) for pair in pairs]
    return tuple(wants)


def load(path: Path) -> Fixture:
    """Read one fixture."""
    text = path.read_text(encoding="utf-8")
    headers = {
        match["key"]: match["text"]
        for line in text.splitlines()
        if (match := _HEADER.match(line)) is not None
    }
    return Fixture(path, text, parse_wants(text), headers)


def folder(name: str) -> list[Fixture]:
    """Return the fixtures of one folder, in order."""
    return [load(path) for path in sorted((FIXTURES / name).glob("*.py"))]


def complaints(wants: Iterable[Want], findings: Iterable[Finding]) -> list[str]:
    """Return what is missing and what is surplus, as lines to read; none is right."""
    left = list(findings)
    missing: list[Want] = []
    # The most particular want chooses first, so that a general one cannot take its finding.
    for want in sorted(wants, key=lambda want: -len(want.part)):
        for finding in left:
            if _meets(want, finding):
                left.remove(finding)
                break
        else:
            missing.append(want)
    return [*_say(missing, left)]


def _meets(want: Want, finding: Finding) -> bool:
    same_line = want.line == finding.location.line
    return same_line and want.code == finding.code and want.part in finding.message


def _say(missing: Iterable[Want], surplus: Iterable[Finding]) -> Iterator[str]:
    for want in sorted(missing, key=lambda want: want.line):
        yield f"missing {want}"
    for finding in surplus:
        yield f"surplus {finding.location.line}: {finding.code} {finding.message}"


@dataclass(frozen=True)
class ProjectCase:
    """A folder of modules that are checked one by one; ``script`` is what one runs."""

    name: str
    script: Fixture
    modules: tuple[Fixture, ...]


def projects() -> list[ProjectCase]:
    """Return the projects of several modules, in order; ``main.py`` or ``run.py`` is run."""
    found = []
    for path in sorted((FIXTURES / "projects").iterdir()):
        modules = tuple(load(module) for module in sorted(path.rglob("*.py")))
        script = next(m for m in modules if m.path.name in ("main.py", "run.py"))
        found.append(ProjectCase(path.name, script, modules))
    return found
