"""The ECS files against ECS's own service model, and against what the process needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator

from notifyd.config_sections import AdminSection, DeliverySection


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@pytest.mark.parametrize(
    ("file", "operation"), [("task-definition.json", "RegisterTaskDefinition"), ("service.json", "CreateService")]
)
def test_it_is_a_request_that_ecs_knows(deploy: Path, file: str, operation: str) -> None:
    shape = Session().get_service_model("ecs").operation_model(operation).input_shape
    assert ParamValidator().validate(_read(deploy / "ecs" / file), shape).generate_report() == ""


@pytest.fixture
def container(deploy: Path) -> dict[str, Any]:
    (only,) = _read(deploy / "ecs" / "task-definition.json")["containerDefinitions"]
    found: dict[str, Any] = only
    return found


def test_a_drain_ends_before_ecs_kills(container: dict[str, Any]) -> None:
    assert DeliverySection().drain_timeout_s + 5 <= container["stopTimeout"] <= 120


def test_it_holds_the_variables_that_the_shipped_config_names(container: dict[str, Any], deploy: Path) -> None:
    config = yaml.safe_load((deploy.parent / "config" / "notifyd.yaml").read_text())
    named = [str(key["secret"]).removeprefix("env:") for key in config["identity"]["keys"]]
    assert [secret["name"] for secret in container["secrets"]] == named


def test_it_runs_without_root_and_without_a_writable_root(container: dict[str, Any]) -> None:
    assert container["user"] == "10001:10001"
    assert container["readonlyRootFilesystem"] is True
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


def test_the_health_check_asks_the_admin_port(container: dict[str, Any]) -> None:
    assert f"127.0.0.1:{AdminSection().port}/livez" in container["healthCheck"]["command"][-1]
    assert [mapping["containerPort"] for mapping in container["portMappings"]] == [AdminSection().port]


def test_one_task_is_at_work_and_one_stands_by(deploy: Path) -> None:
    service = _read(deploy / "ecs" / "service.json")
    assert service["desiredCount"] == 2
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
