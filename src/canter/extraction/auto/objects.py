"""What an object of a script or a form's attributes say of their product: values by the names of keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from canter.extraction.availability import read_availability
from canter.extraction.numbers import plain_number

MAX_VALUES = 600  # of an object, those deeper in it included
MAX_LEVELS = 3
_POINTED = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")

_KEYS = {
    "sku": "sku productsku itemsku variantsku skucode skunumber skuid articlenumber itemnumber itemno "
    "productcode productnumber",
    "id": "id productid itemid product itemcode code articleid contentid identifier productkey ref",
    "mpn": "mpn manufacturerpartnumber mfrpartnumber mfpartnumber partnumber modelnumber modelno",
    "gtin": "gtin gtin8 gtin12 gtin13 gtin14 ean ean13 eancode upc upca upccode barcode isbn isbn13",
    "brand": "brand brandname productbrand itembrand manufacturer manufacturername vendor vendorname",
    "price": "price productprice itemprice unitprice priceamount pricevalue variantprice amount value "
    "pricewithtax grossprice",
    "current": "saleprice salesprice finalprice currentprice specialprice sellingprice discountedprice "
    "discountprice offerprice actualprice displayprice nowprice pricenow promoprice current final now sale",
    "currency": "currency currencycode pricecurrency currencyiso currencyisocode isocurrency",
    "availability": "availability availabilitystatus availabilitystate stockstatus stockstate "
    "inventorystatus available isavailable instock isinstock availableforsale purchasable ispurchasable "
    "issoldout soldout outofstock isoutofstock",
}
_FIELD = {key: field for field, keys in _KEYS.items() for key in keys.split()}
_DENIALS = frozenset({"issoldout", "soldout", "outofstock", "isoutofstock"})
_BRANDS = frozenset({"name", "title", "label", "value"})
# Objects within that speak of the same product; "value" and "amount" are prices only in the first of these.
_PRICES = re.compile(r"(?:.*prices?|pricing|priceinfo|pricerange|offers?|amount|money)", re.DOTALL)
_WITHIN = re.compile(
    r"(?:availability|stocks?|inventory|identifiers?|codes|product|item|data|attributes|details)"
)
_AMOUNTS = frozenset({"price", "current"})
_OTHER_PRICES = re.compile(
    "old|list|regular|retail|original|was|msrp|rrp|compare|unit|base|shipping|tax|min|max"
)
_VARIANTS = re.compile(r"(?:product)?(?:variants?|variations?|skus|hasvariant|offers)")
MAX_VARIANTS = 500


class Amount(NamedTuple):
    """A price as a script writes it. `whole`: without decimals, so that it may count cents."""

    amount: Decimal
    whole: bool
    currency: str | None


class Thing(NamedTuple):
    """What an object says: texts by field ("sku", "id", "gtin", ...), prices, availabilities."""

    texts: dict[str, list[str]]
    prices: list[Amount]
    availability: list[str]
    variants: list[Thing]


def plain(key: str) -> str:
    """A key without case and marks: "item_name" and "itemName" are "itemname"."""
    return "".join(filter(str.isalnum, key)).lower()


def tells(found: Mapping[str, Any]) -> bool:
    """Whether an object says more of a product than its name and a number."""
    keys = {plain(key) for key in list(found)[:MAX_VALUES]}
    return any(
        _FIELD.get(key, "id") != "id" or _PRICES.fullmatch(key) or _VARIANTS.fullmatch(key) for key in keys
    )


def thing(found: Mapping[str, Any], *, deep: bool = True) -> Thing:
    """The product that an object describes, and its variants."""
    texts: dict[str, list[str]] = {}
    currents: list[Decimal | int] = []
    prices: list[Decimal | int] = []
    availability: list[str] = []
    for field, key, value in _values(found):
        if field in _AMOUNTS:
            number = _number(value)
            if number is not None:
                (currents if field == "current" else prices).append(number)
        elif field == "availability":
            told = _told(key, value)
            availability += [told] if told else []
        elif isinstance(value, str | int) and not isinstance(value, bool):
            texts.setdefault(field, []).append(str(value))
    codes = [text.upper() for text in texts.get("currency", ()) if _CURRENCY.fullmatch(text.upper())]
    currency = codes[0] if len(set(codes)) == 1 else None
    amounts = [_amount(each, currency) for each in (currents or prices)]
    return Thing(texts, amounts, availability, list(_variants(found)) if deep else [])


def _values(found: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Fields, keys and values of an object and of those in it that speak of the same, outermost first."""
    queue: list[tuple[Mapping[str, Any], int, bool]] = [(found, 0, False)]
    left = MAX_VALUES
    seen: set[tuple[str, int]] = set()
    for inner, level, of_price in queue:
        for name, value in inner.items():
            left -= 1
            if left < 0:
                return
            key = plain(name)
            if isinstance(value, dict):
                if key in ("brand", "manufacturer", "vendor"):
                    text = next((value[each] for each in value if plain(each) in _BRANDS), None)
                    yield "brand", key, text
                elif level < MAX_LEVELS and _leads(key, of_price):
                    queue.append((value, level + 1, bool(_PRICES.fullmatch(key)) or of_price))
                continue
            field = _FIELD.get(key)
            if field is None or (
                key in ("amount", "value", "current", "final", "now", "sale") and not of_price
            ):
                continue
            if value is None or isinstance(value, list) or (level and field == "id"):
                continue
            # What is said further in is heeded only where nothing further out says it.
            if all((field, outer) not in seen for outer in range(level)):
                seen.add((field, level))
                yield field, key, value


def _leads(key: str, of_price: bool) -> bool:
    if _PRICES.fullmatch(key):
        return not _OTHER_PRICES.search(key)
    if _WITHIN.fullmatch(key):
        return True
    return of_price and _FIELD.get(key) in _AMOUNTS


def _variants(found: Mapping[str, Any]) -> Iterator[Thing]:
    for name, value in found.items():
        if isinstance(value, list) and _VARIANTS.fullmatch(plain(name)):
            yield from things(value)


def things(values: Iterable[Any]) -> Iterator[Thing]:
    """The things that a list of objects describes, such as the variants of a product."""
    for _, each in zip(range(MAX_VARIANTS), values, strict=False):
        if isinstance(each, dict):
            yield thing(each, deep=False)


def _number(value: Any) -> Decimal | int | None:
    """A positive number as JSON or a text without sign or currency writes it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 < value < 10**12 else None
    if isinstance(value, float):
        text = plain_number(value)
        value = text if text is not None else ""
        return _positive(value if "." in value else f"{value}.0")
    return _positive(value.strip()) if isinstance(value, str) else None


def _positive(text: str) -> Decimal | int | None:
    if not _POINTED.fullmatch(text):
        return None
    number = Decimal(text) if "." in text else int(text)
    return number if number > 0 else None


def _amount(number: Decimal | int, currency: str | None) -> Amount:
    return Amount(Decimal(number), isinstance(number, int), currency)


def _told(key: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return "InStock" if value != (key in _DENIALS) else "OutOfStock"
    if key in _DENIALS:
        return None
    return read_availability(value) if isinstance(value, str) and len(value) <= 64 else None
