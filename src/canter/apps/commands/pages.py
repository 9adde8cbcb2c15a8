"""`canter check` and `canter extract`: rules tried on a page, and on the pages that a crawl kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from canter.apps.again import Again
from canter.apps.commands.options import (
    EXIT_FAILURES,
    AllowNetworkOption,
    CaFileOption,
    DnsServerOption,
    FormatOption,
    SitesOption,
    UserAgentOption,
    settings_of,
)
from canter.apps.results import format_of, say
from canter.errors import ConfigError
from canter.extraction import Page
from canter.run.memory import bounded_memory
from canter.sites import AUTO, Site, SiteBook
from canter.urls import BadUrl, PageUrl, parse_url


def check(
    context: typer.Context,
    pages: Annotated[
        list[str], typer.Argument(metavar="PAGE_OR_URL...", help="Saved pages (HTML or JSON), or URLs.")
    ],
    sites: SitesOption = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="NAME", help="The site whose rules are tried.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where a saved page is from.")
    ] = None,
    user_agent: UserAgentOption = None,
    allow_network: AllowNetworkOption = None,
    dns_server: DnsServerOption = None,
    ca_file: CaFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Try the rules on pages: each field's value, type and source. Exit status 3 where one is missing.

    A URL is fetched as in a run: robots.txt, the host's pace and the address guard hold.

    Example: canter check page.html --url https://shop.acme.example/p/1
    """
    from canter.apps.checking import as_dict, check_page, print_checks

    settings, site_file = settings_of({**context.obj, **context.params}, sites)
    book = SiteBook(site_file.sites)
    saved = {page: _saved(page, url) for page in pages if not _is_url(page)}
    wanted = [(page, _site_of(page, site, url, book)) for page in pages]
    if urls := {page: _claiming(page, site) for page, site in wanted if _is_url(page)}:
        from canter.apps.fetching import fetch_pages  # only a fetch needs the engine and what it is made of

        saved |= fetch_pages(urls, settings)
    with bounded_memory():
        checks = [check_page(page, saved[page], site) for page, site in wanted]
    if as_json:
        print(json.dumps([as_dict(one) for one in checks]))  # noqa: T201  # ASCII: nothing acts on a terminal
    else:
        print_checks(checks)
    if not all(one.good for one in checks):
        raise typer.Exit(EXIT_FAILURES)


def _is_url(page: str) -> bool:
    return page.lower().startswith(("http://", "https://"))


def _site_of(page: str, name: str | None, url: str | None, book: SiteBook) -> Site:
    """The site whose rules read a page. Raises ConfigError where that cannot be told."""
    known = ", ".join(site.name for site in (*book.sites, AUTO))
    if name is not None:
        for site in (*book.sites, AUTO):
            if site.name == name:
                return site
        raise ConfigError(f"--site {name}: there are {known}")
    address = page if _is_url(page) else url
    if address is not None:
        return book.claim(_parsed(address)) or AUTO
    if len(book.sites) > 1:
        raise ConfigError(
            f"{page}: a saved page does not tell its site; add --url URL, or --site with one of {known}"
        )
    return book.sites[0] if book.sites else AUTO


def _parsed(address: str) -> PageUrl:
    parsed = parse_url(address)
    if isinstance(parsed, BadUrl):
        raise ConfigError(f"{address}: {parsed.reason}")
    return parsed


def _claiming(page: str, site: Site) -> Site | None:
    """The site as one that claims the page's host; None for `auto`, which claims none."""
    return None if site is AUTO else site.model_copy(update={"hosts": (_parsed(page).host,), "paths": ()})


def _saved(path: str, url: str | None) -> Page:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{path}: cannot be read: {reason}; a URL begins with http:// or https://"
        ) from error
    return Page(_parsed(url).href if url else "", 200, {}, content)


def extract(
    context: typer.Context,
    pages: Annotated[
        Path, typer.Option("--pages", metavar="DIR", help="What `canter run --keep-pages DIR` kept.")
    ],
    sites: SitesOption = None,
    crawl: Annotated[
        int | None, typer.Option(metavar="ID", help="Which crawl.  [default: the latest that was kept]")
    ] = None,
    form: FormatOption = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PATH", help="A file.")] = None,
) -> None:
    """Extract again from kept pages with the site file of today, without any network.

    Example: canter extract --pages pages --sites sites.toml -o prices.csv
    """
    given: dict[str, Any] = {**context.obj, **context.params}
    settings, site_file = settings_of(given, sites)
    wanted = format_of(output, form)
    again = Again(pages, crawl, settings, site_file.sites)
    again.write(output, wanted)
    counts = again.outcomes
    ended = f"{counts['ok']:,} ok, {counts['failed']:,} failed"
    say(f"crawl {again.crawl}: {counts.total():,} kept pages: {ended}")
