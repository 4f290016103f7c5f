"""The compose file: valid by the specification's schema, its parts fit together, and prepare.sh makes what it needs."""

import ipaddress
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
from cryptography import x509
from jsonschema import Draft7Validator

from deploy.documents import DEPLOY, read, seconds, settings_from
from haproxy_server import CONFIGURATION, find_haproxy
from mapae.storage.data_directory import read_master_secret
from mapae.web.process import DRAIN_SECONDS, NOTICE_SECONDS
from valkey_server import ValkeyServer, running

FOLDER = DEPLOY / "compose"


@pytest.fixture(scope="module")
def compose() -> dict:
    (document,) = read(FOLDER / "compose.yaml")
    return document


@pytest.fixture(scope="module")
def nodes(compose) -> dict:
    return {name: service for name, service in compose["services"].items() if name.startswith("node")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The folder after `./prepare.sh id.example.com`."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    place = tmp_path_factory.mktemp("compose") / "compose"
    shutil.copytree(FOLDER, place, ignore=shutil.ignore_patterns("secrets", ".env"))
    subprocess.run([place / "prepare.sh", "id.example.com"], check=True, capture_output=True)
    return place


def test_it_is_valid_by_the_schema_of_the_specification(compose, validators):
    schema = validators / "check_jsonschema" / "builtin_schemas" / "vendor" / "compose-spec.json"
    Draft7Validator(json.loads(schema.read_text())).validate(compose)


def test_three_equal_nodes_stand_behind_one_proxy_and_nothing_else_is_reached_from_outside(compose, nodes):
    services = compose["services"]
    assert len(nodes) == 3
    assert all(node == nodes["node1"] for node in nodes.values())
    assert [name for name, service in services.items() if "ports" in service] == ["haproxy"]
    assert [name for name, service in services.items() if "outside" in service["networks"]] == ["haproxy"]
    assert compose["networks"]["inside"]["internal"] is True


def test_the_proxy_looks_for_the_nodes_where_they_are(compose, nodes, tmp_path):
    presets = dict(re.findall(r'presetenv (\w+) "([^"]+)"', CONFIGURATION.read_text()))
    port = settings_from({}, tmp_path).port
    assert [presets[f"NODE{number}"] for number in (1, 2, 3)] == [f"{name}:{port}" for name in nodes]
    published = {each.partition(":")[2] for each in compose["services"]["haproxy"]["ports"]}
    assert published == {presets["PROXY_HTTP"].strip(":"), presets["PROXY_HTTPS"].strip(":")}
    assert presets["PROXY_CERT"] == "/run/secrets/certificate"
    (volume,) = compose["services"]["haproxy"]["volumes"]
    assert (FOLDER / volume.split(":")[0]).resolve() == CONFIGURATION


def test_the_nodes_believe_the_proxy_and_nobody_else(compose, nodes):
    inside = compose["networks"]["inside"]["ipam"]["config"][0]
    proxy = compose["services"]["haproxy"]["networks"]["inside"]["ipv4_address"]
    assert nodes["node1"]["environment"]["MAPAE_TRUSTED_PROXIES"] == proxy
    address = ipaddress.ip_address(proxy)
    assert address in ipaddress.ip_network(inside["subnet"])
    assert address not in ipaddress.ip_network(inside["ip_range"]), "another container may get it"


def test_what_the_nodes_get_are_settings_that_mapae_knows(nodes, tmp_path):
    given = nodes["node1"]["environment"] | {"MAPAE_ISSUER": "https://id.example.com"}
    settings = settings_from(given, tmp_path)
    named = {value for name, value in given.items() if name.endswith("_FILE")}
    assert named == {f"/run/secrets/{name}" for name in nodes["node1"]["secrets"]}
    assert settings.secret_file is not None


def test_no_container_may_do_more_than_it_needs(compose):
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"
        if name != "postgres":  # its image begins as root to make its directory, and then becomes another user
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["user"].startswith("${MAPAE_USER:?")


def test_a_node_may_take_as_long_to_end_as_it_needs(nodes):
    assert seconds(nodes["node1"]["stop_grace_period"]) > NOTICE_SECONDS + DRAIN_SECONDS


def test_prepare_makes_every_secret_for_one_user_alone(compose, prepared):
    paths = [prepared / each["file"] for each in compose["secrets"].values()]
    assert sorted(path.name for path in paths) == sorted(path.name for path in (prepared / "secrets").iterdir())
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_size
    environment = dict(line.split("=", 1) for line in (prepared / ".env").read_text().splitlines())
    uid = int(environment["MAPAE_USER"].partition(":")[0])
    assert uid != 0
    assert {path.stat().st_uid for path in paths} == {uid}
    assert environment["MAPAE_ISSUER"] == "https://id.example.com"


def test_prepare_leaves_what_is_there_as_it_is(prepared):
    before = {path: path.read_bytes() for path in (prepared / "secrets").iterdir()}
    subprocess.run([prepared / "prepare.sh", "other.example.com"], check=True, capture_output=True)
    assert {path: path.read_bytes() for path in (prepared / "secrets").iterdir()} == before


def test_prepare_asks_for_the_name_of_the_service():
    done = subprocess.run([FOLDER / "prepare.sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_git_never_sees_what_prepare_writes():
    ignored = (FOLDER / ".gitignore").read_text().splitlines()
    assert {"/.env", "/secrets/"} <= set(ignored)


def test_mapae_takes_the_secrets_that_prepare_made(prepared):
    secrets = prepared / "secrets"
    if os.geteuid() == 0:
        os.chown(secrets / "master", 0, 0)  # as the process that reads it here
    try:
        assert len(read_master_secret(secrets / "master")) == 32
    finally:
        shutil.chown(secrets / "master", *map(int, (prepared / ".env").read_text().split("MAPAE_USER=")[1].split(":")))
    database = (secrets / "database_url").read_text()
    assert (secrets / "postgres_password").read_text().strip() in database
    assert "@postgres/" in database


@pytest.mark.slow
def test_the_proxy_takes_the_certificate_that_prepare_made(prepared):
    if (program := find_haproxy()) is None:
        pytest.skip("no haproxy: it is not installed, and no wheel carries it")
    certificate = prepared / "secrets" / "certificate"
    names = x509.load_pem_x509_certificate(certificate.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["id.example.com"]
    nodes = {f"NODE{number}": f"127.0.0.1:{number}" for number in (1, 2, 3)}
    checked = subprocess.run(
        [program, "-c", "-f", CONFIGURATION], env=nodes | {"PROXY_CERT": str(certificate)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


def test_valkey_takes_its_configuration_and_the_nodes_know_its_password(prepared, valkey_program, tmp_path):
    configuration = prepared / "secrets" / "valkey_conf"
    password = re.fullmatch(r"redis://:(\w+)@valkey:6379\n", (prepared / "secrets" / "board_url").read_text())[1]

    class Configured(ValkeyServer):
        def _arguments(self) -> list[str]:
            return [str(configuration), "--port", str(self.port), "--bind", "127.0.0.1"]

    with running(Configured(valkey_program, tmp_path / "valkey", password)) as server:
        assert server.ask("SET", "mapae", "1") == "+OK"
        server.password = "another"
        assert server.ask("SET", "mapae", "1").startswith("-NOAUTH")
