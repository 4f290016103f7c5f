"""`mapae bench`: it measures, leaves nothing behind, and touches nothing that was there."""

import json
from pathlib import Path

import pytest

from mapae.cli.bench import words
from mapae.lab.bench.figures import Figure, figure, one_by_one
from mapae.lab.bench.run import STEPS, Findings


def test_a_figure_is_what_was_timed():
    found = figure([0.004, 0.001, 0.002, 0.003], seconds=2.0, cpu=0.008)
    assert found == Figure(count=4, per_second=2.0, cpu_us=pytest.approx(2000), p50_ms=3.0, p99_ms=4.0)


def test_one_by_one_counts_every_call_and_takes_the_best_round():
    called = []
    found = one_by_one(called.append, ["a", "b"], rounds=3)
    assert called == ["a", "b"] * 3
    assert found.count == 6
    assert found.per_second > 0


@pytest.mark.parametrize(("language", "said"), [("en", "refresh on PostgreSQL"), ("ko", "PostgreSQL에서 갱신")])
def test_what_a_person_reads_names_every_figure(monkeypatch, language, said):
    monkeypatch.setenv("MAPAE_LANG", language)
    figures = {name: Figure(10, 3.21, 250_000.0, 2.0, 3.0) for name in STEPS[1:]}
    text = words(Findings("postgresql", 2, 12, figures, refused=3))
    assert said in text
    assert "bcrypt 12" in text
    assert len(text.splitlines()) == len(STEPS) + 2
    assert "0.25" in text


@pytest.mark.slow
def test_it_measures_this_machine_and_leaves_nothing_behind(run, home, monkeypatch, measured):
    scratch = home / "scratch"
    scratch.mkdir()
    before = {"of": "somebody"}
    Path("mapae.db").write_text(json.dumps(before), "utf-8")
    done = run("bench", "--quick", "--json", "--database", f"sqlite:///{scratch / 'mapae.db'}").json
    assert done["database"] == "sqlite"
    assert set(done["figures"]) == {"refresh", "verify_new", "verify_seen", "sign_in"}
    for name, one in done["figures"].items():
        assert one["per_second"] > 0, name
        assert one["cpu_us"] > 0, name
    assert done["figures"]["verify_seen"]["cpu_us"] < done["figures"]["verify_new"]["cpu_us"]
    assert list(scratch.iterdir()) == []
    assert json.loads(Path("mapae.db").read_text("utf-8")) == before
    measured("mapae bench --quick: refresh, processor time in µs", done["figures"]["refresh"]["cpu_us"])


def test_a_place_that_does_not_exist_is_named(run, home):
    done = run("bench", "--database", f"sqlite:///{home / 'nowhere' / 'mapae.db'}", code=1)
    assert "folder that exists" in done.err


@pytest.mark.slow
def test_in_postgresql_it_has_a_schema_of_its_own_and_removes_it(run, postgres, valkey):
    with postgres.new_database() as name:
        url = postgres.url(name)
        postgres.run("CREATE TABLE session (mine TEXT)", name)
        postgres.run("INSERT INTO session VALUES ('kept')", name)
        done = run("bench", "--quick", "--json", "--database", url, "--board", valkey.url).json
        assert done["database"] == "postgresql"
        assert done["figures"]["board_look_up"]["per_second"] > 0
        assert postgres.run("SELECT mine FROM session", name) == [("kept",)]
        left = postgres.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'mapae%'", name)
        assert left == []
        said = run("bench", "--database", f"{url}?options=-csearch_path%3Dmine", code=1).err
        assert "options already" in said
