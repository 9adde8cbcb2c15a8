"""The files of the deployment say what their engines expect, and name only what there is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.core import TyperGroup
from typer.main import get_command

from canter.apps.cli import app
from canter.config import Settings
from canter.observe import Counts
from canter.service.board import WorkerState
from canter.service.metrics import Metrics, Reading
from canter.service.models import Host
from tests.dockerfile import Stage, stages

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SETTINGS = {f"CANTER_{name.upper()}" for name in Settings.model_fields} | {
    "MAX_CONCURRENT", "MAX_PER_HOST", "LOG_LEVEL", "CANTER_SITES", "CANTER_API_KEY",
}  # fmt: skip


def need(program: str, package: str) -> str:
    """The program's path; without it the test is skipped, on CI it fails."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is missing: install the Debian package {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def image() -> list[Stage]:
    """The stages of the Dockerfile."""
    return stages(ROOT / "Dockerfile")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


# ---- the image


def test_the_image_is_built_apart_from_what_runs(image: list[Stage]) -> None:
    """Two stages of one pinned Python; only the finished environment reaches the second."""
    build, final = image
    assert build.image == final.image
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", final.image)
    assert [one.flags.get("from") for one in final.all("COPY")] == [build.name]
    assert not any("pip" in one.rest or "apt" in one.rest for one in final.all("RUN"))


def test_the_image_does_not_run_as_root(image: list[Stage]) -> None:
    """The last USER is a number other than 0, so that an orchestrator can see that it is not root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image[-1].all("USER")[-1].rest)
    assert image[-1].all("VOLUME")[0].words == ["/var/lib/canter"]


def test_the_image_installs_by_hash_only(image: list[Stage]) -> None:
    """Each pip install takes hashed requirements, or no index at all."""
    runs = [part for one in image[0].all("RUN") for part in one.rest.split("&&")]
    installs = [part for part in runs if re.search(r"pip .*\binstall\b|pip wheel", part)]
    assert len(installs) == 4
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


@pytest.mark.parametrize("name", ["requirements-build.txt", "requirements-service.txt"])
def test_a_lock_is_whole(name: str) -> None:
    """Every line of a lock is pinned and hashed, agrees with what is tested, and names no registry."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.findall(r"^([a-z0-9.-]+)==(\S+)(?: ;[^\\\n]*)? \\\n    --hash=sha256:", text, re.MULTILINE)
    assert pins
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE))
    tested = dict(
        re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    )
    assert {pin: tested.get(pin) for pin, _ in pins} == dict(pins)


def test_what_is_copied_exists_and_reaches_the_builder(image: list[Stage]) -> None:
    """Each COPY from the project names a path that is there and that .dockerignore lets through."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignore if line.startswith("!")}
    copied = {path for one in image[0].all("COPY") for path in one.words[:-1]}
    assert all((ROOT / path).exists() for path in copied)
    assert copied == let_through
    assert "*" in ignore


def test_the_health_check_needs_no_extra_package(image: list[Stage], compose: dict[str, Any]) -> None:
    """The check is a module of the project, the same in the image and in compose.yaml."""
    check = image[-1].all("HEALTHCHECK")[0]
    command = check.rest.removeprefix("CMD ")
    words = json.loads(command)
    assert words[:2] == ["python", "-m"]
    assert importlib.util.find_spec(words[2]) is not None
    assert compose["services"]["canter"]["healthcheck"]["test"] == ["CMD", *words]


# ---- compose.yaml


def test_compose_fits_its_schema(compose: dict[str, Any]) -> None:
    """compose.yaml is valid by the Compose Specification."""
    schema = json.loads((ROOT / "tests" / "schemas" / "compose.schema.json").read_text())
    problems = [
        f"{e.json_path}: {e.message}" for e in jsonschema.Draft7Validator(schema).iter_errors(compose)
    ]
    assert not problems
    assert list(jsonschema.Draft7Validator(schema).iter_errors({"services": {"canter": {"imagee": "x"}}}))


def test_the_scraper_is_held_to_two_cpus_and_a_gigabyte(compose: dict[str, Any]) -> None:
    """The limits are those of the mission."""
    limits = compose["services"]["canter"]["deploy"]["resources"]["limits"]
    assert (limits["cpus"], limits["memory"]) == ("2", "1G")


def test_compose_sets_only_settings_that_there_are(compose: dict[str, Any], image: list[Stage]) -> None:
    """Every variable of the scraper's environment, there or in the image, is one that Canter reads."""
    names = set(compose["services"]["canter"]["environment"])
    assert {"MAX_CONCURRENT", "MAX_PER_HOST", "LOG_LEVEL", "CANTER_API_KEY"} <= names <= SETTINGS
    baked = set(re.findall(r"\b(CANTER_\w+)=", " ".join(one.rest for one in image[-1].all("ENV"))))
    assert baked <= SETTINGS


def test_compose_mounts_what_there_is(compose: dict[str, Any]) -> None:
    """Each file that is mounted is in the project, each volume and secret is declared."""
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]
        assert all(secret["source"] in compose["secrets"] for secret in service.get("secrets", []))


def test_only_the_scraper_starts_without_the_profile(compose: dict[str, Any]) -> None:
    """Prometheus and Grafana come with the profile `monitoring`; nothing listens beyond loopback unasked."""
    assert [name for name, one in compose["services"].items() if "profiles" not in one] == ["canter"]
    ports = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert ports
    assert all(re.match(r"\$\{\w+:-127\.0\.0\.1:\d+\}:\d+$", port) for port in ports)


# ---- commands


def commands(image: list[Stage], compose: dict[str, Any]) -> list[list[str]]:
    """Each command line of Canter that the files start."""
    units = re.findall(
        r"^ExecStart=\S+/canter (.*)$", "\n".join(unit.read_text() for unit in UNITS), re.MULTILINE
    )
    started = [image[-1].all("CMD")[0].words, compose["services"]["canter"]["command"]]
    return [*started, *(line.split() for line in units)]


def test_every_command_and_option_is_one(image: list[Stage], compose: dict[str, Any]) -> None:
    """What image, compose.yaml and units start is a command of Canter, with options that it has."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    found = commands(image, compose)
    assert len(found) == 4
    for name, *words in found:
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


# ---- Prometheus and Grafana


def test_prometheus_takes_its_configuration(tmp_path: Path, compose: dict[str, Any]) -> None:
    """promtool finds no fault in the configuration and its alerts, which ask the scraper with its key."""
    promtool = need("promtool", "prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    job = config["scrape_configs"][0]
    assert job["static_configs"][0]["targets"] == ["canter:8080"]
    secret = Path(job["authorization"]["credentials_file"])
    assert secret.name in {one["target"] for one in compose["services"]["prometheus"]["secrets"]}
    (tmp_path / "key").write_text("key")
    text = (DEPLOY / "prometheus.yml").read_text().replace(str(secret), str(tmp_path / "key"))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    done = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_wake_when_they_should() -> None:
    """promtool plays deploy/alerts_test.yml: what must wake somebody does, what need not does not."""
    promtool = need("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"], cwd=DEPLOY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_finds_its_source_and_dashboard(compose: dict[str, Any]) -> None:
    """The dashboard's panels ask the provisioned source, and its folder is the one that is provisioned."""
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/canter.yml").read_text())
    folder = provider["providers"][0]["options"]["path"]
    mounts = dict(mount.split(":")[:2] for mount in compose["services"]["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == folder
    board = json.loads((DEPLOY / "grafana/dashboards/canter.json").read_text())
    used = {panel["datasource"]["uid"] for panel in board["panels"] if panel["type"] != "row"}
    assert used == {source["datasources"][0]["uid"]}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def queries() -> list[str]:
    """What Grafana and the alerts ask Prometheus, Grafana's own variable filled in."""
    board = json.loads((DEPLOY / "grafana/dashboards/canter.json").read_text())
    alerts = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return [query.replace("$__rate_interval", "1m") for query in asked]


def test_every_query_is_promql(tmp_path: Path) -> None:
    """promtool reads each query of Grafana's dashboard as a rule."""
    promtool = need("promtool", "prometheus")
    rules = [{"record": f"canter:query_{n}", "expr": query} for n, query in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(rules) > 30


def exported() -> dict[str, list[dict[str, str]]]:
    """The samples that a service at work exports: name -> the labels of each."""
    host = Host(
        host="shop.example", rate=1.0, limit=2.0, requests=3, rejections=1, failures=1, in_flight=0,
        paused_until=None, pause_reason=None,
    )  # fmt: skip
    reading = Reading(
        counts=Counts(requests=3, outcomes=Counter(ok=2, failed=1), errors=Counter(transient=1)),
        workers=[WorkerState(1, True, 0, 1, 0.1, 90.0)], hosts=[host], crawls={"running": 1},
        depths={10.0: 5}, listeners=0, status="healthy", server_lag=0.0, last_page_age=1.0, began=0.0,
        memory=1e8,
    )  # fmt: skip
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(Metrics().render(reading).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_queries_ask_for_what_is_exported() -> None:
    """Each metric of a query, and each label that it is chosen by, is one that the service exports."""
    samples = exported()
    for query in queries():
        names = re.findall(r"\b(canter_\w+)(?:\{([^}]*)\})?", query)
        assert names or query.startswith("up{")
        for name, labels in names:
            assert name in samples, query
            chosen = set(re.findall(r"(\w+)(?:=~|!=|=)", labels))
            assert all(chosen <= sample.keys() for sample in samples[name]), query


def test_the_old_work_that_wakes_somebody_is_exported() -> None:
    """The ages of the queue that an alert names are ages that there are."""
    ages = {sample["age"] for sample in exported()["canter_queue_depth"]}
    assert {"86400", "+Inf"} <= ages


# ---- systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(tmp_path: Path, unit: Path) -> None:
    """systemd-analyze verify has nothing to say of it."""
    analyze = need("systemd-analyze", "systemd")
    (tmp_path / "canter").write_text("#!/bin/sh\n")
    (tmp_path / "canter").chmod(0o755)
    for path in UNITS:
        text = path.read_text().replace("/opt/canter/bin/canter", f"{tmp_path}/canter")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run([analyze, "verify", f"./{unit.name}"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda path: path.name
)
def test_the_unit_is_hardened(unit: Path) -> None:
    """systemd's own scale of exposure (10 at worst) puts it under 2; it is held to 2 CPUs and 1 GB."""
    analyze = need("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    text = unit.read_text()
    assert "CPUQuota=200%" in text
    assert "MemoryMax=1G" in text
