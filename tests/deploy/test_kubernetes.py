"""What the schema check cannot know: that the manifests fit each other and the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from notifyd.config_sections import AdminSection, DeliverySection


@pytest.fixture
def manifests(deploy: Path) -> dict[str, dict[str, Any]]:
    return {path.name: yaml.safe_load(path.read_text()) for path in (deploy / "kubernetes").glob("*.yaml")}


@pytest.fixture
def pod(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = manifests["deployment.yaml"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    found: dict[str, Any] = only
    return found


def test_kustomize_applies_every_manifest(manifests: dict[str, dict[str, Any]]) -> None:
    assert sorted(manifests["kustomization.yaml"]["resources"]) == sorted(
        manifests.keys() - {"kustomization.yaml"}
    )


def test_a_drain_ends_before_kubernetes_kills(pod: dict[str, Any], container: dict[str, Any]) -> None:
    before_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert before_s + DeliverySection().drain_timeout_s + 5 <= pod["terminationGracePeriodSeconds"]


def test_every_probe_and_the_service_find_the_admin_port(
    manifests: dict[str, dict[str, Any]], container: dict[str, Any]
) -> None:
    assert container["ports"] == [{"name": "admin", "containerPort": AdminSection().port}]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"admin"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    service = manifests["service.yaml"]
    assert service["spec"]["ports"][0]["targetPort"] == "admin"
    assert service["metadata"]["annotations"]["prometheus.io/port"] == str(AdminSection().port)


def test_the_same_pods_are_meant_everywhere(manifests: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    labels = manifests["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["deployment.yaml"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["service.yaml"]["spec"]["selector"] == labels
    assert manifests["poddisruptionbudget.yaml"]["spec"]["selector"]["matchLabels"] == labels
    assert pod["serviceAccountName"] == manifests["serviceaccount.yaml"]["metadata"]["name"]


def test_it_runs_without_root_without_capabilities_and_without_a_writable_root(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_config_and_secrets_are_references(pod: dict[str, Any], container: dict[str, Any]) -> None:
    keys = {"secretName": "notifyd-keys", "defaultMode": 0o440, "optional": True}
    assert pod["volumes"] == [
        {"name": "config", "configMap": {"name": "notifyd-config"}},
        {"name": "keys", "secret": keys},
    ]
    assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
        "config": "/etc/notifyd/config",
        "keys": "/etc/notifyd/keys",
    }
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert container["envFrom"] == [{"secretRef": {"name": "notifyd-secrets"}}]
    assert "env" not in container
