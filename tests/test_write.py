"""A file is replaced whole or not at all, and stays what it was otherwise."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flake8_mpglobals.fixes.write import WriteError, replace_file

OLD, NEW = b"old\r\n", b"new \xff\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_bytes(OLD)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refused(path: Path, expected: bytes = OLD) -> str:
    with pytest.raises(WriteError) as caught:
        replace_file(path, expected, NEW)
    assert caught.value.error.path == str(path)
    assert (caught.value.error.line, caught.value.error.column) == (0, 0)
    return caught.value.error.message


def test_bytes_are_replaced(file: Path) -> None:
    replace_file(file, OLD, NEW)
    assert file.read_bytes() == NEW
    assert names(file.parent) == {"a.py"}


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o4750])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    replace_file(file, OLD, NEW)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "b.py"
    link.symlink_to(Path("..") / "a.py")
    replace_file(link, OLD, NEW)
    assert link.is_symlink()
    assert link.readlink() == Path("..") / "a.py"
    assert file.read_bytes() == NEW
    assert names(folder) == {"b.py"}


def test_a_changed_file_is_left(file: Path) -> None:
    file.write_bytes(b"somebody else's\n")
    assert "changed since it was read" in refused(file)
    assert file.read_bytes() == b"somebody else's\n"
    assert names(file.parent) == {"a.py"}


def test_a_file_that_changes_meanwhile_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        file.write_bytes(b"meanwhile\n")

    monkeypatch.setattr(os, "fsync", fsync)
    assert "changed since it was read" in refused(file)
    assert file.read_bytes() == b"meanwhile\n"
    assert names(file.parent) == {"a.py"}


def test_a_read_only_file_is_left(file: Path) -> None:
    file.chmod(0o444)
    assert "read-only" in refused(file)
    assert file.read_bytes() == OLD


def test_hard_links_are_not_parted(file: Path) -> None:
    other = file.with_name("other.py")
    other.hardlink_to(file)
    assert "2 hard links" in refused(file)
    assert file.read_bytes() == other.read_bytes() == OLD


def test_a_folder_and_nothing_are_no_files(tmp_path: Path) -> None:
    assert "not a regular file" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "gone.py")


def test_a_loop_of_links_is_said(tmp_path: Path) -> None:
    link = tmp_path / "loop.py"
    link.symlink_to(link)
    assert refused(link).startswith("cannot write")


def _out_of_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [_out_of_space, _interrupted])
def test_a_failure_leaves_no_trace(
    file: Path,
    step: str,
    failure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", failure)
    else:
        monkeypatch.setattr(Path, "replace", failure)
    with pytest.raises((WriteError, KeyboardInterrupt)):
        replace_file(file, OLD, NEW)
    assert file.read_bytes() == OLD
    assert names(file.parent) == {"a.py"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_takes_no_new_file(file: Path) -> None:
    file.parent.chmod(0o555)
    try:
        assert refused(file).startswith("cannot write")
    finally:
        file.parent.chmod(0o755)
    assert file.read_bytes() == OLD
