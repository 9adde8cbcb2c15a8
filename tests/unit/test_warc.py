"""Kept pages: what comes back is what was kept, whatever ended the process that kept it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from canter.errors import StoreError
from canter.model import Record, Response, Task
from canter.protocols import Kept, Visit
from canter.stores import warc
from canter.stores.warc import KeptPages, WarcKeeper, prepare_folder
from canter.urls import url_key

UTC = 1_795_402_976.5  # 2026-11-23T03:02:56.5Z


def visit(
    url: str = "http://a.example/p",
    body: bytes = b"<h1>A</h1>",
    *,
    crawl: int = 1,
    kept: bool = True,
    headers: CIMultiDict[str] | None = None,
    task: Task | None = None,
) -> Visit:
    """The end of a page that answered with a body."""
    task = task or Task(crawl, 0, 0.0, url_key(url), url, 0, attempt=1, line=3)
    answer = Response(task.target, 200, CIMultiDict() if headers is None else headers, body, 0.25, 0.25)
    record = Record.of_bad_line(crawl, url, "", None, None, "")
    record.site = "shop"
    return Visit(task, record, 7, UTC, kept=answer if kept else None)


def keep(folder: Path, *visits: Visit, crawl: int = 1, started: float = UTC) -> None:
    """One process keeps one batch."""
    keeper = WarcKeeper(folder, crawl, started)
    keeper.keep(visits)
    keeper.close()


def bodies(folder: Path, crawl: int | None = None) -> list[bytes]:
    """The bodies that are read."""
    return [page.answer.body for page in KeptPages(folder, crawl)]


def test_a_page_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    """Task, answer, time, number and site; headers with their order, repetitions and odd bytes."""
    url = "http://a.example/p?q=%C3%A4"
    task = Task(
        9, 0, 0.0, url_key(url), url, 0, attempt=2, line=12, columns={"näme": "a\r\nb\x00\u2028"},
        site="named", hops=["http://a.example/x", "http://b.example/y"],
    )  # fmt: skip
    headers = CIMultiDict(
        [("Content-Type", "text/html; charset=x"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"),
         ("X-Odd", "caf\udce9: ü"), ("X-Empty", "")]
    )  # fmt: skip
    kept = visit(url, b"\r\n\r\n\x00\xffbody\r\n\r\n", task=task, headers=headers)
    keep(tmp_path, kept)
    assert kept.kept is not None
    (page,) = KeptPages(tmp_path)
    assert page == Kept(task, page.answer, UTC, 7, "shop")
    assert (page.answer.url, page.answer.status, page.answer.elapsed) == ("http://b.example/y", 200, 0.25)
    assert page.answer.body == kept.kept.body
    assert list(page.answer.headers.items()) == [*headers.items(), ("Content-Length", "14")]
    assert page.answer.headers["content-type"] == "text/html; charset=x"


def test_headers_of_the_coding_do_not_lie(tmp_path: Path) -> None:
    """A body is kept decoded: the headers that told its coding are replaced; a line end cannot forge one."""
    headers = CIMultiDict({"Content-Encoding": "gzip", "Content-Length": "3", "X": "a\r\nSet-Cookie: b"})
    keep(tmp_path, visit(body=b"plain", headers=headers))
    (page,) = KeptPages(tmp_path)
    assert dict(page.answer.headers) == {"X": "a Set-Cookie: b", "Content-Length": "5"}


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_any_bodies_in_any_number(tmp_path_factory: pytest.TempPathFactory, wanted: list[bytes]) -> None:
    """Bytes that look like the format's own are only bytes."""
    folder = tmp_path_factory.mktemp("pages")
    keep(folder, *(visit(f"http://a.example/{n}", b"\x1f\x8b" + body) for n, body in enumerate(wanted)))
    assert bodies(folder) == [b"\x1f\x8b" + body for body in wanted]


def test_it_is_a_warc_file(tmp_path: Path) -> None:
    """gzip members of WARC/1.1 response records whose lengths are right."""
    keep(tmp_path, visit(body=b"one"), visit("http://a.example/2", b"two"))
    (segment,) = tmp_path.iterdir()
    assert segment.name == "20261123T030256Z-1-00000.warc.gz"
    text = gzip.decompress(segment.read_bytes())
    for body in (b"one", b"two"):
        head, _, rest = text.partition(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert head.startswith(b"WARC/1.1\r\nWARC-Type: response\r\n")
        assert lines[b"WARC-Date"] == b"2026-11-23T03:02:56.500Z"
        assert lines[b"Content-Type"] == b"application/http;msgtype=response"
        length = int(lines[b"Content-Length"])
        http, text = rest[:length], rest[length:]
        assert http == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body
        assert text.startswith(b"\r\n\r\n")
        text = text[4:]
    assert text == b""


def test_what_is_not_to_be_kept_makes_no_file(tmp_path: Path) -> None:
    """A batch without pages writes nothing."""
    keep(tmp_path, visit(kept=False))
    assert list(tmp_path.iterdir()) == []


def test_a_segment_cut_anywhere_gives_every_whole_page(tmp_path: Path) -> None:
    """Whatever byte a kill or a power cut left as the last one: the pages before are read, and it is said."""
    keep(tmp_path, *(visit(f"http://a.example/{n}", b"%d" % n * 200) for n in range(3)))
    (segment,) = tmp_path.iterdir()
    whole = segment.read_bytes()
    ends = list(_ends(whole))
    for size in range(len(whole)):
        segment.write_bytes(whole[:size])
        pages = KeptPages(tmp_path)
        assert len(list(pages)) == pages.total == sum(end <= size for end in ends)
        assert len(pages.notices) == (size not in (0, *ends))


def _ends(data: bytes) -> Iterator[int]:
    import zlib

    position = 0
    while position < len(data):
        member = zlib.decompressobj(31)
        member.decompress(data[position:])
        position = len(data) - len(member.unused_data)
        yield position


def test_damage_is_told_once_and_other_segments_are_read(tmp_path: Path) -> None:
    """A segment overwritten in its middle gives what stands before; the next one is whole."""
    keep(tmp_path, visit(body=b"one"), visit("http://a.example/2", b"two"))
    keep(tmp_path, visit("http://a.example/3", b"three"))
    first = min(tmp_path.iterdir())
    data = first.read_bytes()
    end = next(_ends(data))
    first.write_bytes(data[: end + 20] + b"\xff" * 40 + data[end + 60 :])
    pages = KeptPages(tmp_path)
    assert [page.answer.body for page in pages] == [b"one", b"three"]
    assert list(pages)
    (notice,) = pages.notices
    assert f"{len(data) - end:,} bytes" in notice


def test_what_is_no_page_of_ours_is_left_out(tmp_path: Path) -> None:
    """A gzip file of something else under a segment's name is told, not raised."""
    keep(tmp_path, visit(body=b"one"))
    (tmp_path / "20261123T030256Z-1-00001.warc.gz").write_bytes(gzip.compress(b"WARC/1.1\r\n\r\n"))
    (tmp_path / "notes.txt").write_text("mine")
    pages = KeptPages(tmp_path)
    assert [page.answer.body for page in pages] == [b"one"]
    assert "00001" in pages.notices[0]


def test_a_page_kept_twice_counts_once_and_the_last_one_holds(tmp_path: Path) -> None:
    """After a kill between keeping and commit the page is fetched and kept again."""
    urls = [f"http://a.example/{n}" for n in range(3)]
    keep(tmp_path, *(visit(url, b"old") for url in urls[:2]))
    keep(tmp_path, visit(urls[1], b"new"), visit(urls[2], b"other"))
    pages = KeptPages(tmp_path)
    assert pages.total == 3
    assert [(page.task.url, page.answer.body) for page in pages] == [
        (urls[0], b"old"), (urls[1], b"new"), (urls[2], b"other"),
    ]  # fmt: skip


def test_crawls_are_kept_apart(tmp_path: Path) -> None:
    """The latest crawl by default, another by number, and of two stores' crawls the later begun."""
    keep(tmp_path, visit(body=b"seven", crawl=7), crawl=7)
    keep(tmp_path, visit(body=b"one", crawl=1), crawl=1, started=UTC + 60)
    keep(tmp_path, visit(body=b"ten", crawl=10), crawl=10, started=UTC + 120)
    assert bodies(tmp_path) == [b"ten"]
    assert bodies(tmp_path, 7) == [b"seven"]
    keep(tmp_path, visit(body=b"another seven", crawl=7), crawl=7, started=UTC + 180)
    assert bodies(tmp_path, 7) == bodies(tmp_path) == [b"another seven"]
    with pytest.raises(StoreError, match="no pages of crawl 3; it holds those of 1, 7, 10"):
        KeptPages(tmp_path, 3)


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file grows without end, and the order stays."""
    monkeypatch.setattr(warc, "SEGMENT", 100)
    keeper = WarcKeeper(tmp_path, 1, UTC)
    for n in range(12):
        keeper.keep([visit(f"http://a.example/{n}", b"%d" % n)])
    keeper.close()
    assert len(list(tmp_path.iterdir())) == 12
    assert bodies(tmp_path) == [b"%d" % n for n in range(12)]


def test_a_failed_write_leaves_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is one StoreError that names the folder; the segment ends as it did before."""
    keeper = WarcKeeper(tmp_path, 1, UTC)
    keeper.keep([visit(body=b"one")])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(warc, "_sync", full)
    with pytest.raises(StoreError, match=f"{tmp_path}: .*No space left on device"):
        keeper.keep([visit("http://a.example/2", b"two")])
    pages = KeptPages(tmp_path)
    assert ([page.answer.body for page in pages], pages.notices) == ([b"one"], [])


def test_pages_kept_meanwhile_wait_for_the_next_reading(tmp_path: Path) -> None:
    """A run may go on beside it: what is read is what was there at the beginning."""
    keeper = WarcKeeper(tmp_path, 1, UTC)
    keeper.keep([visit(body=b"one")])
    pages = KeptPages(tmp_path)
    keeper.keep([visit("http://a.example/2", b"two")])
    keeper.close()
    assert [page.answer.body for page in pages] == [b"one"]
    assert bodies(tmp_path) == [b"one", b"two"]


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    """A file in the way, a folder without pages, none at all: one line each."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="pages cannot be kept here"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(StoreError, match="holds no kept pages"):
        KeptPages(tmp_path)
    with pytest.raises(StoreError, match="No such file"):
        KeptPages(tmp_path / "none")
