import copy
import json
import re

import pytest
import torch

from pcgen.cli import _machine, doctor
from pcgen.cli.main import main
from pcgen.viz import open3d

GPU = {
    "torch": {"cuda": "13.0"},
    "operators": {"cpu": {"loaded": True}, "cuda": {"loaded": True, "compiler": "13.0.48", "archs": [75, 90]}},
    "gpus": [{"name": "NVIDIA H100", "arch": 90}],
    "driver": {"found": "580.65.06", "needed": 580},
    "optional": {"open3d": {"version": "0.20.0", "extra": "viz"}},
    "open3d_packages_missing": [],
}


def test_doctor_tells_what_is_here(capsys):
    main(["doctor", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert facts["torch"]["version"] == torch.__version__ and "chair" in facts["generators"]
    assert facts["optional"]["open3d"]["extra"] == "viz" and "pytest" not in facts["optional"]
    if facts["operators"]["cpu"]["loaded"]:
        assert re.fullmatch(r"\w+ \d+\.\d+\S*", facts["operators"]["cpu"]["compiler"])
    main(["doctor"])
    printed = capsys.readouterr().out
    assert facts["operators"]["cpu"]["path"] in printed
    assert all(package in printed for package in facts["open3d_packages_missing"])
    assert all(sentence in printed for sentence in facts["advice"])


def changed(path, value):
    facts = copy.deepcopy(GPU)
    *groups, last = path.split(".")
    group = facts
    for name in groups:
        group = group[name]
    group[last] = value
    return facts


def test_a_machine_where_all_works_needs_no_advice():
    assert doctor.advice(GPU) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("operators.cpu.loaded", False, "apt install g++"),
        ("operators.cuda.loaded", False, "PCGEN_CUDA=1 pip install ."),
        ("driver.found", "550.54.15", "need driver 580 or newer, found 550.54.15"),
        ("gpus", [{"name": "NVIDIA P100", "arch": 60}], "PCGEN_CUDA_ARCHS=60 pip install ."),
        ("open3d_packages_missing", ["libgl1", "libvulkan1"], "apt-get install libgl1 libvulkan1"),
    ],
)
def test_each_fault_has_one_remedy(path, value, words):
    (sentence,) = doctor.advice(changed(path, value))
    assert words in sentence


def test_what_is_optional_and_absent_needs_no_advice():
    facts = changed("optional.open3d.version", "")
    assert doctor.advice(facts | {"open3d_packages_missing": ["libgl1"]}) == []


@pytest.mark.parametrize(("cuda", "driver"), [("", 0), ("12.8.93", 525), ("13.0.48", 580), ("14.2", 580)])
def test_driver_needed(cuda, driver):
    assert _machine.driver_needed(cuda) == driver


@pytest.mark.parametrize(
    "line",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 06:54:38 UTC 2025",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22)",
    ],
)
def test_driver_version_is_read_from_the_kernel(line, tmp_path, monkeypatch):
    (tmp_path / "version").write_text(line + "\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n")
    monkeypatch.setattr(_machine, "DRIVER_FILE", tmp_path / "version")
    assert _machine.driver_version() == "580.65.06"


def test_open3d_packages_are_missing_exactly_where_their_libraries_are(tmp_path, monkeypatch):
    monkeypatch.setattr(open3d, "LIBRARIES", {"libc.so.6": "libc6", "libnowhere.so.1": "nowhere1"})
    monkeypatch.setattr(open3d, "VULKAN_DRIVERS", (tmp_path,))
    monkeypatch.delenv("VK_DRIVER_FILES", raising=False)
    monkeypatch.delenv("VK_ICD_FILENAMES", raising=False)
    assert open3d.missing_packages() == ["nowhere1", "mesa-vulkan-drivers"]
    (tmp_path / "lvp_icd.x86_64.json").write_text("{}")
    assert open3d.missing_packages() == ["nowhere1"]
