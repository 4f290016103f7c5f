"""The alert rules and the dashboard: they ask for nothing that a real server does not show."""

import json
import re
import secrets
import shutil
import subprocess
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.documents import DEPLOY, read, seconds
from mapae.web.metrics import COUNTERS
from servers import free_port, serving

ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "mapae.json"
COLUMNS = 24
OF_PROMETHEUS = {"up", "ALERTS"}
ADDED_BY_PROMETHEUS = {"job", "instance", "le"}


def rules() -> list[dict]:
    (document,) = read(ALERTS)
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict:
    return json.loads(DASHBOARD.read_text())


def panels() -> list[dict]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    (adapter,) = read(DEPLOY / "prometheus" / "adapter.yml")
    external = [rule["seriesQuery"].replace("__name__=", "").strip('{}"') for rule in adapter["externalRules"]]
    return [rule["expr"] for rule in rules()] + shown + external


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """What /metrics of a real server says after somebody signed up."""
    with serving(tmp_path_factory.mktemp("watching") / "data") as server, server.connect() as connection:
        connection.sign_up("jane@example.com")
        return connection.ask("GET", "/metrics").body.decode()


@pytest.fixture(scope="module")
def shown(page) -> set[str]:
    """The name of every series on the page."""
    names = set()
    for family in text_string_to_metric_families(page):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


@pytest.fixture(scope="module")
def labels(page) -> dict[str, set[str]]:
    """The labels of every metric; those of counters out of the code, for one shows them only after its first event."""
    found = {f"mapae_{name}_total": set(names) for name, (_, names) in COUNTERS.items()}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_only_for_what_a_server_shows(expression, shown, labels):
    names = set(re.findall(r"\b(mapae_\w+|up|ALERTS)\b", re.sub(r'"[^"]*"', "", expression)))
    assert names
    assert names - OF_PROMETHEUS <= shown
    allowed = ADDED_BY_PROMETHEUS.union(*(labels.get(name, set()) for name in names))
    asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression))
    asked |= {
        each.strip() for group in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression) for each in group.split(",")
    }
    assert asked - {""} <= allowed


def test_each_alert_says_what_is_wrong_and_what_to_do():
    named = [rule["alert"] for rule in rules()]
    assert len(named) == len(set(named)) >= 6
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "cure"}
        assert "for" not in rule or re.fullmatch(r"\d+[smh]", rule["for"])


def test_each_alert_has_a_case_in_which_it_rises():
    (document,) = read(DEPLOY / "prometheus" / "alerts.test.yml")
    tried = json.dumps(document)
    assert [rule["alert"] for rule in rules() if rule["alert"] not in tried] == []


@pytest.fixture(scope="module")
def promtool() -> str:
    if (program := shutil.which("promtool")) is None:
        pytest.skip("no promtool: it comes with Prometheus")
    return program


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ],
    ids=" ".join,
)
def test_prometheus_accepts_its_files(promtool, command):
    done = subprocess.run([promtool, *command], cwd=ALERTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_in_a_cluster_finds_the_pods_by_what_they_are(promtool, tmp_path):
    (configuration,) = read(ALERTS.parent / "kubernetes.yml")
    (job,) = configuration["scrape_configs"]
    assert job["job_name"] == "mapae", "the alerts and the dashboard look for it"
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": ["mapae"]}}]
    pod = read(DEPLOY / "kubernetes" / "base" / "deployment.yaml")[0]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    kept = job["relabel_configs"][0]["regex"]
    assert kept == f"{pod['metadata']['labels']['app.kubernetes.io/name']};{container['ports'][0]['name']}"
    shutil.copy(ALERTS, tmp_path)
    (tmp_path / "rest.yml").write_text(json.dumps(configuration))  # Debian's promtool knows no clusters
    done = subprocess.run(
        [promtool, "check", "config", tmp_path / "rest.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_every_expression_of_the_dashboard(promtool, tmp_path):
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    filled = [each.replace("$__rate_interval", "5m").replace("$job", "mapae") for each in asked]
    assert not [each for each in filled if "$" in each]
    recorded = [{"record": f"panel:number:{number}", "expr": each} for number, each in enumerate(filled)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_prometheus_reads_the_page_of_a_server(promtool, page):
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_panel_shows_something_in_a_real_prometheus(tmp_path):
    """A node, some traffic, and Prometheus with our rules, which reads the node once a second."""
    if (program := shutil.which("prometheus")) is None:
        pytest.skip("no prometheus")
    with serving(tmp_path / "data", MAPAE_STRICT_REFRESH="true") as server, server.connect() as connection:
        configured = (ALERTS.parent / "prometheus.yml").read_text()
        configured = re.sub(r"targets: .*", f'targets: ["127.0.0.1:{server.port}"]', configured)
        (tmp_path / "prometheus.yml").write_text(configured.replace("15s", "1s"))
        shutil.copy(ALERTS, tmp_path)
        with prometheus_in(program, tmp_path) as port:
            missing = {(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]}
            until = time.monotonic() + 40
            for number in count():
                live_a_little(connection, badly=number < 15)  # whoever guesses more often has to wait
                missing = {each for each in missing if not answer_of(port, each[1])}
                if not missing:
                    break
                assert time.monotonic() < until, missing


@contextmanager
def prometheus_in(program: str, folder: Path):
    """Start Prometheus on a port of its own with the files in `folder`, and end it."""
    port = free_port()
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=kept", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *options], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


def live_a_little(connection, *, badly: bool) -> None:
    """Sign up, sign in well and badly, refresh, come back with an old refresh token, sign out, show a broken token."""
    email = f"{secrets.token_hex(6)}@example.com"
    tokens = connection.sign_up(email)
    assert connection.refresh(tokens["refresh_token"]).status == 200
    assert connection.refresh(tokens["refresh_token"]).status == 401
    if badly:
        connection.ask("POST", "/v1/sign-in", json_body={"email": email, "password": "not this one, I think"})
    tokens = connection.sign_in(email)
    assert connection.ask("POST", "/v1/sign-out", token=tokens["access_token"]).status < 300
    assert connection.ask("GET", "/v1/me", token=tokens["access_token"]).status == 401


def answer_of(port: int, expression: str) -> list:
    """Return what Prometheus knows; an empty list while it is starting too."""
    filled = expression.replace("$__rate_interval", "10s").replace("$job", "mapae")
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?{urlencode({'query': filled})}", timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except URLError:
        time.sleep(0.1)
        return []


def test_the_panels_have_a_name_and_a_place_of_their_own():
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    titles = [panel["title"] for panel in panels()]
    assert len(titles) == len(set(titles))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS
        taken |= cells


def test_the_dashboard_asks_whichever_prometheus_its_reader_chooses():
    variables = {each["name"]: each["type"] for each in dashboard()["templating"]["list"]}
    assert variables == {"datasource": "datasource", "job": "query"}
    sources = {json.dumps(each["datasource"]) for panel in panels() for each in (panel, *panel["targets"])}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    assert "id" not in dashboard(), "a dashboard with an id replaces whatever has it"


def test_a_scrape_comes_often_enough_for_the_shortest_window():
    (configuration,) = read(DEPLOY / "prometheus" / "prometheus.yml")
    windows = [int(minutes) for each in expressions() for minutes in re.findall(r"\[(\d+)m\]", each)]
    assert 4 * seconds(configuration["global"]["scrape_interval"]) <= 60 * min(windows)
