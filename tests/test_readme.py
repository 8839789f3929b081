"""README.md says what is true: its tables and its shown outputs are made by the code.

Run as a program, this file writes those parts anew (``python3 dev.py readme``).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from flake8_mpglobals import config, pyproject
from flake8_mpglobals import settings as known
from flake8_mpglobals.cli import group
from flake8_mpglobals.rules import RULES

README = Path(__file__).parent.parent / "README.md"
START_METHOD = Path(__file__).with_name("start_method")
MODULES = {"mpglobals": "flake8_mpglobals", "flake8": "flake8"}


def rules_table() -> str:
    """Return the table of rules."""
    lines = ["| code | name | reports | default |", "|---|---|---|---|"]
    for rule in RULES:
        default = "on" if rule.default else "off"
        lines.append(f"| {rule.code} | {rule.name} | {rule.summary} | {default} |")
    return "\n".join(lines)


def options_table() -> str:
    """Return the table of the flags of ``check`` and ``fix``."""
    flags: dict[str, tuple[str, list[str]]] = {}
    for name in ("check", "fix"):
        for option in group.commands[name].params:
            if not isinstance(option, click.Option):
                continue
            spelled = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
            if isinstance(option.type, click.Choice):
                choices = ", ".join(f"`{choice}`" for choice in option.type.choices)
                spelled += f": {choices}"
            elif not option.is_flag:
                spelled = spelled[:-1] + f" {option.metavar}`"
            flags.setdefault(spelled, (option.help or "", []))[1].append(name)
    lines = ["| flag | of | what it does |", "|---|---|---|"]
    for spelled, (text, commands) in flags.items():
        lines.append(f"| {spelled} | {', '.join(commands)} | {text} |")
    return "\n".join(lines)


def shown(block: str, folder: Path) -> str:
    """Return a console block with what its commands print now."""
    lines = ["```console"]
    for line in block.splitlines():
        if line.startswith("$ "):
            lines += [line, *output(line[2:].split(), folder)]
    return "\n".join([*lines, "```"])


def output(command: list[str], folder: Path, method: str = "") -> list[str]:
    """Return the lines that a command prints: its own, not those of this machine."""
    name, *arguments = command
    program = [] if name == "python" else ["-m", MODULES[name]]
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "PYTHONPATH": str(START_METHOD),
        "MPGLOBALS_START_METHOD": method,
    }
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


def between(name: str, text: str, make: Callable[[str], str]) -> str:
    """Return ``text`` with the parts between the markers ``name`` made from what they were."""
    begin, end = f"<!-- {name}:begin -->\n", f"\n?<!-- {name}:end -->"
    new, count = re.subn(
        f"({begin})(.*?){end}",
        lambda found: f"{found[1]}{make(found[2])}\n<!-- {name}:end -->",
        text,
        flags=re.DOTALL,
    )
    assert count, f"the README has no part {name!r}"
    return new


def program(text: str) -> str:
    """Return the program that the README shows."""
    found = re.search(r"<!-- program:begin -->\n```python\n(.*?)```\n", text, re.DOTALL)
    assert found
    return found[1]


def updated(text: str) -> str:
    """Return the README with its generated parts as they have to be."""
    text = between("rules", text, lambda _: rules_table())
    text = between("options", text, lambda _: options_table())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cities.py").write_text(program(text), encoding="utf-8")
        return between("shown", text, lambda block: shown(block, folder))


def test_generated_parts_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python3 dev.py readme"


def test_the_shown_repair_holds_under_every_start_method(tmp_path: Path) -> None:
    cities = tmp_path / "cities.py"
    cities.write_text(program(README.read_text(encoding="utf-8")), encoding="utf-8")
    methods = known.START_METHODS if os.name != "nt" else ("spawn",)
    for method in methods:
        assert output(["python", "cities.py"], tmp_path, method) == ["['main']"]
    output(["mpglobals", "fix", "cities.py"], tmp_path)
    for method in methods:
        printed = output(["python", "cities.py"], tmp_path, method)
        assert printed == ["['main', 'beijing', 'shanghai', 'guangzhou', 'shenzhen']"]


def test_every_setting_is_in_the_table() -> None:
    settings = README.read_text(encoding="utf-8").split("\n## Settings\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", settings, re.MULTILINE)) == sorted(
        pyproject.KEYS
    )


def test_settings_that_are_shown_are_taken(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    (shown_settings,) = re.findall(r"```toml\n(\[tool\.mpglobals\].*?)```", text, re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(shown_settings, encoding="utf-8")
    settings = config.load(str(tmp_path / "pyproject.toml"))
    assert settings is not None
    assert settings.extend_select == ("MPG901",)
    assert [api.name for api in settings.boundaries] == ["acme.parallel.run_all"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = updated(old)
    if new != old:
        README.write_text(new, encoding="utf-8", newline="\n")
