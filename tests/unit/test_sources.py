"""Sources of URLs: what a row is, where reading goes on, and that memory stays flat."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.errors import SourceError
from canter.sources import Position, Row, open_source


def rows(path: Path, url_column: str = "url") -> list[Row]:
    return [row for chunk in open_source(str(path), url_column).chunks() for row in chunk.rows]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def test_text_skips_blank_lines_and_comments_and_counts_them(tmp_path: Path) -> None:
    """A text source gives one row a line that holds a URL, with the number an editor shows."""
    path = tmp_path / "urls.list"
    path.write_bytes(b"\xef\xbb\xbfhttp://a/1\r\n\n  # note\n \thttp://a/2 \nhttp://a/3")
    assert rows(path) == [
        Row(1, "http://a/1", None, None),
        Row(4, "http://a/2", None, None),
        Row(5, "http://a/3", None, None),
    ]


def test_a_line_that_is_not_utf8_is_a_row_with_an_error(tmp_path: Path) -> None:
    """Invalid UTF-8 spoils its own line only, in every format."""
    for name, before, text, after in (
        ("u.txt", b"", b"http://a/\xff", b"http://a/2"),
        ("u.csv", b"url,n\n", b"http://a/\xff,1", b"http://a/2,2"),
        ("q.csv", b"url,n\n", b'"http://a/\xff",1', b"http://a/2,2"),
        ("u.jsonl", b"", b'{"url": "http://a/\xff"}', b'{"url": "http://a/2"}'),
    ):
        path = tmp_path / name
        path.write_bytes(before + text + b"\n" + after + b"\n")
        bad, good = rows(path)
        assert bad.error == "not valid UTF-8", name
        assert bad.url == text.decode(errors="replace")
        assert (good.url, good.error) == ("http://a/2", None)


@pytest.mark.parametrize("name", ["u.txt", "u.csv", "u.jsonl"])
@pytest.mark.parametrize("size", [64 * 1024 + 1, 100_000, 400_000])
def test_an_overlong_line_is_one_row_and_the_rest_goes_on(tmp_path: Path, name: str, size: int) -> None:
    """A line over 64 KiB gives one error row with its first 2,000 characters, wherever reads cut it."""
    head, good = {"u.txt": ("", "http://a/{}"), "u.csv": ("url\n", "http://a/{}")}.get(
        name, ("", '{{"url": "http://a/{}"}}')
    )
    path = tmp_path / name
    path.write_text(f"{head}{good.format(1)}\n{'x' * size}\n{good.format(2)}\n")
    first, bad, last = rows(path)
    start = 1 if not head else 2
    assert (first.line, bad.line, last.line) == (start, start + 1, start + 2)
    assert bad.error == "the line is over 64 KiB long"
    assert bad.url == "x" * 2_000
    assert (first.url, last.url, last.error) == ("http://a/1", "http://a/2", None)


def test_a_line_of_64_kib_is_still_read(tmp_path: Path) -> None:
    """The cap on a line is 64 KiB itself, not a byte less."""
    path = tmp_path / "u.txt"
    path.write_text("x" * 64 * 1024 + "\nhttp://a/2\n")
    assert [row.error for row in rows(path)] == [None, None]


def test_a_huge_line_without_an_end_is_not_held_in_memory(tmp_path: Path) -> None:
    """64 MB without a newline take less than 1 MB, as text, and behind an unclosed quote in a table."""
    for name, head in (("u.txt", "x"), ("u.csv", 'url\n"x')):
        path = tmp_path / name
        with path.open("w") as file:
            file.write(head)
            file.truncate(64 * 1024 * 1024)
        tracemalloc.start()
        found = rows(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [row.error for row in found] == ["the line is over 64 KiB long"]
        assert peak < 1024 * 1024


def test_an_unclosed_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    """Reading goes on at the line after the one that opened the quote; what follows is not held in memory."""
    peaks = []
    for count in (10_000, 40_000):
        path = tmp_path / f"{count}.csv"
        with path.open("w") as file:
            file.write('url,n\nhttp://a/0,0\n"http://a/open,1\n')
            file.writelines(f"http://a/{n},{n}\n" for n in range(2, count))
        found: dict[int, str | None] = {}
        tracemalloc.start()
        for chunk in open_source(str(path)).chunks():
            found |= {row.line: row.error for row in chunk.rows if row.error or row.line in (2, 4, count + 1)}
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == {2: None, 3: "a quote is not closed within 64 KiB", 4: None, count + 1: None}
    assert peaks[1] - peaks[0] < 1024 * 1024  # held, the rows would take 14 MB


def test_an_unclosed_quote_on_the_last_lines(tmp_path: Path) -> None:
    """A quote still open at the end of the file does not swallow the lines after it."""
    path = tmp_path / "u.csv"
    path.write_text('url,n\n"http://a/1,1\nhttp://a/2,2')
    assert [(row.line, row.error) for row in rows(path)] == [
        (2, "a quote is not closed within 64 KiB"),
        (3, None),
    ]


def test_csv_is_read_by_rfc_4180(tmp_path: Path) -> None:
    """Quotes, doubled quotes, quoted delimiters and newlines; `line` is where the record starts."""
    path = tmp_path / "u.csv"
    path.write_bytes(
        b'\xef\xbb\xbfname,"url",note\r\n'
        b'"Tea, ""green""",http://a/1,"two\r\nlines"\r\n'
        b'5" screen,http://a/2,\r\n'
        b"\r\n,,\r\n"
        b"plain, http://a/3 ,x\r\n"
    )
    assert rows(path) == [
        Row(2, "http://a/1", {"name": 'Tea, "green"', "note": "two\r\nlines"}, None),
        Row(4, "http://a/2", {"name": '5" screen', "note": ""}, None),
        Row(7, "http://a/3", {"name": "plain", "note": "x"}, None),
    ]


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "u.csv"), (";", "u.csv"), ("\t", "u.csv"), ("\t", "u.tsv")]
)
def test_the_header_shows_the_delimiter(tmp_path: Path, delimiter: str, name: str) -> None:
    """Comma, semicolon and tab are told apart by what makes the most columns of the header."""
    path = tmp_path / name
    path.write_text(f"id{delimiter}url\n7{delimiter}http://a/1\n")
    assert rows(path) == [Row(2, "http://a/1", {"id": "7"}, None)]


def test_a_table_of_one_column_keeps_commas_in_its_urls(tmp_path: Path) -> None:
    """With nothing but the URL in a line, a comma or semicolon belongs to the URL."""
    path = tmp_path / "u.csv"
    path.write_text("url\nhttp://a/1,2;3\n")
    assert rows(path) == [Row(2, "http://a/1,2;3", None, None)]


def test_columns_with_the_same_name_or_none_are_told_apart(tmp_path: Path) -> None:
    """No column is lost: a second NAME is NAME_2, one without a name is called by its place."""
    path = tmp_path / "u.csv"
    path.write_text("url,a,,a,url\nhttp://a/1,1,2,3,4\n")
    assert rows(path)[0].columns == {"a": "1", "column_3": "2", "a_2": "3", "url_2": "4"}


def test_a_record_with_the_wrong_number_of_columns_is_not_guessed_at(tmp_path: Path) -> None:
    """Too few cells, and too many that hold something, are errors; empty cells at the end are not."""
    path = tmp_path / "u.csv"
    path.write_text("id,url\nx\n1,http://a/1,2\n2,http://a/2,,\n3,\n")
    assert [(row.url, row.error) for row in rows(path)] == [
        ("x", "1 columns where the header has 2"),
        ("1,http://a/1,2", "3 columns where the header has 2"),
        ("http://a/2", None),
        ("3,", "nothing under 'url'"),
    ]


def test_json_lines(tmp_path: Path) -> None:
    """Objects with a text under `url`; other values travel as strings, JSON-encoded where they are none."""
    path = tmp_path / "u.jsonl"
    lines = [
        '{"url": " http://a/1 ", "sku": "A", "n": 7, "tags": ["é"], "none": null}',
        "",
        "[1]",
        '{"url": 5}',
        "{oops",
        '{"id": 1}',
        '{"url": "http://a/2"}',
    ]
    path.write_text("\n".join(lines))
    good, *bad, last = rows(path)
    assert good == Row(1, "http://a/1", {"sku": "A", "n": "7", "tags": '["é"]', "none": "null"}, None)
    assert [(row.line, row.error) for row in bad] == [
        (3, "not a JSON object"),
        (4, "no text under 'url'"),
        (5, "not valid JSON"),
        (6, "no text under 'url'"),
    ]
    assert bad[0].url == "[1]"
    assert last == Row(7, "http://a/2", None, None)


def test_the_url_column_can_be_named(tmp_path: Path) -> None:
    """`url_column` holds for tables and JSON lines alike."""
    table, lines = tmp_path / "u.csv", tmp_path / "u.jsonl"
    table.write_text("link,url\nhttp://a/1,x\n")
    lines.write_text('{"link": "http://a/1", "url": "x"}\n')
    for path in (table, lines):
        assert [(row.url, row.columns) for row in rows(path, "link")] == [("http://a/1", {"url": "x"})]


def test_what_cannot_be_a_source_says_so_in_one_line(tmp_path: Path) -> None:
    """Every refusal names the file and what to do, in one line."""
    (tmp_path / "no_url.csv").write_text("id,link\n1,http://a\n")
    (tmp_path / "empty.csv").write_text("\n")
    (tmp_path / "wide.txt").write_text("http://a", encoding="utf-16")
    (tmp_path / "packed.txt").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "sitemap.xml").write_text("<html></html>")
    (tmp_path / "header.csv").write_text("url," * 40_000 + "\n")
    (tmp_path / "bytes.csv").write_bytes(b"url,\xff\n")
    (tmp_path / "table.parquet").write_bytes(b"url\nhttp://a\n")
    (tmp_path / "folder").mkdir()
    for name, told in {
        "missing.txt": "does not exist",
        "folder": "directory",
        "no_url.csv": "id, link",
        "empty.csv": "empty",
        "wide.txt": "UTF-16",
        "packed.txt": "compressed",
        "header.csv": "64 KiB",
        "bytes.csv": "UTF-8",
        "table.parquet": "Parquet",
        "sitemap.xml": "a web page",
        "rows.json": ".jsonl",
    }.items():
        with pytest.raises(SourceError) as caught:
            open_source(str(tmp_path / name))
        assert told in str(caught.value)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SourceError, match="only http and https"):
        open_source("ftp://shop.example/sitemap.xml")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is a SourceError that names it, also when root runs the tests."""
    path = tmp_path / "u.txt"
    path.write_text("http://a\n")
    if os.geteuid() == 0:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(SourceError, match=r"u\.txt: Permission denied; make it readable"):
        open_source(str(path))


def test_a_file_that_vanishes_before_it_is_read_is_a_source_error(tmp_path: Path) -> None:
    """Trouble after opening is a SourceError as well, never a bare OSError."""
    path = tmp_path / "u.txt"
    path.write_text("http://a\n")
    source = open_source(str(path))
    path.unlink()
    with pytest.raises(SourceError, match="does not exist"):
        list(source.chunks())
    with pytest.raises(SourceError, match="does not exist"):
        source.identity()


def test_identity_changes_with_the_file(tmp_path: Path) -> None:
    """A file that was touched or replaced is told apart from the one read before."""
    path = tmp_path / "u.txt"
    path.write_text("http://a\n")
    source = open_source(str(path))
    before = source.identity()
    assert before is not None
    assert set(before) == {"size", "mtime", "inode"}
    assert source.identity() == before
    os.utime(path, ns=(1, 1))
    assert source.identity() == {**before, "mtime": 1}
    assert open_source("-").identity() is None


def big(path: Path) -> int:
    """A source of several chunks in the format of its name, with bad rows and records over two lines."""
    count = 12_000
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("\ufeffurl,note\n")
        for n in range(count):
            url = f"http://shop-{n % 50}.example/products/{n}"
            if path.suffix == ".txt":
                file.write(f"{url}\n" if n % 1_000 else "x" * 70_000 + "\n\n")
            elif path.suffix == ".csv":
                file.write(f'{url},"note\n{n}"\n' if n % 3 else f"{url},{n}\n")
            else:
                file.write(json.dumps({"url": url, "n": n}) + "\n")
    return count


@pytest.mark.parametrize("name", ["u.txt", "u.csv", "u.jsonl"])
def test_reading_goes_on_exactly_after_any_chunk(tmp_path: Path, name: str) -> None:
    """From any chunk's position, kept as JSON, a new source gives the rest, no row twice, none lost."""
    path = tmp_path / name
    count = big(path)
    chunks = list(open_source(str(path)).chunks())
    whole = [row for chunk in chunks for row in chunk.rows]
    assert len(whole) == count
    assert len(chunks) > 3
    assert max(len(chunk.rows) for chunk in chunks) < 5_000
    done = 0
    for chunk in chunks:
        done += len(chunk.rows)
        start = Position(*json.loads(json.dumps(chunk.position)))
        rest = [row for later in open_source(str(path)).chunks(start) for row in later.rows]
        assert rest == whole[done:]


@given(
    st.lists(st.text(alphabet='ab";,\n\r\t ', max_size=6), max_size=12),
    st.integers(min_value=1, max_value=40),
)
def test_a_table_reads_the_same_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], size: int
) -> None:
    """Rows do not depend on where reads end, for any mess of quotes and newlines."""
    path = tmp_path_factory.mktemp("cut") / "u.csv"
    path.write_text("url,x\n" + "\n".join(cells), newline="")
    whole = rows(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("canter.sources.READ", size)
        assert rows(path) == whole


def test_standard_input_is_handed_out_as_it_arrives(pipe: tuple[int, int]) -> None:
    """What a slow producer has written is a chunk at once, without waiting for more or for the end."""
    reader, writer = pipe
    chunks = open_source("-", stdin=reader).chunks()
    os.write(writer, b"http://a/1\nhttp://a/2\nhttp://a")
    assert [row.url for row in next(chunks).rows] == ["http://a/1", "http://a/2"]
    os.write(writer, b"/3\n")
    chunk = next(chunks)
    assert chunk.rows == [Row(3, "http://a/3", None, None)]
    os.write(writer, b"http://a/4")
    os.close(writer)
    assert [row.url for row in next(chunks).rows] == ["http://a/4"]
    assert list(chunks) == []
    assert os.fstat(reader)


def test_a_stream_given_again_goes_on_after_a_position(pipe: tuple[int, int]) -> None:
    """The same data piped in again is passed over up to the position."""
    reader, writer = pipe
    os.write(writer, b"http://a/1\nhttp://a/2\n")
    os.close(writer)
    chunk = next(open_source("-", stdin=reader).chunks(Position(11, 2)))
    assert chunk.rows == [Row(2, "http://a/2", None, None)]


def test_a_named_pipe_is_a_stream(tmp_path: Path) -> None:
    """A pipe by name is read once, has no identity, and cannot be a table."""
    path = tmp_path / "urls"
    os.mkfifo(path)
    holder = os.open(path, os.O_RDWR)
    os.write(holder, b"http://a/1\n")
    source = open_source(str(path))
    chunks = source.chunks()
    assert source.identity() is None
    assert [row.url for row in next(chunks).rows] == ["http://a/1"]
    os.close(holder)
    os.mkfifo(tmp_path / "urls.csv")
    with pytest.raises(SourceError, match="not a regular file"):
        open_source(str(tmp_path / "urls.csv"))
