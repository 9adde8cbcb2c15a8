"""What a full-speed crawl and those who look at it cost each other.

    .venv/bin/python -m bench.service [--pages 20000] [--runs 3]

`canter serve` with one worker crawls a page of 20 KB from nginx on loopback, pace off. /health is asked
50 times a second all the while; in every other run ten clients read the event stream, as dashboards do.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.live.command import LOCAL, Command
from tests.live.servers import nginx
from tests.live.service import Service, serving

PAGE = "<html><h1>Alder lamp</h1><p class=price>$19.99</p>" + "<p>Some text about it.</p>" * 750 + "</html>"
SITE = """
[sites.shop]
hosts = ["{host}"]
robots = false
[sites.shop.fields]
title = "h1"
price = {{ css = ".price", type = "money" }}
"""


def _listen(url: str, stop: threading.Event) -> None:
    with httpx.stream("GET", f"{url}/api/events", timeout=30) as stream:
        for _ in stream.iter_bytes():
            if stop.is_set():
                return


def _crawl(service: Service, urls: list[str], dashboards: int) -> tuple[float, list[float]]:
    """Pages/s of one crawl, and seconds that each answer of /health took meanwhile."""
    stop = threading.Event()
    for _ in range(dashboards):
        threading.Thread(target=_listen, args=(service.url, stop), daemon=True).start()
    crawl = service.begin(urls=urls)
    took: list[float] = []
    while service.crawl(crawl)["state"] in ("queued", "running"):
        for _ in range(25):
            began = time.perf_counter()
            service.client.get("/health")
            took.append(time.perf_counter() - began)
            time.sleep(0.02)
    stop.set()
    return service.crawl(crawl)["summary"]["pages_per_second"], took


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="canter-bench-")))
        (folder / "root").mkdir()
        (folder / "root" / "page.html").write_text(PAGE)
        server = stack.enter_context(
            nginx(
                folder / "nginx",
                str(folder / "root"),
                server="        rewrite ^ /page.html break;",
                log=False,
            )
        )
        origin = server.origin("127.0.0.1")
        command = Command(folder)
        command.write("sites.toml", SITE.format(host=origin.removeprefix("http://")))
        service = stack.enter_context(serving(command, *LOCAL, "--workers", "1", "--max-concurrent", "64"))
        speeds: dict[int, list[float]] = {0: [], 10: []}
        health: dict[int, list[float]] = {0: [], 10: []}
        for run in range(2 * wanted.runs):
            dashboards = 10 * (run % 2)
            urls = [f"{origin}/{run}/{n}" for n in range(wanted.pages)]
            speed, took = _crawl(service, urls, dashboards)
            speeds[dashboards].append(speed)
            health[dashboards] += took
        for dashboards in (0, 10):
            p50, p99 = (1_000 * statistics.quantiles(health[dashboards], n=100)[n] for n in (49, 98))
            pages = statistics.median(speeds[dashboards])
            print(
                f"{dashboards:2} dashboards: {pages:7,.0f} pages/s; /health {p50:.1f} ms, 99th percentile "
                f"{p99:.1f} ms, of {len(health[dashboards])}"
            )
        ratio = statistics.median(speeds[10]) / statistics.median(speeds[0])
        print(f"with ten dashboards {ratio:.3f} of the speed without")


if __name__ == "__main__":
    main()
