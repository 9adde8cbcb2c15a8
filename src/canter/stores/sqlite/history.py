"""Records of a crawl, as they were and as the contract shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from canter.model import Record, request_id, utc_iso
from canter.rules.change import difference
from canter.stores.sqlite.schema import connect, reading

Declared = Mapping[str, Mapping[str, str]]


class SqliteHistory:
    """Reads one store; a run may go on beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path, create=False)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def declared(self, crawl: int) -> Declared:
        """The fields that sites declared in a crawl: site -> field -> type."""
        with reading(self._path):
            row = self._db.execute("SELECT declared FROM crawl WHERE id=?", (crawl,)).fetchone()
        declared: Declared = orjson.loads(row[0]) if row else {}
        return declared

    def source_columns(self, crawl: int) -> list[str]:
        """The names of the other columns of the crawl's sources, sorted."""
        with reading(self._path):
            rows = self._db.execute(
                "SELECT DISTINCT j.key FROM visit v, json_each(v.info) j WHERE v.crawl=? "
                "UNION SELECT j.key FROM bad b, json_each(b.info) j WHERE b.crawl=? ORDER BY 1",
                (crawl, crawl),
            ).fetchall()
        return [row[0] for row in rows]

    def records(self, crawl: int, *, changes: bool = False, outcome: str | None = None) -> Iterator[Record]:
        """The records of a crawl, streamed: one a URL, then one a bad source line.

        `changes`: only those whose fields changed; `outcome`: only those.
        """
        declared = self.declared(crawl)
        where = (
            "v.crawl=?" + (" AND v.changed=1" if changes else "") + (" AND v.outcome=?" if outcome else "")
        )
        values = (crawl, outcome) if outcome else (crawl,)
        with reading(self._path):
            for row in self._db.execute(_VISITS + where, values):
                yield _record(crawl, row, declared)
            if not changes and outcome in (None, "failed"):
                for row in self._db.execute(_BAD, (crawl,)):
                    yield _bad_record(crawl, row)


_VISITS = """
SELECT p.url, h.name, v.outcome, v.error_type, v.status, v.attempts, v.request, v.fetched_at, v.response_time,
    v.changed, v.site, v.line, v.info, v.detail,
    CASE WHEN v.outcome IN ('ok', 'not_modified') AND v.status IS NOT 204 THEN
        (SELECT fields FROM value n WHERE n.host=v.host AND n.key=v.key AND n.crawl<=v.crawl
         ORDER BY n.crawl DESC LIMIT 1) END,
    CASE WHEN v.changed=1 THEN
        (SELECT fields FROM value n WHERE n.host=v.host AND n.key=v.key AND n.crawl<v.crawl
         ORDER BY n.crawl DESC LIMIT 1) END
FROM visit v JOIN page p ON p.host=v.host AND p.key=v.key JOIN host h ON h.id=v.host
WHERE """

_BAD = "SELECT url, error, line, at, info FROM bad WHERE crawl=? ORDER BY source, line"


def _record(crawl: int, row: tuple[Any, ...], declared: Declared) -> Record:
    (url, host, outcome, error_type, status, attempts, request, fetched_at, response_time,
     changed, site, line, info, detail, value, old) = row  # fmt: skip
    extra: dict[str, Any] = orjson.loads(detail) if detail else {}
    found: dict[str, Any] = orjson.loads(value) if value else extra.get("fields", {})
    names = declared.get(site or "", {})
    fields = {name: found.get(name) for name in names} if names else found
    return Record(
        url=url, final_url=extra.get("final_url", url), redirects=extra.get("redirects", []), site=site,
        host=host, crawl=crawl, request_id=request_id(crawl, request) if request else None,
        fetched_at=utc_iso(fetched_at), status=status, outcome=outcome, error_type=error_type,
        error=extra.get("error"), attempts=attempts, response_time=response_time, from_cache=False,
        changed=None if changed is None else bool(changed),
        previous=difference(orjson.loads(old), fields) if old else {},
        missing=extra.get("missing", []), line=line, source=orjson.loads(info) if info else {}, fields=fields,
    )  # fmt: skip


def _bad_record(crawl: int, row: tuple[Any, ...]) -> Record:
    url, error, line, at, info = row
    return Record.of_bad_line(crawl, url, error, line, orjson.loads(info) if info else None, utc_iso(at))
