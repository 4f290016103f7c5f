"""What the tests of the whole, running service share."""

import pytest


@pytest.fixture
def data(tmp_path):
    """A data directory that does not exist yet."""
    return tmp_path / "mapae-data"


@pytest.fixture(scope="module")
def module_data(tmp_path_factory):
    """The same for a server that serves a whole file of tests."""
    return tmp_path_factory.mktemp("system") / "mapae-data"
