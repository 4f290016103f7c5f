"""The client for scripts: small, at an address that stays, and without any storage."""

import gzip
import re
from importlib.resources import files

import pytest

pytestmark = pytest.mark.anyio

ASSETS = files("mapae.web.pages") / "assets"
SCRIPT, TYPES = (ASSETS.joinpath(name).read_text("utf-8") for name in ("client.mjs", "client.d.ts"))
LARGEST = 3 * 1024


def test_the_client_is_small(measured):
    size = len(gzip.compress(SCRIPT.encode(), 9))
    measured("browser client: bytes", len(SCRIPT.encode()))
    measured("browser client: bytes with gzip", size)
    assert size < LARGEST


@pytest.mark.parametrize(
    "word",
    ["localStorage", "sessionStorage", "indexedDB", "document.cookie", "eval(", "Function(", "innerHTML", "import(",
     "steal", "Date"],
)  # fmt: skip
def test_the_client_uses_no_storage_no_markup_and_no_clock_of_the_machine(word):
    assert word not in SCRIPT


def test_the_client_needs_no_other_script_and_its_types_name_what_it_has():
    assert not re.search(r"^import |\bfrom [\"']", SCRIPT, re.MULTILINE)
    exported = set(re.findall(r"^export (?:class|function) (\w+)", SCRIPT, re.MULTILINE))
    assert exported == set(re.findall(r"^export (?:class|function) (\w+)", TYPES, re.MULTILINE))
    offered = re.search(r"return \{ (signIn.*) \};", SCRIPT)[1]
    for name in re.findall(
        r"^  (?:readonly )?(\w+)(?:\(|: Session)", TYPES.partition("interface Client")[2], re.MULTILINE
    ):
        assert re.search(rf"\b{name}\b", offered), name


@pytest.mark.parametrize(("path", "media_type"), [("/mapae.js", "text/javascript"), ("/mapae.d.ts", "text/plain")])
async def test_the_client_is_asked_for_again_without_being_sent_again(api, path, media_type):
    answer = await api.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await api.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await api.get(path, headers={"if-none-match": '"old"'})).status_code == 200
