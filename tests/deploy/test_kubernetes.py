"""The manifests: valid by the schemas of Kubernetes, closed as the policy `restricted` wants, and true about Mapae."""

import json
import shutil
import subprocess

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from deploy.documents import DEPLOY, read, settings_from
from mapae.web.operations import OPERATIONS
from mapae.web.process import DRAIN_SECONDS, NOTICE_SECONDS

FOLDER = DEPLOY / "kubernetes"
FOLDERS = [FOLDER / "base", FOLDER / "example"]
FILES = sorted(path for folder in FOLDERS for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
IDS = [f"{path.parent.name}/{path.name}" for path in FILES]


@pytest.fixture(scope="module")
def check(validators):
    """A function that refuses what the schema of its kind does not know; every other field is refused too."""
    folder = next((validators / "kubernetes_validate" / "kubernetes-json-schema").iterdir())
    definitions = json.loads((folder / "_definitions.json").read_text())
    registry = Registry().with_resource("/api/_definitions.json", Resource.from_contents(definitions, DRAFT202012))

    def against_its_schema(resource: dict) -> None:
        group, _, version = resource["apiVersion"].rpartition("/")
        parts = [resource["kind"].lower(), *([group.partition(".")[0]] if group else []), version]
        schema = json.loads((folder / f"{'-'.join(parts)}.json").read_text())
        Draft202012Validator(schema, registry=registry).validate(resource)

    return against_its_schema


def all_of(kind: str) -> dict:
    return next(each for path in FILES for each in read(path) if each["kind"] == kind)


@pytest.fixture(scope="module")
def pod() -> dict:
    return all_of("Deployment")["spec"]["template"]


@pytest.fixture(scope="module")
def container(pod) -> dict:
    (only,) = pod["spec"]["containers"]
    return only


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_manifest_is_valid_by_the_schema_of_its_kind(path, check):
    documents = read(path)
    assert documents
    for resource in documents:
        check(resource)


@pytest.mark.slow
def test_the_schema_refuses_a_field_that_does_not_exist(check):
    service = all_of("Service")
    service["spec"]["portz"] = []
    with pytest.raises(ValidationError, match="portz"):
        check(service)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_kustomization_names_every_file_of_its_folder(folder):
    (kustomization,) = read(folder / "kustomization.yaml")
    named = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", ()))}
    here = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert here == {name for name in named if "/" not in name}
    assert all((folder / name).exists() for name in named)


@pytest.mark.slow
def test_kustomize_puts_the_example_together(check, tmp_path):
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("no kubectl")
    built = subprocess.run([kubectl, "kustomize", FOLDER / "example"], capture_output=True, text=True, check=True)
    (tmp_path / "built.yaml").write_text(built.stdout)
    resources = read(tmp_path / "built.yaml")
    for resource in resources:
        check(resource)
    assert {each["metadata"].get("namespace", "mapae") for each in resources} == {"mapae"}
    by_kind = {each["kind"]: each for each in resources}
    assert by_kind["ConfigMap"]["data"]["MAPAE_BRAND"] == "Example"
    assert by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"].endswith("/mapae:0.1.0")


@pytest.mark.slow
def test_every_selector_finds_the_pods(pod):
    labels = pod["metadata"]["labels"].items()
    budget, policy, deployment = (
        all_of(kind)["spec"] for kind in ("PodDisruptionBudget", "NetworkPolicy", "Deployment")
    )
    selectors = [
        deployment["selector"]["matchLabels"],
        all_of("Service")["spec"]["selector"],
        budget["selector"]["matchLabels"],
        policy["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod["spec"]["topologySpreadConstraints"]),
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)
    target = all_of("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", all_of("Deployment")["metadata"]["name"])


def test_the_pod_keeps_the_rules_of_the_policy_restricted(pod, container):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, and a root file system nobody writes to."""
    assert pod["spec"]["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod["spec"].keys()
    assert not [port for port in container["ports"] if "hostPort" in port]
    assert {kind for volume in pod["spec"]["volumes"] for kind in volume.keys() - {"name"}} <= {"secret", "emptyDir"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    namespace = all_of("Namespace")["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_probes_ask_what_the_server_answers(container):
    answered = {operation.path for operation in OPERATIONS}
    ports = {port["name"] for port in container["ports"]}
    for name, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        asked = container[name]["httpGet"]
        assert asked["path"] == path
        assert path in answered
        assert asked["port"] in ports


def test_a_pod_may_take_as_long_to_end_as_the_server_needs(pod, container):
    needed = container["lifecycle"]["preStop"]["sleep"]["seconds"] + NOTICE_SECONDS + DRAIN_SECONDS
    assert needed < pod["spec"]["terminationGracePeriodSeconds"]


def test_what_the_pod_gets_are_settings_that_mapae_knows(container, tmp_path):
    (plain,) = read(FOLDER / "base" / "settings.yaml")
    (changed,) = read(FOLDER / "example" / "settings.yaml")
    own = {each["name"]: each["value"] for each in container["env"]}
    settings = settings_from(plain["data"] | changed["data"] | own, tmp_path)
    assert settings.issuer == "https://id.example.com"
    assert settings.trusted_proxies


def test_every_secret_file_that_a_setting_names_is_mounted_for_the_group_alone(pod, container):
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    mounted = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in container["volumeMounts"]
        for item in volumes[mount["name"]].get("secret", {}).get("items", ())
    }
    assert mounted == {each["value"] for each in container["env"]}
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440


def test_writable_folders_are_mounted_where_mapae_writes(container):
    assert {"/var/lib/mapae", "/tmp"} <= {mount["mountPath"] for mount in container["volumeMounts"]}


def test_the_network_policy_opens_the_port_of_the_server_and_nothing_inside(container):
    policy = all_of("NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    opened = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    assert opened == [container["ports"][0]["name"]]
    assert all(rule["from"] for rule in policy["ingress"]), "a rule without `from` lets everybody in"
    assert sorted({port["port"] for rule in policy["egress"] for port in rule["ports"]}) == [53, 5432, 6379]


@pytest.mark.slow
def test_the_waiting_line_is_one_more_measure_of_the_autoscaler(check):
    (component,) = read(FOLDER / "waiting-line" / "kustomization.yaml")
    autoscaler = all_of("HorizontalPodAutoscaler")
    (patch,) = component["patches"]
    assert patch["target"] == {"kind": autoscaler["kind"], "name": autoscaler["metadata"]["name"]}
    ((operation,),) = read(FOLDER / "waiting-line" / patch["path"])
    assert (operation["op"], operation["path"]) == ("add", "/spec/metrics/-")
    autoscaler["spec"]["metrics"].append(operation["value"])
    check(autoscaler)
    (adapter,) = read(DEPLOY / "prometheus" / "adapter.yml")
    assert operation["value"]["external"]["metric"]["name"] in adapter["externalRules"][0]["seriesQuery"]


@pytest.mark.slow
def test_kustomize_adds_the_waiting_line_to_the_example(check, tmp_path):
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("no kubectl")
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    kustomization = tmp_path / "kubernetes" / "example" / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text() + "components: [../waiting-line]\n")
    built = subprocess.run([kubectl, "kustomize", kustomization.parent], capture_output=True, text=True, check=True)
    (tmp_path / "built.yaml").write_text(built.stdout)
    (autoscaler,) = [each for each in read(tmp_path / "built.yaml") if each["kind"] == "HorizontalPodAutoscaler"]
    check(autoscaler)
    assert [metric["type"] for metric in autoscaler["spec"]["metrics"]] == ["Resource", "External"]


def test_one_pod_at_a_time_goes_and_the_autoscaler_alone_counts_them():
    deployment = all_of("Deployment")["spec"]
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert all_of("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    autoscaler = all_of("HorizontalPodAutoscaler")["spec"]
    assert 2 <= autoscaler["minReplicas"] < autoscaler["maxReplicas"]
    requested = deployment["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert "cpu" in requested, "utilization is measured against it"
