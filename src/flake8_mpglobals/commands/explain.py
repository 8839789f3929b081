"""``mpglobals explain`` and ``mpglobals rules``: the declarations of the rules, for people."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator

from flake8_mpglobals.commands.common import UsageError, coloured
from flake8_mpglobals.rules import RULES, Rule


def find(word: str) -> Rule:
    """Return the rule with a code or a name; raises ``UsageError`` with a near one."""
    wanted = word.strip()
    for rule in RULES:
        if wanted.upper() == rule.code or wanted.lower() == rule.name:
            return rule
    known = [text for rule in RULES for text in (rule.code, rule.name)]
    near = difflib.get_close_matches(wanted.upper(), known, n=1) or difflib.get_close_matches(
        wanted.lower(), known, n=1
    )
    hint = f"did you mean {near[0]!r}?" if near else "`mpglobals rules` lists them."
    raise UsageError(f"unknown rule {word!r}: {hint}")


def explain(word: str, output_format: str) -> int:
    """Print one rule and return the exit status."""
    rule = find(word)
    if output_format == "json":
        _write(json.dumps(_values(rule), indent=2) + "\n")
    else:
        _write("\n".join(_page(rule, coloured(sys.stdout))) + "\n")
    return 0


def table(output_format: str) -> int:
    """Print all rules and return the exit status."""
    if output_format == "json":
        _write(json.dumps([_values(rule) for rule in RULES], indent=2) + "\n")
        return 0
    wide = max(len(rule.name) for rule in RULES)
    _write(f"{'code':<6}  {'name':<{wide}}  default  summary\n")
    for rule in RULES:
        default = "on" if rule.default else "off"
        _write(f"{rule.code:<6}  {rule.name:<{wide}}  {default:<7}  {rule.summary}\n")
    return 0


def _values(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "summary": rule.summary,
        "default": rule.default,
        "since": rule.since,
        "why": rule.why,
        "bad": rule.bad,
        "good": rule.good,
        "limits": rule.limits,
        "remedy": rule.remedy,
    }


def _page(rule: Rule, colour: bool) -> Iterator[str]:
    def heading(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if colour else text

    default = "on by default" if rule.default else "off by default: switch it on with extend-select"
    yield heading(f"{rule.code} {rule.name}")
    yield f"{rule.summary} ({default}; since {rule.since})"
    for title, text, is_code in (
        ("Why", rule.why, False),
        ("Bad", rule.bad, True),
        ("Good", rule.good, True),
        ("What to do", rule.remedy, False),
        ("Known limits", rule.limits, False),
    ):
        yield ""
        yield heading(title)
        yield ""
        for line in text.strip("\n").splitlines():
            yield f"{'    ' if is_code else '  '}{line}".rstrip()


def _write(text: str) -> None:
    sys.stdout.write(text)
