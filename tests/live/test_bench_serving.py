"""The web servers of `canter bench speed` answer as their scenarios need."""

from __future__ import annotations

import gzip
import os
import ssl
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from bench.speed.serving import own_addresses, slow_web, web
from tests.live.servers import need_nginx

pytestmark = pytest.mark.live

CORE = min(os.sched_getaffinity(0))
PAGES = [b"<title>One</title>", b"<title>Two</title>"]


def get(url: str, tls: ssl.SSLContext | None = None) -> tuple[bytes, Message]:
    """The page as it was before it was compressed, and the headers."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        return gzip.decompress(answer.read()), answer.headers


def test_pages_and_hosts_take_turns(tmp_path: Path) -> None:
    """Each URL is another page on another host; the second part of a list goes on where the first ended."""
    need_nginx()
    with web(tmp_path / "web", PAGES, CORE, addresses=own_addresses(3)) as served:
        urls = served.urls(6)
        assert len(set(urls)) == 6
        assert served.urls(4, first=2) == urls[2:]
        assert [get(url)[0] for url in urls] == PAGES * 3
        assert {url.partition("//")[2].partition(":")[0] for url in urls} == {*own_addresses(3)}


def test_an_answer_without_validators_cannot_be_asked_for_again(tmp_path: Path) -> None:
    """With them there are both; without them neither ETag nor Last-Modified."""
    need_nginx()
    for validators in (True, False):
        with web(tmp_path / str(validators), PAGES, CORE, validators=validators) as served:
            _, headers = get(served.urls(1)[0])
        assert [name in headers for name in ("ETag", "Last-Modified")] == [validators, validators]


def test_tls_with_an_authority_of_its_own(tmp_path: Path) -> None:
    """The file that is named holds the authority to trust."""
    need_nginx()
    authority = tmp_path / "authority.pem"
    with web(tmp_path / "web", PAGES, CORE, ca_file=authority) as served:
        (url,) = served.urls(1)
        assert url.startswith("https://")
        assert get(url, ssl.create_default_context(cafile=authority))[0] == PAGES[0]


def test_the_slow_server_waits_before_it_answers(tmp_path: Path) -> None:
    """Pages come compressed, robots.txt is not there, and no answer comes early."""
    with slow_web(tmp_path / "slow", PAGES, CORE, 0.1) as served:
        began = time.monotonic()
        assert [get(url)[0] for url in served.urls(2)] == PAGES
        assert time.monotonic() - began >= 0.2
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{served.origins[0]}/robots.txt")
