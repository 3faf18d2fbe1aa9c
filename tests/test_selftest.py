"""The proof before the day: every layer is tried for real, and one that is open is noticed."""

import tempfile
from pathlib import Path

import pytest

from dayshift.proving import selftest
from dayshift.proving.trial import Subject

SYSTEM_PATH = "/usr/bin:/bin"


async def test_every_layer_is_proven(pinned_cli: Path) -> None:
    layers = await selftest.prove(Subject(pinned_cli, (), SYSTEM_PATH))
    assert [layer for layer in layers if not layer.held] == []
    assert len({layer.name for layer in layers}) == len(layers) >= 11


async def test_what_is_open_is_noticed(pinned_cli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        layers = await selftest.prove(Subject(pinned_cli, (Path(folder),), SYSTEM_PATH))
    assert "nothing of the person's is visible" in [layer.name for layer in layers if not layer.held]
