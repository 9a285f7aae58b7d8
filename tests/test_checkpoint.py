import pytest
import torch
from safetensors.torch import save_file

from pcgen.checkpoint import load_checkpoint, save_checkpoint
from pcgen.errors import FileError


def test_half_precision_is_stored_and_comes_back_as_float32(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, "demo", {"w": torch.tensor([0.1]), "n": torch.tensor([3])}, {"unit": "m"}, half=True)
    tensors, facts = load_checkpoint(path, "demo")
    assert tensors["w"].dtype == torch.float32 and tensors["w"].item() == torch.tensor(0.1).half().item()
    assert tensors["n"].dtype == torch.int64
    assert facts["unit"] == "m" and facts["pcgen_version"]


def test_wrong_files_are_explained(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, "prior", {"w": torch.ones(1)}, {})
    with pytest.raises(FileError, match="holds a prior, but a plugin is needed"):
        load_checkpoint(path, "plugin")
    save_file({"w": torch.ones(1)}, tmp_path / "b.safetensors")
    with pytest.raises(FileError, match="not a pcgen checkpoint"):
        load_checkpoint(tmp_path / "b.safetensors", "prior")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FileError, match="cannot be read as a checkpoint"):
        load_checkpoint(path, "prior")
    with pytest.raises(FileError, match=r"did you mean .*a\.safetensors"):
        load_checkpoint(tmp_path / "aa.safetensors", "prior")
