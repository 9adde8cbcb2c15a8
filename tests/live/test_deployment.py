"""The commands of the Dockerfile as they stand: what is built, starts, is well, drains and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.dockerfile import Stage, stages
from tests.live.servers import free_port

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
PATIENCE = 30.0  # seconds that the service may take to be well


@pytest.fixture(scope="module")
def final() -> Stage:
    """The stage that runs."""
    return stages(ROOT / "Dockerfile")[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built as the Dockerfile does."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--quiet", "--wheel-dir", folder, ROOT], check=True, timeout=120)
    return next(folder.glob("canter-*.whl"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """An environment with what the image has, and nothing else."""
    venv = tmp_path_factory.mktemp("opt") / "canter"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, venv], check=True, timeout=60)
    install = [str(UV), "pip", "install", "--quiet", "--python", str(venv / "bin/python")]
    locked = ["--require-hashes", "-r", str(ROOT / "requirements-service.txt")]
    subprocess.run([*install, *locked], check=True, timeout=300)
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True, timeout=60)
    return venv


def environment(final: Stage, venv: Path, state: Path, **more: str) -> dict[str, str]:
    """The image's ENV with its folders moved to the test's."""
    text = " ".join(one.rest for one in final.all("ENV"))
    variables = dict(re.findall(r"(\w+)=(\S+)", text))
    moved = {
        name: value.replace("/opt/canter", str(venv)).replace("/var/lib/canter", str(state))
        for name, value in variables.items()
    }
    return {**moved, "PATH": moved["PATH"].replace("$PATH", os.environ["PATH"]), "HOME": str(state), **more}


class Container:
    """The image's start command in its environment."""

    def __init__(self, final: Stage, venv: Path, state: Path) -> None:
        self.port = free_port()
        key = {"CANTER_API_KEY": "a key of the test", "CANTER_PORT": str(self.port)}
        self._environment = environment(final, venv, state, **key)
        self._state = state
        self._check = json.loads(final.all("HEALTHCHECK")[0].rest.removeprefix("CMD "))
        self._venv = venv
        start = [*final.all("ENTRYPOINT")[0].words, *final.all("CMD")[0].words]
        self.process = subprocess.Popen(
            [venv / "bin" / start[0], *start[1:]], cwd=state, env=self._environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def health(self) -> subprocess.CompletedProcess[str]:
        """The image's health check."""
        command = [self._venv / "bin" / self._check[0], *self._check[1:]]
        return subprocess.run(
            command, cwd=self._state, env=self._environment, capture_output=True, text=True, timeout=30
        )


@pytest.fixture
def container(final: Stage, installed: Path, tmp_path: Path) -> Iterator[Container]:
    """A container that is well."""
    running = Container(final, installed, tmp_path)
    try:
        deadline = time.monotonic() + PATIENCE
        while running.health().returncode:
            assert running.process.poll() is None, running.process.communicate()
            assert time.monotonic() < deadline, running.health().stdout
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def test_the_wheel_carries_the_dashboard(wheel: Path) -> None:
    """Every file of the dashboard, with its library's licence, is in the wheel."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    source = ROOT / "src"
    files = [path for path in (source / "canter/service/dashboard").rglob("*") if path.is_file()]
    assert len(files) > 15
    assert {path.relative_to(source).as_posix() for path in files} <= names


def test_the_image_starts_is_well_and_drains(container: Container, tmp_path: Path) -> None:
    """CMD starts the service on the volume, HEALTHCHECK says so, the stop signal ends it within 10 s."""
    assert container.health().stdout == "healthy\n"
    assert (tmp_path / "canter.db").exists()
    container.process.send_signal(signal.SIGTERM)
    _, err = container.process.communicate(timeout=10)
    assert container.process.returncode == 0, err
    assert b"Traceback" not in err
    assert container.health().returncode == 1


def test_the_image_refuses_to_be_open_to_all(final: Stage, installed: Path, tmp_path: Path) -> None:
    """Without a key it does not listen beyond loopback: one line, exit 1."""
    start = [*final.all("ENTRYPOINT")[0].words, *final.all("CMD")[0].words]
    done = subprocess.run(
        [installed / "bin" / start[0], *start[1:]], cwd=tmp_path, timeout=60, capture_output=True, text=True,
        env=environment(final, installed, tmp_path, CANTER_PORT=str(free_port())),
    )  # fmt: skip
    assert done.returncode == 1
    assert "CANTER_API_KEY" in done.stderr
    assert len(done.stderr.splitlines()) == 1
