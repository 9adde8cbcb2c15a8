"""Words by which shops tell what a text is, in English, German, French, Spanish, Italian and Polish.

Phrases are in lower case. None of them belongs to one shop.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

BUY = (
    "add to cart", "add to basket", "add to bag", "add to trolley", "buy now", "buy it now", "order now",
    "place bid", "bid now", "in den warenkorb", "in den einkaufswagen", "jetzt kaufen", "ajouter au panier",
    "acheter", "añadir al carrito", "añadir a la cesta", "agregar al carro", "comprar",
    "aggiungi al carrello", "acquista", "do koszyka", "kup teraz", "adicionar ao carrinho",
    "in winkelwagen", "in winkelmand", "in mijn winkelwagen", "varukorg", "læg i kurv", "tilføj til kurv",
    "handlekurv", "ostoskoriin", "do košíku", "do košíka", "kosárba", "adaugă în coș", "adauga in cos",
    "sepete ekle", "в корзину", "купить", "カートに入れる", "カートに追加", "加入购物车", "加入購物車",
    "장바구니", "στο καλάθι",
)  # fmt: skip
BUY_MARK = re.compile(r"\badd ?to ?(?:cart|basket|bag)|\bbuy ?now\b|\btocart\b")
NOTIFY = (
    "notify me", "email me when", "back in stock", "benachrichtigen", "prévenez-moi", "m'avertir", "avísame",
    "avvisami", "powiadom",
)  # fmt: skip

LABELS = {
    "sku": (
        "sku", "item", "item no", "item number", "item code", "product code", "product id", "product no",
        "product number", "article number", "article no", "art. no", "art.-nr", "art.nr", "art. nr",
        "artikelnummer", "artikel-nr", "artikel nr", "artikel-nummer", "bestellnummer", "bestell-nr",
        "produktnummer", "référence", "réf", "ref", "reference", "code article", "code produit", "referencia",
        "código", "código de producto", "codice", "codice articolo", "codice prodotto", "numer katalogowy",
        "kod produktu", "nr katalogowy", "style", "style no", "style number", "catalog number", "web code",
        "webcode", "lot number", "stock number", "stock code", "art.nr.", "art. nr.", "artnr", "artikelnr",
        "artikel", "varenummer", "varenr", "katalogové číslo", "kód produktu", "kód zboží", "cikkszám",
        "cod produs", "código do produto", "cód.", "artículo", "art.", "ürün kodu", "商品番号", "商品コード",
        "品番", "型番", "артикул", "код товара", "item id", "item model", "sku #", "product sku",
        "sku number", "style code", "product ref", "cod. art", "cod", "cod.art", "codice art", "rif",
        "商品編號", "商品编号", "货号", "product reference", "your reference",
    ),
    "mpn": (
        "mpn", "model", "model number", "model no", "manufacturer part number", "part number", "part no",
        "mfr part number", "mfr. part", "herstellernummer", "hersteller-nr", "hersteller-artikelnummer",
        "modell", "modellnummer", "teilenummer", "modèle", "référence fabricant", "modelo",
        "número de modelo", "modello", "codice produttore", "kod producenta",
    ),
    "gtin": (
        "gtin", "gtin-13", "ean", "ean-code", "ean code", "ean-13", "upc", "upc code", "barcode", "isbn",
        "isbn-13", "isbn13", "strichcode", "code-barres", "code barre", "código de barras", "codice a barre",
        "codice ean", "kod ean", "kod kreskowy", "gencod",
    ),
    "brand": (
        "brand", "brand name", "manufacturer", "marke", "hersteller", "marque", "fabricant", "marca",
        "fabricante", "produttore", "marka", "producent",
    ),
}  # fmt: skip
NOTHING = frozenset(
    (
        "null",
        "undefined",
        "none",
        "n/a",
        "na",
        "n.a.",
        "false",
        "true",
        "nan",
        "default",
        "unknown",
        "tbd",
        "-",
    )
)
FIELD_OF_LABEL = {label: field for field, labels in LABELS.items() for label in labels}


_MAX_KEPT = 500  # characters of what a cache keeps; a hostile page has classes of megabytes


def _kept(read: Callable[[str], T]) -> Callable[[str], T]:
    """The same function, remembering its answers for short texts: elements share most of their ancestors."""
    short = lru_cache(maxsize=8192)(read)
    return lambda text: short(text) if len(text) <= _MAX_KEPT else read(text)


def _held(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    """Whether the words of an element hold one of the pattern; the pages of a site share few classes."""
    return _kept(lambda marks: pattern.search(marks) is not None)


def _tokens(words: str, unless: str = "") -> re.Pattern[str]:
    """Any of the words as a whole; `unless`: what may not stand before it, as lookbehinds."""
    return re.compile(rf"(?<![a-zà-ž]){unless}(?:{words})(?![a-zà-ž])")


# Of classes and ids, in lower case, "priceOld" as "price old".
PRICE = re.compile(r"price|preis|prix|precio|prezzo|cena|amount|prijs|\bpris\b|preco|fiyat|hinta|cijena")
CURRENT = _tokens("current|final|sale|sales|special|now|actual|selling|our|main|big|primary|aktuell|actuel")
STRUCK = _tokens(
    "old|was|list|strike\\w*|struck|crossed|cross|rrp|srp|msrp|uvp|before|orig|original|compare\\w*|"
    "previous|retail|statt|barre|ancien|antes|tachado|barrato|stara|line through|high",
    unless="(?<!with )(?<!has )(?<!no )",
)
OTHERS = _tokens(
    "related|recommend\\w*|similar|upsell|up sell|crosssell|cross sell|xsell|also|accessor\\w*|recent\\w*|"
    "footer|navbar|(?:main|site|top|sub) nav|nav (?:bar|menu|item|link)|navigation|menu|"
    "suggest\\w*|sponsor\\w*|bestsellers?|alternativ\\w*|minicart|mini cart|"
    "bundles?|you may|ymal|compl\\w*|others"
)
PERHAPS_OTHERS = _tokens(
    "carousel|slider|swiper|teaser|tile|tiles|grid|banner|promo\\w*|header|aside|cart|basket|sellers?|merchants?"
)
FOR_READERS = _tokens("visually hidden|sr only|screen reader\\w*|a11y|assistive\\w*|offscreen")
STOCK = _tokens("stock|avail|availability|verfug\\w*|lager|dispo\\w*|inventory|delivery|lieferbar\\w*")
BRAND = _tokens("brand|brands|vendor|manufacturer|marke|hersteller|marque|marca|merk|maker|designer")
BRAND_PATH = re.compile(
    r"/(?:shop-)?(?:brands?|marken?|hersteller|marques?|marcas?|manufacturers?|vendors?|designers?|merken|b)/",
    re.IGNORECASE,
)
NO_BRAND = re.compile(
    r"(?:by|von|more|shop|all|view|see|visit|alle|mehr|voir|tous|ver|vedi|brand|marke|marque)\b"
)
SKU = _tokens("sku|artnr|mpn|item number|product code|product number|product reference|product id")
HIDDEN = _tokens("hidden|hide|d none|invisible|is hidden")

is_price, is_current, is_struck = _held(PRICE), _held(CURRENT), _held(STRUCK)
is_of_others, is_perhaps_of_others = _held(OTHERS), _held(PERHAPS_OTHERS)
is_hidden, is_for_readers, is_of_stock = _held(HIDDEN), _held(FOR_READERS), _held(STOCK)

# Of texts, just before or just after a price.
WAS = _tokens(
    r"was|rrp|msrp|list|reduced from|instead of|originally|original\w*|compare at|before|retail|"
    r"estimate[ds]?|est\.|statt|uvp|vorher|bisher|ehemals|war|ursprünglich\w*|au lieu de|avant|"
    r"prix conseillé|initial|était|antes|pvp|prima|prezzo di listino|anziché|zamiast|przed|pierwotna|de:|"
    r"previous|prev\.|former|anterior|précédent|precedente|poprzednia|voriger|原價|原价|定価|"
    r"van:|von:|oorspronkelijk\w*|adviesprijs|tidligere|ordinarie|førpris|antigo"
)
# The price before a reduction, or the only one where nothing is reduced.
EX_TAX = _tokens(
    r"ex\.? ?(?:tax|vat|gst)|exc\.? ?(?:tax|vat|gst)|excl(?:uding|\.)? ?(?:tax|vat|gst|btw|moms)|without tax|"
    r"zzgl\. ?mwst|exkl\. ?mwst|netto|hors taxes?|ht|sin iva|iva esclusa|bez vat|net price"
)
MANY = _tokens(r"or more|and up|each for|ab \d+ stück|buy \d+|per \d+|qty \d+|for \d+")
USUAL = _tokens(r"regular|reg\.?|normal\w*|usual|habituel|habitual|listino|ordinaire|catalogue")
NOW = _tokens(
    r"now|now only|current price|our price|sale price|your price|today|price|jetzt|nur|aktueller preis|preis|"
    r"sale|deal|special|angebot|oferta|offerta|prix|maintenant|precio|ahora|prezzo|ora|adesso|cena|teraz|preço|por:|nu|voor|nyní|seulement|solo"
)
TOTAL = _tokens(
    r"total|subtotal|in total|starting (?:price|bid)|start price|maximum bid|reserve|deposit|gesamt|"
    r"zwischensumme|summe|anzahlung|acompte|totale|razem|suma|caparra"
)
IN_TOTAL = _tokens("in total|insgesamt|au total|en total|in totale|łącznie|razem")
SAVE = _tokens(
    r"save|saving|savings|you save|off|discount|sparen|ersparnis|rabatt|économisez|remise|ahorra|ahorro|"
    r"descuento|risparmi|sconto|oszczędzasz|rabat|gift card|voucher|coupon|gutschein|premium"
)
OFF = _tokens("off|discount|rabatt|remise|descuento|sconto|rabat")
SHIPPING = _tokens(
    r"shipping|delivery|postage|p&p|freight|versand\w*|lieferung|livraison|frais de port|envío|"
    r"spedizione|consegna|dostaw\w*|wysyłk\w*|over|above|under|up to|"
    r"orders? of|ab einem|dès|a partir de un|minimum"
)
FROM = _tokens(r"from|starting at|as low as|ab|à partir de|dès|desde|a partire da|da|już od|od")
BY_MONTH = _tokens(
    r"month|months|monthly|mo|mtl|monat\w*|mois|mes|meses|mese|mesi|miesi\w*|mies|instal\w*|raten?|mensual\w*|"
    r"mensil\w*|payments?|klarna|afterpay|x|week|weekly"
)
PER_UNIT = re.compile(
    r"\s*\(?\s*(?:/|per\b|pro\b|je\b|par\b|por\b|al\b|za\b|le\b)\s*(?:\d+\s*)?"
    r"(?:kg|g|gr|mg|l|lt|ltr|litre|liter|litro|litr|ml|cl|dl|m|m2|m²|m³|cm|ft|sq|oz|lb|stk|stück|st|pc|pcs|piece|unit|"
    r"unité|unidad|unità|szt|each|100|wash|tab|kilo)\b"
)
PER_MONTH = re.compile(
    r"\s*\*?\s*(?:/|per\b|pro\b|im\b|a\b|par\b|al\b|por\b|na\b|x\b)?\s*(?:mo|mth|month|monat|mtl|mois|mes|mese|mies\w*|"
    r"week|year|yr|jahr|an|año|anno|rok|night|day|tag)\b"
)
LOGIN = (
    "log in", "login", "sign in", "anmelden", "einloggen", "connexion", "se connecter", "iniciar sesión",
    "accedi", "zaloguj",
)  # fmt: skip


@_kept
def camel(text: str) -> str:
    """A class or id as words: "oldPrice_3x" is "old price 3x"."""
    return _PARTS.sub(" ", _HUMP.sub(r"\1 \2", text)).lower()


_HUMP = re.compile(r"([a-z\d])([A-Z])")
_PARTS = re.compile(r"[_\-\s]+")
