"""The shops of the local market: what they sell, how their pages look, the rules that read them. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from canter.apps.policies import Policy, chance
from canter.model import Fields

Kind = Literal["page", "gone", "moved", "closed"]

_WORDS = (
    "Alder", "Basalt", "Cedar", "Delta", "Ember", "Fjord", "Garnet", "Harbor", "Indigo", "Juniper",
    "Kestrel", "Linden", "Meadow", "Nimbus", "Opal", "Prairie", "Quartz", "Raven", "Summit", "Willow",
)  # fmt: skip
_FILLER = (
    "<p>Free returns within 30 days. Our team packs every order by hand and answers within a day.</p>\n" * 20
)


@dataclass(frozen=True, slots=True)
class Product:
    """One page of a shop: its URL's path and what it shows. `cents` is its price, or a card's annual fee."""

    number: int
    path: str
    kind: Kind
    name: str
    cents: int
    apr: tuple[str, str]

    @property
    def amount(self) -> str:
        """The price as a decimal number."""
        return f"{self.cents // 100}.{self.cents % 100:02}"

    @property
    def stock(self) -> int:
        """Pieces in stock."""
        return self.number * 7 % 40

    @property
    def target(self) -> str:
        """The path of the page itself, where `path` only leads there."""
        return f"{self.path}/now" if self.kind == "moved" else self.path


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: its hidden policy, its markup, the `[sites.NAME]` rules for it and the fields they find."""

    name: str
    about: str
    policy: Policy
    rules: str
    render: Callable[[Product], str]
    fields: Callable[[Product], Fields]
    content_type: str = "text/html; charset=utf-8"
    settings: str = ""  # other keys of its [sites.NAME]

    def products(self, count: int, seed: int) -> list[Product]:
        """The shop's `count` pages, the same for the same seed."""
        return [_product(self, number, seed) for number in range(1, count + 1)]

    def robots(self) -> str | None:
        """Its robots.txt, None where there is none."""
        if not self.policy.crawl_delay:
            return None
        return f"User-agent: *\nDisallow: /members/\nCrawl-delay: {self.policy.crawl_delay:g}\n"


def _product(shop: Shop, number: int, seed: int) -> Product:
    luck = chance(seed, shop.name, number)
    policy = shop.policy
    kind: Kind = "page"
    kinds: tuple[tuple[float, Kind], ...] = (
        (policy.gone, "gone"),
        (policy.moved, "moved"),
        (policy.closed, "closed"),
    )
    for share, name in kinds:
        if luck < share:
            kind = name
            break
        luck -= share
    first, second = (_WORDS[int(chance(seed, shop.name, number, word) * len(_WORDS))] for word in ("a", "b"))
    low = 1_400 + int(chance(seed, shop.name, number, "apr") * 900)
    section = "members" if kind == "closed" else shop.name
    return Product(
        number=number,
        path=f"/{section}/{number}",
        kind=kind,
        name=f"{first} {second} No. {number}",
        cents=501 + int(chance(seed, shop.name, number, "price") * 249_000),
        apr=(f"{low // 100}.{low % 100:02}", f"{low // 100 + 10}.{low % 100:02}"),
    )


def repriced(product: Product, seed: int, shop: str, day: int) -> Product:
    """The product on `day`, from what it was the day before: three in ten cost something else."""
    if chance(seed, "reprice", shop, product.number, day) >= 0.3:
        return product
    factor = 0.8 + 0.4 * chance(seed, "factor", shop, product.number, day)
    cents = max(101, int(product.cents * factor))
    return replace(product, cents=cents if cents != product.cents else cents + 10)


def _page(title: str, body: str) -> str:
    return (
        f"<!doctype html>\n<html><head><title>{title}</title></head>\n<body>\n"
        f'<nav><a href="/">Home</a> <a href="/all">All products</a></nav>\n{body}\n'
        f"<footer>\n{_FILLER}</footer>\n</body></html>\n"
    )


def _dollars(product: Product) -> str:
    return f"${product.cents // 100:,}.{product.cents % 100:02}"


def _euros(product: Product) -> str:
    return f"{product.cents // 100:,}".replace(",", ".") + f",{product.cents % 100:02} €"


def _usd(product: Product) -> Fields:
    return {"amount": product.amount, "currency": "USD"}


def _tags(product: Product) -> list[str]:
    return [word.lower() for word in product.name.split()[:2]]


HARBOR = Shop(
    name="harbor",
    about="a general store",
    policy=Policy(rate=12, burst=6, retry_after=True, gone=0.04),
    rules="""
title = "h1.product-title"
price = { css = [".price-current", ".price"], type = "money", currency = "USD" }
sku = { css = "article", attr = "data-sku" }
tags = { css = ".tag", many = true }
discount = { css = ".discount", type = "percent", required = false }
""",
    render=lambda product: _page(
        product.name,
        f'<article data-sku="HB-{product.number}"><h1 class="product-title">{product.name}</h1>\n'
        f'<p><del class="price-old">$9,999.00</del> '
        f'<span class="price-current">{_dollars(product)}</span></p>\n'
        + "".join(f'<a class="tag">{tag}</a> ' for tag in _tags(product))
        + "</article>",
    ),
    fields=lambda product: {
        "title": product.name,
        "price": _usd(product),
        "sku": f"HB-{product.number}",
        "tags": _tags(product),
        "discount": None,
    },
)

PIXEL = Shop(
    name="pixel",
    about="electronics with a JSON API",
    policy=Policy(rate=25, burst=10),
    rules="""
title = { json = "product.name" }
price = { json = "product.offers[0].price", type = "money", currency = "USD" }
stock = { json = "product.offers[0].stock", type = "integer" }
""",
    render=lambda product: json.dumps(
        {
            "product": {
                "id": product.number,
                "name": product.name,
                "offers": [{"price": product.amount, "stock": product.stock}],
                "notes": ["Ships within a day."] * 20,
            }
        }
    ),
    fields=lambda product: {"title": product.name, "price": _usd(product), "stock": product.stock},
    content_type="application/json",
)

ANVIL = Shop(
    name="anvil",
    about="tools, the price in a table",
    policy=Policy(rate=6, burst=3, reject=503, moved=0.05),
    rules="""
title = "#tool h2"
price = { css = "table.offer tr.price td", type = "money", currency = "USD" }
stock = { css = "table.offer tr.stock td", pattern = '(\\d+) left', type = "integer" }
""",
    render=lambda product: _page(
        f"{product.name} - Anvil",
        f'<div id="tool"><h2>{product.name}</h2><table class="offer">\n'
        f'<tr class="price"><th>Price</th><td>{_dollars(product)}</td></tr>\n'
        f'<tr class="stock"><th>Stock</th><td>only {product.stock} left, order now</td></tr></table></div>',
    ),
    fields=lambda product: {"title": product.name, "price": _usd(product), "stock": product.stock},
)

KONTOR = Shop(
    name="kontor",
    about="a German shop",
    policy=Policy(rate=15, burst=5, retry_after=True),
    rules="""
title = "h1[itemprop=name]"
price = { css = "span.preis", type = "money" }
""",
    render=lambda product: _page(
        f"{product.name} kaufen",
        f'<h1 itemprop="name">{product.name}</h1>\n<div>Preis: <span class="preis">{_euros(product)}</span> '
        "<small>inkl. MwSt., zzgl. Versand</small></div>",
    ),
    fields=lambda product: {
        "title": product.name,
        "price": {"amount": product.amount, "currency": "EUR"},
    },
    settings='locale = "de"\nheaders = { Accept-Language = "de" }\n',
)

GRANITE = Shop(
    name="granite",
    about="a bank's credit cards",
    policy=Policy(),
    rules="""
card = ".card-name"
apr = { css = ".terms .apr", type = "percent_range" }
annual_fee = { css = ".terms .fee", type = "money", currency = "USD" }
""",
    render=lambda product: _page(
        "Granite Bank",
        f'<h1 class="card-name">{product.name} Card</h1>\n<dl class="terms"><dt>Purchase APR</dt>'
        f'<dd class="apr">{product.apr[0]}% to {product.apr[1]}% variable</dd>\n'
        f'<dt>Annual fee</dt><dd class="fee">{_dollars(product)}</dd></dl>',
    ),
    fields=lambda product: {
        "card": f"{product.name} Card",
        "apr": list(product.apr),
        "annual_fee": _usd(product),
    },
)


def _plain(name: str, about: str, policy: Policy, css: str) -> Shop:
    """A shop whose pages hold a title and a price in an element `css`."""
    return Shop(
        name=name,
        about=about,
        policy=policy,
        rules=f'\ntitle = "main h1"\nprice = {{ css = "{css}", type = "money", currency = "USD" }}\n',
        render=lambda product: _page(
            product.name,
            f'<main><h1>{product.name}</h1><div class="buy"><b class="{css.rpartition(".")[2]}">'
            f"{_dollars(product)}</b></div></main>",
        ),
        fields=lambda product: {"title": product.name, "price": _usd(product)},
    )


SHOPS = (
    HARBOR,
    PIXEL,
    ANVIL,
    KONTOR,
    GRANITE,
    _plain("wobble", "a shop on a tired server", Policy(failures=0.12), "b.cost"),
    _plain("turtle", "a slow shop", Policy(latency=(0.3, 0.6)), "div.buy b.now"),
    _plain("abbey", "a shop with house rules", Policy(crawl_delay=0.2, closed=0.05), ".buy .amount"),
)
