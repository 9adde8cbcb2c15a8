"""The routes and the door in front of them, with a desk that crawls nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from canter.config import resolve
from canter.errors import ConfigError, StoreInUse
from canter.service import create_app
from canter.service.access import Access
from canter.service.app import Bounds, assemble, service
from canter.service.door import MAX_REQUESTS, Door, Receive, Scope, Send
from canter.service.models import Status
from canter.service.plan import Plan
from canter.stores.sqlite import RunLock
from tests.unit.service_desk import FakeDesk

KEY = "a key of some length"


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> Iterator[TestClient]:
    """A client of a service that asks for no key."""
    with TestClient(assemble(desk, Access(None))) as client:
        yield client


@pytest.fixture
def locked(desk: FakeDesk) -> Iterator[TestClient]:
    """A client of a service that asks for a key."""
    with TestClient(assemble(desk, Access(KEY)), base_url="http://canter.example") as client:
        yield client


def test_a_crawl_is_begun_shown_listed_and_cancelled(client: TestClient) -> None:
    """202 with an id and a Location; then the same crawl by each of the other routes."""
    begun = client.post("/api/crawls", json={"urls": ["http://shop.example/1"]})
    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    assert begun.headers["location"] == "/api/crawls/1"
    assert client.get("/api/crawls/1").json() == begun.json()
    assert client.get("/api/crawls?state=queued").json() == {"crawls": [begun.json()]}
    assert client.get("/api/crawls?state=failed").json() == {"crawls": []}
    records = client.get("/api/crawls/1/records")
    assert records.headers["content-type"] == "application/x-ndjson"
    assert [line[:7] for line in records.text.splitlines()] == ['{"url":', '{"url":']
    assert client.post("/api/crawls/1/cancel").json()["state"] == "cancelled"
    assert client.get("/api/crawls/2").status_code == 404


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ["body"]),
        ({"urls": ["http://a.example/"], "source": "nightly"}, ["body"]),
        ({"urls": []}, ["body", "urls"]),
        ({"urls": ["x" * 2_001]}, ["body", "urls", 0]),
        ({"urls": [1]}, ["body", "urls", 0]),
        ({"urls": ["http://a.example/"], "pace": "off"}, ["body", "pace"]),
        ({"urls": ["http://a.example/"], "max_rate": 0}, ["body", "max_rate"]),
        ({"urls": ["http://a.example/"], "store": "/etc/passwd"}, ["body", "store"]),
        ({"source": "unknown"}, ["body", "source"]),
        ([], ["body"]),
    ],
)
def test_a_malformed_body_names_its_key(client: TestClient, body: Any, place: list[str | int]) -> None:
    """422, where the mistake is, and never what was sent."""
    answer = client.post("/api/crawls", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place
    assert set(answer.json()["detail"][0]) == {"loc", "msg", "type"}


def test_a_body_that_is_no_json_is_422(client: TestClient) -> None:
    """A cut body is told, too, and one that is no text."""
    binary = client.post(
        "/api/crawls", content=b'{"urls": ["\xff"]}', headers={"content-type": "application/json"}
    )
    assert (binary.status_code, binary.json()["detail"][0]["loc"]) == (422, ["body"])
    answer = client.post("/api/crawls", content=b'{"urls": [', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "json_invalid")


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_413(desk: FakeDesk, declared: bool) -> None:
    """By its length where it tells one, as it comes where it does not; the desk sees nothing of it."""
    body = b'{"urls": ["http://a.example/' + b"x" * 2_000 + b'"]}'
    with TestClient(assemble(desk, Access(None), Bounds(max_body=1_000))) as client:
        content: Any = body if declared else iter([body[:900], body[900:]])
        answer = client.post("/api/crawls", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (413, {"detail": "the body is over 1000 bytes"})
    assert desk.asked == []


def test_a_client_that_asks_too_often_is_told_when_to_come_back(desk: FakeDesk) -> None:
    """429 with Retry-After; health and metrics are not counted."""
    with TestClient(assemble(desk, Access(None), Bounds(rate=0.01, burst=3))) as client:
        answers = [client.get("/api/crawls") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 90 < int(answers[3].headers["retry-after"]) <= 101
        assert client.get("/health").status_code == client.get("/metrics").status_code == 200


def test_without_the_key_only_health_answers(locked: TestClient) -> None:
    """401 everywhere else, also for what is not there; the key opens it."""
    for path in ("/api/crawls", "/api/hosts", "/metrics", "/openapi.json", "/", "/nothing", "/static/x.js"):
        answer = locked.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
    assert locked.post("/api/crawls", json={"urls": ["http://a.example/"]}).status_code == 401
    assert locked.get("/health").status_code == 200
    wrong = locked.get("/api/crawls", headers={"authorization": f"Bearer {KEY}x"})
    right = locked.get("/api/crawls", headers={"authorization": f"Bearer {KEY}"})
    assert (wrong.status_code, right.status_code) == (401, 200)


def test_a_browser_without_a_cookie_is_shown_the_login(locked: TestClient) -> None:
    """Where a page was asked for, 303 to the login."""
    answer = locked.get("/", headers={"accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_cookie_opens_reading_and_with_its_origin_changes(locked: TestClient) -> None:
    """HttpOnly, SameSite=Strict, not the key; a change needs the service's own Origin."""
    assert locked.post("/login", json={"key": "wrong"}).status_code == 401
    answer = locked.post("/login", json={"key": KEY})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 204
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert KEY not in cookie
    assert locked.get("/api/crawls").status_code == 200
    body = {"urls": ["http://a.example/"]}
    for origin in (None, "http://evil.example", "null", "http://canter.example.evil.example", "http://["):
        headers = {"origin": origin} if origin else {}
        assert locked.post("/api/crawls", json=body, headers=headers).status_code == 403, origin
    ours = {"origin": "http://canter.example"}
    assert locked.post("/api/crawls", json=body, headers=ours).status_code == 202


def test_the_login_cannot_be_tried_at_will(locked: TestClient) -> None:
    """After five tries the next must wait, whatever the key."""
    answers = [locked.post("/login", json={"key": "guess"}).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


def test_a_body_that_names_nothing_to_crawl_is_told_what_to_give(client: TestClient) -> None:
    """In our words alone."""
    answer = client.post("/api/crawls", json={})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"] == "give either urls or source"


def test_a_short_key_is_refused() -> None:
    """One line that says how to make one; the key is not in it."""
    with pytest.raises(
        ConfigError, match=r"^the API key .* 16 characters are the least; `openssl rand"
    ) as told:
        Access("zq-short")
    assert "zq" not in str(told.value)
    assert Access("zq-short-and-more").knows("zq-short-and-more")


def test_the_names_of_sources_need_the_key(client: TestClient, locked: TestClient) -> None:
    """For a dialog that offers them."""
    assert client.get("/api/sources").json() == {"sources": ["nightly"]}
    assert locked.get("/api/sources").status_code == 401


def test_without_a_key_other_names_and_origins_are_refused(desk: FakeDesk) -> None:
    """A page elsewhere cannot have a browser begin a crawl, nor lead its own name to this address."""
    with TestClient(assemble(desk, Access(None, local=True)), base_url="http://127.0.0.1:8080") as client:
        assert client.get("/api/crawls").status_code == 200
        assert client.get("/api/crawls", headers={"host": "evil.example:8080"}).status_code == 403
        body = {"urls": ["http://a.example/"]}
        foreign = client.post("/api/crawls", json=body, headers={"origin": "http://evil.example"})
        own = client.post("/api/crawls", json=body, headers={"origin": "http://127.0.0.1:8080"})
        assert (foreign.status_code, own.status_code) == (403, 202)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "abc-1"}, "abc-1"),
        ({"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}, "ab" * 16),
        ({"x-request-id": "abc-1", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}, "abc-1"),
        ({"x-request-id": 'x" injected'}, None),
        ({"x-request-id": "x" * 200}, None),
        ({"traceparent": f"00-{'0' * 32}-{'cd' * 8}-01"}, None),
        ({}, None),
    ],
)
def test_the_id_of_the_request_comes_back(
    client: TestClient, headers: dict[str, str], expected: str | None
) -> None:
    """X-Request-ID, else the trace id, else a new one; what could not stand on a log line is replaced."""
    answer = client.post("/api/crawls", json={"urls": ["http://a.example/"]}, headers=headers)
    found = answer.headers["x-request-id"]
    assert found == answer.json()["correlation_id"]
    assert found == expected if expected else (len(found) == 32 and found not in headers.values())


def test_health_is_503_only_when_unhealthy(desk: FakeDesk, client: TestClient) -> None:
    """Degraded still answers 200: a restart would not help."""
    expected: list[tuple[Status, int]] = [("healthy", 200), ("degraded", 200), ("unhealthy", 503)]
    for status, code in expected:
        desk.status = status
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (code, status)


def test_hosts_and_their_history(client: TestClient) -> None:
    """A row a host, and its steps; 404 for one that was not asked."""
    (row,) = client.get("/api/hosts").json()["hosts"]
    assert row == {
        "host": "shop.example", "rate": 6.0, "limit": 8.0, "requests": 6, "rejections": 1, "failures": 1,
        "in_flight": 2, "paused_until": row["paused_until"], "pause_reason": "429",
    }  # fmt: skip
    history = client.get("/api/hosts/shop.example/history").json()
    assert (history["step"], history["now"], len(history["points"])) == (2.0, row, 1)
    assert client.get("/api/hosts/other.example/history").status_code == 404


def test_openapi_is_whole(client: TestClient) -> None:
    """Every route is described, and each example of a body or an answer is one by its own schema."""
    described = client.get("/openapi.json").json()
    schemas = described["components"]["schemas"]
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            Draft202012Validator({**schema, "components": described["components"]}).validate(example)
        for field, rules in schema.get("properties", {}).items():
            for example in rules.get("examples", ()):
                validator = Draft202012Validator({**rules, "components": described["components"]})
                assert validator.is_valid(example), (name, field)
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (path, method)
            assert {"200", "202", "204"} & operation["responses"].keys(), (path, method)


def test_mounted_in_another_application_it_opens_with_the_first_request(desk: FakeDesk) -> None:
    """Paths, the key and the cookie hold below the mount; there is no life of its own there."""
    outer = FastAPI()
    outer.mount("/canter", assemble(desk, Access(KEY)))
    with TestClient(outer) as client:
        assert desk.opened == 0
        assert client.get("/canter/health").status_code == 200
        assert desk.opened == 1
        assert client.get("/canter/api/crawls").status_code == 401
        answer = client.post("/canter/login", json={"key": KEY})
        assert "Path=/canter" in answer.headers["set-cookie"]
        assert client.get("/canter/api/crawls").status_code == 200


def test_every_answer_says_what_a_browser_may_do_with_it(client: TestClient) -> None:
    """Not sniffed, not framed, not kept."""
    for path in ("/health", "/api/crawls", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


def without(*modules: str) -> str:
    """A program that runs the command where these cannot be imported."""
    hidden = "".join(f"sys.modules[{module!r}] = None; " for module in modules)
    return f"import sys; {hidden}from canter.apps.cli import main; main()"


def test_nothing_of_the_service_is_loaded_before_it_is_asked_for() -> None:
    """Neither FastAPI nor uvicorn nor prometheus-client with the command's modules."""
    program = "import sys, canter.apps.cli, canter.service; print([m for m in sys.modules if m in " \
        "('fastapi', 'starlette', 'uvicorn', 'prometheus_client', 'opentelemetry')])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["serve"], ["run", "urls.txt", "--http", "8080"]])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, arguments: list[str]) -> None:
    """One line, exit status 1."""
    (tmp_path / "urls.txt").write_text("http://a.example/\n")
    program = [sys.executable, "-c", without("fastapi", "uvicorn"), *arguments]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'canter[service]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_crawls_beyond_a_bound_are_refused(tmp_path: Path) -> None:
    """Too many that wait: 503 with Retry-After; too many URLs: 422 that names the key; nothing is queued."""
    plan = Plan(tmp_path / "x.db", resolve({}, {}, {}), queued=0, urls=2)
    with TestClient(service(plan, Access(None))) as client:
        urls = ["http://a.example/1", "http://a.example/2"]
        answer = client.post("/api/crawls", json={"urls": urls})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        answer = client.post("/api/crawls", json={"urls": [*urls, "http://a.example/3"]})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "urls"])
        assert client.get("/api/crawls").json() == {"crawls": []}


def test_an_application_of_ones_own(tmp_path: Path) -> None:
    """`create_app` mounted: settings are checked at once, the store is taken with the first request."""
    with pytest.raises(ConfigError, match="max-rate"):
        create_app(tmp_path / "x.db", max_rate=-1)
    outer = FastAPI()
    inner = create_app(tmp_path / "x.db", workers=1)
    outer.mount("/canter", inner)
    with TestClient(outer) as client:
        assert not (tmp_path / "x.db").exists()
        assert client.get("/canter/api/crawls").json() == {"crawls": []}
        assert client.get("/canter/health").json()["status"] == "healthy"
        with pytest.raises(StoreInUse):
            RunLock(tmp_path / "x.db")
        inner.state.desk.close()
    RunLock(tmp_path / "x.db").release()


async def test_only_so_many_requests_are_answered_at_once(desk: FakeDesk) -> None:
    """Those beyond get a 503 at once; health still answers; when they are through, others get in again."""
    entered, leave = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.release()
        await leave.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = Door(slow, begin=desk.open, access=Access(None), max_body=10, rate=1e6, burst=10**6)
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        inside = [asyncio.create_task(client.get("/api/crawls")) for _ in range(MAX_REQUESTS)]
        for _ in inside:
            await entered.acquire()
        refused = await client.get("/api/crawls")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        health = asyncio.create_task(client.get("/health"))
        await entered.acquire()
        leave.set()
        assert [answer.status_code for answer in await asyncio.gather(*inside, health)] == [200] * (
            MAX_REQUESTS + 1
        )
        assert (await client.get("/api/crawls")).status_code == 200
