"""`canter serve` over HTTP against a shop on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from canter.writer import FULL
from tests.live.command import LOCAL, Command
from tests.live.service import PATIENCE, Service, serving
from tests.live.shop import Shop

pytestmark = pytest.mark.live


@pytest.fixture
def command(tmp_path: Path, shop: Shop) -> Command:
    command = Command(tmp_path)
    command.write("sites.toml", '[sources]\nnightly = "urls.txt"\ngone = "missing.txt"\n' + shop.site_file())
    command.write("urls.txt", "\n".join(shop.urls(30)))
    return command


@pytest.fixture
def service(command: Command) -> Iterator[Service]:
    with serving(command, *LOCAL, "--workers", "1") as service:
        yield service


def test_a_crawl_from_post_to_records(service: Service, shop: Shop, command: Command) -> None:
    """Every URL once, its record as `canter export` gives it, a bad URL's too; numbers that agree."""
    crawl = service.begin(urls=[*shop.urls(20), "not a URL"])
    found = service.ended(crawl)
    assert (found["state"], found["reason"]) == ("finished", None)
    summary = found["summary"]
    assert (summary["pages"], summary["ok"], summary["failed"], summary["requests"]) == (21, 20, 1, 20)
    assert summary["errors"] == {"malformed": 1}
    assert (found["progress"]["done"], found["progress"]["total"], found["progress"]["fed"]) == (21, 21, True)
    records = service.records(crawl)
    assert {record["url"] for record in records} == {*shop.urls(20), "not a URL"}
    assert records == command.records("--crawl", str(crawl))
    assert [record["error_type"] for record in service.records(crawl, outcome="failed")] == ["malformed"]
    assert shop.seen["/p/3"] == 1


def test_a_source_of_the_site_file(service: Service) -> None:
    """By its name; one that cannot be read fails with a reason that tells no path; others are refused."""
    found = service.ended(service.begin(source="nightly", limit=10))
    assert (found["state"], found["source"], found["summary"]["ok"]) == ("finished", "nightly", 10)
    failed = service.ended(service.begin(source="gone"))
    assert failed["state"] == "failed"
    assert "missing.txt" not in json.dumps(failed)
    for name in ("urls.txt", "/etc/passwd", "../urls.txt", "http://127.0.0.1/sitemap.xml"):
        answer = service.client.post("/api/crawls", json={"source": name})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "source"])


def test_a_sitemap_as_a_source(command: Command, shop: Shop) -> None:
    """It is fetched by the workers, like any page."""

    async def answer(request: web.Request) -> web.Response | None:
        if request.path != "/sitemap.xml":
            return None
        pages = "".join(f"<url><loc>{url}</loc></url>" for url in shop.urls(7))
        return web.Response(text=f"<urlset>{pages}</urlset>", content_type="application/xml")

    shop.answer = answer
    command.write("sites.toml", f'[sources]\nmap = "{shop.url("/sitemap.xml")}"\n' + shop.site_file())
    with serving(command, *LOCAL, "--workers", "2") as service:
        found = service.ended(service.begin(source="map"))
    assert (found["state"], found["summary"]["ok"]) == ("finished", 7)


def test_several_crawls_at_once(service: Service, shop: Shop) -> None:
    """They run side by side, each with its own URLs; a page of two is in each."""
    shop.delay = 0.05
    crawls = [service.begin(urls=[shop.url(f"/p/{n}-{i}") for i in range(60)] + [shop.url("/p/both")])
              for n in range(3)]  # fmt: skip
    service.until(lambda: sum(service.crawl(crawl)["state"] == "running" for crawl in crawls) == 3)
    for n, crawl in enumerate(crawls):
        assert service.ended(crawl)["summary"]["ok"] == 61
        urls = {record["url"] for record in service.records(crawl)}
        assert urls == {shop.url(f"/p/{n}-{i}") for i in range(60)} | {shop.url("/p/both")}


def test_a_crawl_is_cancelled(service: Service, shop: Shop) -> None:
    """It ends soon, its records stay, the next one is whole; once more does nothing, too late is told."""
    shop.delay = 0.2
    crawl = service.begin(urls=[shop.url(f"/p/{n}") for n in range(5_000)])
    service.until(lambda: service.crawl(crawl)["summary"]["ok"] > 10)
    assert service.client.post(f"/api/crawls/{crawl}/cancel").json()["state"] == "cancelled"
    found = service.until(lambda: (c := service.crawl(crawl))["finished"] and c)
    assert (found["state"], found["reason"]) == ("cancelled", "cancelled by a request")
    assert service.client.post(f"/api/crawls/{crawl}/cancel").status_code == 200
    shop.delay = 0.0
    after = service.begin(urls=shop.urls(5))
    assert service.ended(after)["summary"]["ok"] == 5
    assert 10 < len(service.records(crawl)) < 2_000
    assert service.client.post(f"/api/crawls/{after}/cancel").status_code == 409


def test_a_crawl_goes_on_after_kill_9(command: Command, shop: Shop) -> None:
    """One that ran and one that was queued; every URL in the end once, at most a batch fetched twice."""
    shop.delay = 0.05
    with serving(command, *LOCAL, "--workers", "1", "--max-concurrent", "10") as service:
        crawl = service.begin(urls=[shop.url(f"/p/{n}") for n in range(600)])
        service.until(lambda: service.crawl(crawl)["summary"]["ok"] > 50)
        other = service.begin(urls=shop.urls(3))
        service.kill()
    shop.delay = 0.0
    with serving(command, *LOCAL, "--workers", "1") as service:
        found = service.ended(crawl)
        assert (found["state"], found["summary"]["ok"]) == ("finished", 600)
        assert service.ended(other)["summary"]["ok"] == 3
        assert len({record["url"] for record in service.records(crawl)}) == 600
        fetched = sum(number for path, number in shop.seen.items() if path.startswith("/p/"))
        assert fetched <= 603 + FULL


def test_sigterm_drains_and_the_crawl_goes_on(command: Command, shop: Shop) -> None:
    """Within 10 s, with an open event stream and slow pages in flight; exit status 0; nothing lost."""
    shop.delay = 0.5
    with serving(command, *LOCAL, "--workers", "1", "--max-concurrent", "10") as service:
        crawl = service.begin(urls=shop.urls(40))
        service.until(lambda: service.crawl(crawl)["summary"]["ok"] > 5)
        with service.client.stream("GET", "/api/events") as stream:
            next(stream.iter_bytes())
            assert service.stop() < 10
        assert service.process.returncode == 0
    shop.delay = 0.0
    with serving(command, *LOCAL, "--workers", "1") as service:
        assert service.ended(crawl)["summary"]["ok"] == 40
    assert shop.seen.total() == 40


def test_the_store_has_one_service(command: Command, service: Service) -> None:
    """A second one, and a run, say by whom it is held."""
    for arguments in (["serve", "--port", "0"], ["run", "urls.txt"]):
        done = command.run(*arguments)
        assert done.returncode == 1
        assert f"is in use by process {service.process.pid}" in done.stderr.decode()


def test_without_a_key_it_listens_on_loopback_only(command: Command) -> None:
    """One line that says what to do."""
    done = command.run("serve", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert done.stderr.decode().strip().endswith("only loopback addresses are served; set CANTER_API_KEY")


def test_the_key_is_asked_for(command: Command) -> None:
    """By the process as by the application; and it never stands in the log."""
    key = "zq-secret-key-of-the-test"
    with serving(command, *LOCAL, "--workers", "1", key=key) as service:
        assert httpx.get(f"{service.url}/api/crawls").status_code == 401
        assert httpx.get(f"{service.url}/health").status_code == 200
        with httpx.Client(base_url=service.url) as browser:
            assert browser.post("/login", json={"key": key}).status_code == 204
            assert browser.get("/api/crawls").status_code == 200
            assert browser.post("/api/crawls", json={"source": "nightly"}).status_code == 403
            own = browser.post("/api/crawls", json={"source": "nightly"}, headers={"origin": service.url})
            assert own.status_code == 202
        service.ended(own.json()["id"])
    assert key not in (command.folder / "serve.log").read_text()


def test_a_correlation_id_is_on_every_line_of_its_crawl(
    command: Command, service: Service, shop: Shop
) -> None:
    """From the header of the request to the log lines of the pages, and secrets are not."""
    page = shop.url("/nothing/x?token=zq-secret")

    answer = service.client.post(
        "/api/crawls", json={"urls": [page], "sites": {}}, headers={"x-request-id": "night-42"}
    )
    assert answer.json()["correlation_id"] == "night-42"
    service.ended(answer.json()["id"])
    text = (command.folder / "serve.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    ours = [line for line in lines if line.get("crawl") == answer.json()["id"]]
    assert {line["event"] for line in ours} >= {"crawl_asked_for", "crawl"}
    assert {line["correlation_id"] for line in ours} == {"night-42"}
    assert "zq-secret" not in text


def test_events_tell_what_happens(service: Service, shop: Shop) -> None:
    """The present first; then states, numbers, hosts, failures and changes as they come."""
    service.ended(service.begin(urls=shop.urls(5)))
    shop.price = "17.99"
    seen: dict[str, list[dict[str, object]]] = {}
    with service.client.stream("GET", "/api/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        crawl = service.begin(urls=[*shop.urls(5), shop.url("/p/")])
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                seen.setdefault(name, []).append(json.loads(line.removeprefix("data: ")))
            done = [one for one in seen.get("crawl", ()) if one["id"] == crawl and one["state"] == "finished"]
            if done and len(seen.get("change", ())) >= 5 and len(seen["hosts"]) >= 2:
                break
    assert {"stats", "hosts", "crawl", "change"} <= seen.keys()
    change = seen["change"][0]
    assert (change["field"], change["old"], change["new"]) == (
        "price", {"amount": "19.99", "currency": "USD"}, {"amount": "17.99", "currency": "USD"},
    )  # fmt: skip
    row = service.client.get("/api/hosts").json()["hosts"][0]
    assert (row["host"], row["requests"] >= 11) == (shop.host, True)
    service.until(lambda: sum(point["requests"] for point in _points(service, shop.host)) == row["requests"])


def _points(service: Service, host: str) -> list[dict[str, int]]:
    points: list[dict[str, int]] = service.client.get(f"/api/hosts/{host}/history").json()["points"]
    return points


def test_health_and_metrics_tell_the_truth(service: Service, shop: Shop) -> None:
    """Counts that the shop agrees with; workers by process id; `promtool` finds no fault."""
    service.ended(service.begin(urls=shop.urls(25)))
    health = service.until(lambda: (h := service.client.get("/health").json())["stats"]["pages"] == 25 and h)
    assert health["status"] == "healthy"
    stats = health["stats"]
    assert (stats["requests_made"], stats["successful_requests"], stats["failed_requests"]) == (25, 25, 0)
    assert stats["total_response_time"] > 0
    assert [worker["alive"] for worker in health["workers"]] == [True]
    text = service.client.get("/metrics").text
    assert 'canter_pages_total{error_type="",outcome="ok"} 25.0' in text
    assert f'canter_host_requests_total{{host="{shop.host}"}} 25.0' in text
    check_metrics(text)


def check_metrics(text: str) -> None:
    """`promtool check metrics`, where it is installed."""
    need_promtool()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def need_promtool() -> None:
    """Skip the test where promtool is missing; on the project's CI that is a failure."""
    import os
    import shutil

    if shutil.which("promtool") is None:
        reason = "promtool is missing: install the Debian package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def test_a_thousand_clients_at_once(service: Service, shop: Shop) -> None:
    """Each gets an answer, a 429 or a 503, none hangs; the service is as well as before."""
    crawl = service.begin(urls=shop.urls(5))

    async def ask(client: httpx.AsyncClient, path: str) -> int:
        return (await client.get(path)).status_code

    async def all_at_once() -> list[int]:
        limits = httpx.Limits(max_connections=1_000, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE, limits=limits) as client:
            paths = ["/health", "/api/crawls", "/api/hosts", f"/api/crawls/{crawl}/records"] * 250
            return list(await asyncio.gather(*(ask(client, path) for path in paths)))

    statuses = Counter(asyncio.run(all_at_once()))
    assert statuses.total() == 1_000
    assert statuses.keys() <= {200, 429, 503}
    assert statuses[200] >= 250  # health, for one, answers everybody
    assert service.ended(crawl)["state"] == "finished"
    assert service.client.get("/health").status_code == 200


def test_a_run_answers_health_and_metrics_beside(command: Command, shop: Shop) -> None:
    """`canter run --http`: the same shapes, while it runs; the run ends as without it."""
    shop.delay = 0.1
    command.write("slow.txt", "\n".join(shop.urls(200)))
    process = command.start(
        "run",
        "slow.txt",
        *LOCAL,
        "--workers",
        "1",
        "--max-concurrent",
        "5",
        "--http",
        "127.0.0.1:0",
        "--json",
    )
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    found = re.fullmatch(r"answering /health and /metrics at (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    service = Service(process, found[1])
    with service.client as client:
        health = service.until(lambda: (h := client.get("/health").json())["stats"]["pages"] > 10 and h)
        assert (health["status"], health["stats"]["running_crawls"]) == ("healthy", 1)
        check_metrics(client.get("/metrics").text)
        assert client.get("/api/crawls").status_code == 404
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(out)["ok"] == 200


@pytest.mark.parametrize("address", ["here", "0.0.0.0:0", "127.0.0.1:99999", "192.0.2.1:8"])
def test_an_address_that_cannot_be_used_is_told(command: Command, address: str) -> None:
    """One line, before anything is begun."""
    done = command.run("run", "urls.txt", "--http", address)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert address.rpartition(":")[0] in line


def test_a_crawls_own_terms_hold(command: Command, service: Service, shop: Shop) -> None:
    """Sites of the request read first; its rate holds, also where the server's pace is off."""
    sites = {"mine": {"hosts": [shop.host], "fields": {"name": {"css": "h1"}}}}
    crawl = service.begin(urls=shop.urls(11), sites=sites, max_rate=5.0)
    found = service.ended(crawl)
    assert found["state"] == "finished"
    assert {record["site"] for record in service.records(crawl)} == {"mine"}
    assert service.records(crawl)[0]["fields"].keys() == {"name"}
    times = sorted(record["fetched_at"] for record in service.records(crawl))
    span = datetime.fromisoformat(times[-1]) - datetime.fromisoformat(times[0])
    assert span.total_seconds() > 1.5  # 2 s between the first request and the last; answers may be late
    refused = service.ended(service.begin(urls=shop.urls(1), allow_network=[]))
    assert refused["summary"]["errors"] == {"refused": 1}
