from __future__ import annotations

import pytest

from pcgen.errors import FileError
from pcgen.files import atomic_writer, existing_file


def test_a_file_that_is_there_is_returned_as_a_path(tmp_path):
    (tmp_path / "chair.ply").write_bytes(b"ply")
    assert existing_file(str(tmp_path / "chair.ply")) == tmp_path / "chair.ply"


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path):
    (tmp_path / "chair.ply").write_bytes(b"ply")
    with pytest.raises(FileError, match=r"chiar\.ply does not exist; did you mean .*chair\.ply\?"):
        existing_file(tmp_path / "chiar.ply")
    with pytest.raises(FileError, match=r"qqq\.npz does not exist$"):
        existing_file(tmp_path / "qqq.npz")
    with pytest.raises(FileError, match=r"nor does its folder .*nowhere"):
        existing_file(tmp_path / "nowhere" / "chair.ply")


def test_a_folder_and_an_empty_file_are_refused(tmp_path):
    (tmp_path / "empty.npy").touch()
    with pytest.raises(FileError, match="is a folder"):
        existing_file(tmp_path)
    with pytest.raises(FileError, match=r"empty\.npy is empty"):
        existing_file(tmp_path / "empty.npy")


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "out.bin"
    with atomic_writer(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["out.bin"]


def test_an_error_while_writing_leaves_the_older_file_and_no_rubbish(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_writer(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.bin"]


def test_writing_into_a_missing_folder_says_which(tmp_path):
    with (
        pytest.raises(FileError, match=r"its folder .*nowhere does not exist; create it"),
        atomic_writer(tmp_path / "nowhere" / "out.bin"),
    ):
        pass
