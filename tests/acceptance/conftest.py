"""What the acceptance tests stand on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dayshift.claude import claude_binary

from .house import House
from .model import Model

BuildHouse = Callable[..., House]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an acceptance test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(autouse=True, scope="session")
def short_sockets() -> Iterator[None]:
    """The test looks for sockets where the program, which gets a clean environment, puts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield


@pytest.fixture(scope="session")
def cli() -> Path:
    """The pinned CLI, which a real day is told to use."""
    found = claude_binary.bundled()
    assert found is not None, "install the CLI with pip install 'dayshift[cli]'"
    return found


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildHouse]:
    """Builds houses and tears them all down."""
    houses: list[House] = []

    def built(**facts: dict[str, str]) -> House:
        houses.append(House.built(tmp_path_factory.mktemp("house"), **facts))
        return houses[-1]

    yield built
    for house in houses:
        house.tear_down()


@pytest.fixture
def house(build: BuildHouse) -> House:
    """A fresh home with a fresh project."""
    return build()


@pytest.fixture
def model() -> Iterator[Model]:
    """A scripted model for a real day."""
    with Model().serving() as serving:
        yield serving
