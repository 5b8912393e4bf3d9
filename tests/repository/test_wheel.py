"""What is built is what is promised."""

from __future__ import annotations

import tomllib
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.repository.sources import ROOT, SRC, modules

EXTRAS = "sql postgres mariadb mongo analytics frames spark report cli contact testing all"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def test_the_wheel_holds_every_module_the_type_marker_and_the_licence(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {str(path.relative_to(SRC.parent)) for path in modules()}

    assert expected <= names
    assert "crmcore/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_nothing_but_the_package_and_the_plugin(wheel: Path):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "crmcore",
        "crmcore_pytest.py",
    }


def test_the_wheel_announces_the_plugin_to_pytest(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    announced = ConfigParser()
    announced.read_string(archive.read(name).decode())

    assert dict(announced["pytest11"]) == {"crmcore_pytest": "crmcore_pytest"}


def test_the_core_needs_attrs_and_cattrs_alone_and_all_means_every_extra(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("METADATA"))
    metadata = message_from_bytes(archive.read(name))
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (everything,) = project["optional-dependencies"]["all"]

    everywhere = [line for line in core if "sys_platform" not in line]

    assert sorted(line.split(">")[0] for line in everywhere) == ["attrs", "cattrs"]
    assert set(core) - set(everywhere) == {"tzdata; sys_platform == 'win32'"}
    assert metadata.get_all("Provides-Extra") == sorted(EXTRAS.split())
    assert set(everything.removeprefix("crmcore[").removesuffix("]").split(",")) == set(
        EXTRAS.split()
    ) - {"all"}
