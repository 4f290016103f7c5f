"""`mapae gate` and `mapae calibrate`: what they say, and what they change."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from mapae.cli.main import mapae
from mapae.flows.open_service import open_service
from mapae.settings import Settings
from mapae.storage.activity import list_activity


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAPAE_BCRYPT_COST", "10")
    monkeypatch.setenv("LC_ALL", "C")

    def call(*arguments, code=0):
        result = CliRunner().invoke(mapae, [*arguments, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return call


@pytest.mark.slow
def test_the_gate_is_opened_closed_and_drained(run):
    assert run("gate", "status")["mode"] == "open"
    assert run("gate", "close")["mode"] == "closed"
    assert run("gate", "drain")["mode"] == "draining"
    assert run("gate", "status")["mode"] == "draining"
    assert run("gate", "open")["mode"] == "open"


@pytest.mark.slow
def test_a_schedule_names_the_moment_and_closes_until_then(run):
    found = run("gate", "schedule", "2099-12-01T20:00:00+09:00")
    assert (found["mode"], found["opens_ms"]) == ("closed", 4_099_806_000_000)


@pytest.mark.parametrize("moment", ["tomorrow", "2099-12-01T20:00:00", "2020-01-01T00:00:00Z"])
def test_a_moment_without_zone_or_in_the_past_is_refused(run, moment):
    run("gate", "schedule", moment, code=2)


@pytest.mark.slow
def test_what_operators_do_with_the_gate_is_on_record(run, tmp_path):
    run("gate", "close")
    run("gate", "open")

    async def events():
        async with open_service(Settings(data=tmp_path / "mapae-data")) as service:
            return {each.event for each in (await list_activity(service.database, limit=10)).rows}

    assert {"gate_closed", "gate_opened"} <= asyncio.run(events())


@pytest.mark.slow
def test_calibration_measures_and_says_what_it_means(run):
    found = run("calibrate")
    assert found["hashes_per_second"] > 0
    assert found["seconds_for_people"]["120000"] == pytest.approx(120_000 / found["hashes_per_second"], rel=0.02)
