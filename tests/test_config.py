from __future__ import annotations

import os
from pathlib import Path

import pytest

from flake8_mpglobals.catalogue import Slot
from flake8_mpglobals.config import Configuration, load
from flake8_mpglobals.rules import RULES
from flake8_mpglobals.settings import (
    OUTPUT_FORMATS,
    TARGET_VERSIONS,
    ConfigError,
    default_on,
    opted_in,
    resolve,
)

ON = frozenset(rule.code for rule in RULES if rule.default)
OFF = frozenset(rule.code for rule in RULES if not rule.default)


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("select", "extend", "ignore", "want"),
    [
        (None, (), (), ON),
        (("MPG",), (), (), ON),
        (("ALL",), (), (), ON),
        (("MPG9",), (), (), OFF),
        (("MPG101",), (), (), {"MPG101"}),
        (("MPG101", "MPG902"), (), (), {"MPG101", "MPG902"}),
        (None, ("MPG9",), (), ON | OFF),
        (None, ("MPG901",), (), ON | {"MPG901"}),
        (None, (), ("MPG1",), {code for code in ON if not code.startswith("MPG1")}),
        (("MPG101",), (), ("MPG1",), {"MPG101"}),
        (("MPG1",), (), ("MPG101",), {c for c in ON if c.startswith("MPG1")} - {"MPG101"}),
        (("MPG101",), (), ("MPG101",), set()),
        (("MPG1",), (), ("ALL",), {code for code in ON if code.startswith("MPG1")}),
        ((), (), (), set()),
    ],
)
def test_the_longer_prefix_wins(
    select: tuple[str, ...] | None, extend: tuple[str, ...], ignore: tuple[str, ...], want: set[str]
) -> None:
    assert resolve(select, extend, ignore) == want


def test_flake8_switches_default_off_rules_on_by_prefixes_from_mpg9_on() -> None:
    assert opted_in(["MPG", "M", "E", "MPG1"]) == frozenset()
    assert opted_in(["MPG9"]) == OFF
    assert opted_in(["MPG902"]) == {"MPG902"}
    assert default_on() == ON


def test_the_nearest_file_with_the_table_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    settings_file(tmp_path, '[tool.mpglobals]\nselect = ["MPG102"]\n')
    settings_file(tmp_path / "a", '[tool.other]\nname = "mpglobals"\n')
    configuration = Configuration()
    assert configuration.options_for(str(inner / "x.py")).codes == {"MPG102"}
    assert Configuration(isolated=True).options_for(str(inner / "x.py")).codes == ON
    settings_file(inner, '[tool.mpglobals]\nselect = ["MPG101"]\n')
    assert Configuration().options_for(str(inner / "x.py")).codes == {"MPG101"}
    assert Configuration().options_for(str(tmp_path / "x.py")).codes == {"MPG102"}


def test_all_keys(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        """\
[tool.mpglobals]
select = ["MPG1"]
extend-select = ["MPG9"]
ignore = ["MPG102"]
exclude = ["old"]
extend-exclude = ["gen/*.py"]
force-exclude = true
respect-gitignore = false
src = ["lib"]
start-methods = ["spawn"]
target-version = "py312"
output-format = "concise"

[tool.mpglobals.per-file-ignores]
"tests/*" = ["MPG101"]

[tool.mpglobals.boundaries]
"acme.parallel.run_all" = { callable = 0, kind = "process" }
"acme.Farm.go" = { callable = "fn", args = 1, initializer = "setup", waits = true, pickles = false }
""",
    )
    settings = load(str(path))
    assert settings is not None
    assert (settings.force_exclude, settings.respect_gitignore) == (True, False)
    assert settings.output_format == "concise"
    options = settings.options(str(tmp_path / "x.py"))
    assert options.codes == {c for c in ON if c.startswith("MPG1")} - {"MPG102"} | OFF
    assert options.src == (str(tmp_path / "lib"),)
    assert options.start_methods == ("spawn",)
    assert options.target_version == (3, 12)
    first, second = options.boundaries
    assert (first.name, first.label, first.kind) == ("acme.parallel.run_all", "run_all", "process")
    assert first.callable == Slot(0)
    assert (second.label, second.waits, second.pickles) == ("Farm.go", True, False)
    assert (second.callable, second.args) == (Slot(-1, "fn"), Slot(1))
    assert second.initializer == Slot(-1, "setup")
    assert "MPG101" not in settings.options(str(tmp_path / "tests" / "test_x.py")).codes
    excluded = settings.excluded()
    assert excluded.match(str(tmp_path / "old" / "x.py"))
    assert excluded.match(str(tmp_path / "gen" / "x.py"))
    assert not excluded.match(str(tmp_path / "build" / "x.py"))


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('[tool.mpglobals]\nselct = ["MPG1"]', 2, 1, "unknown key 'selct': did you mean 'select'?"),
        ('[tool.mpglobals]\nselect = ["MPG1", "X1"]', 2, 20, "unknown rule code 'X1'"),
        ('[tool.mpglobals]\nselect = "MPG1"', 2, 1, "list of strings"),
        ("[tool.mpglobals]\nforce-exclude = 1", 2, 1, "true or false"),
        ('[tool.mpglobals]\noutput-format = "html"', 2, 1, "one of full"),
        ('[tool.mpglobals]\ntarget-version = "py27"', 2, 1, "one of py311"),
        ('[tool.mpglobals]\nstart-methods = ["spoon"]', 2, 19, "unknown start method 'spoon'"),
        ("[tool]\nmpglobals = 3", 2, 1, "has to be a table"),
        ('[tool.mpglobals.boundaries]\n"a.b" = 1', 2, 2, "needs a table with 'callable'"),
        ('[tool.mpglobals.boundaries]\n"a.b" = {callable = true}', 2, 10, "a position"),
        ('[tool.mpglobals.boundaries]\n"a.b" = {callable=0, kin=1}', 2, 22, "'kin'"),
        ("[tool.mpglobals.boundaries]\na.b.callable = 0", 2, 1, "qualified name in quotes"),
        ('[tool.mpglobals.per-file-ignores]\n"a" = ["B"]', 2, 9, "unknown rule code 'B'"),
        ("[tool.mpglobals\n", 1, 16, "Expected"),
        ("[tool.mpglobals]\nselect = [", 2, 11, ""),
    ],
)
def test_a_wrong_setting_is_one_error_with_its_place(
    tmp_path: Path, text: str, line: int, column: int, words: str
) -> None:
    path = settings_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    error = caught.value.error
    assert error.path == str(path)
    assert error.line == line
    if words:
        assert error.column == column
    assert words in error.message
    assert "\n" not in error.message


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(b'[tool.mpglobals]\nselect = ["\xff"]\n')
    with pytest.raises(ConfigError, match="UTF-8"):
        load(str(path))


def test_a_broken_file_of_someone_else_is_not_ours(tmp_path: Path) -> None:
    assert load(str(settings_file(tmp_path, "[tool.black\n"))) is None


def test_a_named_settings_file_has_to_have_the_table(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "[tool.black]\n")
    with pytest.raises(ConfigError, match=r"no \[tool.mpglobals\] table"):
        Configuration(file=str(path))
    with pytest.raises(ConfigError, match="no such file"):
        Configuration(file=str(tmp_path / "absent.toml"))


def test_settings_do_not_depend_on_how_a_path_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file(tmp_path, '[tool.mpglobals]\nselect = ["MPG101"]\n')
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    configuration = Configuration()
    for path in ("x.py", "./x.py", str(tmp_path / "a" / "x.py"), f"..{os.sep}x.py"):
        assert configuration.options_for(path).codes == {"MPG101"}


def test_the_command_offers_what_the_settings_know() -> None:
    from flake8_mpglobals import cli

    assert cli._FORMATS == OUTPUT_FORMATS
    assert cli._VERSIONS == TARGET_VERSIONS
