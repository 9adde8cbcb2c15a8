"""`auto` on pages as shops of many countries write them: other prices around the one that is meant.

Written for these tests, as those of test_auto_platforms.py; no structured data in them either.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pytest

import canter


class Shop(NamedTuple):
    """A page and what is to be read on it; `price` is amount and currency."""

    url: str
    html: str
    expected: dict[str, Any]


PAGES = {
    "crossed out by style, prices of quantities": Shop(
        "https://www.example.com/index.php?route=product/product&product_id=42",
        '<html lang="en"><title>Cinema Display</title><body><ul class="breadcrumb"><li>'
        '<a href=/>Home</a></li></ul><div id="content"><h1>Cinema Display 30"</h1>'
        '<ul class="list-unstyled"><li>Brand: <a href="/apple">Apple</a></li>'
        "<li>Product Code: Product 15</li><li>Reward Points: 100</li><li>Availability: In Stock</li>"
        '</ul><ul class="list-unstyled"><li>'
        '<span style="text-decoration: line-through;">$122.00</span></li><li><h2>$110.00</h2></li>'
        "<li>Ex Tax: $90.00</li><li>Price in reward points: 400</li><li><hr></li>"
        "<li>10 or more $88.00</li><li>20 or more $77.00</li></ul>"
        '<button type="button" id="button-cart" class="btn btn-primary btn-lg btn-block">Add to'
        " Cart</button></div></body></html>",
        {"price": ("110.00", "USD"), "brand": "Apple", "availability": "InStock"},
    ),
    "a class that names the other price, in German": Shop(
        "https://www.example.de/lampe/SW-100",
        '<html lang="de-DE"><body><h1 class="product-detail-name">Lampe</h1>'
        '<div class="product-detail-buy"><div class="product-detail-price-container">'
        '<p class="product-detail-price with-list-price">79,95 €*</p>'
        '<span class="list-price-badge">%</span><span class="product-detail-list-price-wrapper">'
        '<span class="list-price-price">99,95 €*</span>'
        '<span class="list-price-percentage">(20.01% gespart)</span></span></div>'
        '<p class="product-detail-tax">Preise inkl. MwSt. zzgl. Versandkosten</p>'
        '<p class="delivery-information">Sofort verfügbar, Lieferzeit: 1-3 Tage</p>'
        '<button class="btn btn-primary btn-buy">In den Warenkorb</button></div>'
        '<div class="product-detail-ordernumber-container">'
        '<span class="product-detail-ordernumber-label">Produktnummer:</span>'
        '<span class="product-detail-ordernumber">SW-100</span></div></body></html>',
        {"price": ("79.95", "EUR"), "sku": "SW-100", "availability": "InStock"},
    ),
    "a button that is none, variants in data": Shop(
        "https://www.example.com/shop/p/mug",
        '<html lang="en-US"><body><h1 class="ProductItem-details-title">Mug</h1>'
        '<div class="ProductItem-product-price"><div class="product-price">$28.00</div></div>'
        '<div class="sqs-add-to-cart-button" role="button">Add To Cart</div>'
        '<div class="product-block"'
        ' data-product="{&quot;variants&quot;:[{&quot;sku&quot;:&quot;SQ123&quot;,'
        '&quot;price&quot;:2800,&quot;qtyInStock&quot;:3}]}"></div></body></html>',
        {"price": ("28.00", "USD"), "availability": "InStock"},
    ),
    "an amount in five parts, instalments, in Portuguese": Shop(
        "https://www.exemplo.com.br/luminaria/p",
        '<html lang="pt-BR"><body><h1>'
        '<span class="vtex-store-components-3-x-productBrand">Luminária Solar</span></h1><div>'
        '<span class="vtex-product-price-1-x-listPrice">R$<span'
        ' class="vtex-product-price-1-x-currencyInteger">1</span>.<span'
        ' class="currencyInteger">299</span>,<span class="currencyFraction">90</span></span>'
        '<span class="vtex-product-price-1-x-sellingPrice">'
        '<span class="vtex-product-price-1-x-currencyContainer">'
        '<span class="vtex-product-price-1-x-currencyCode">R$</span>'
        '<span class="vtex-product-price-1-x-currencyLiteral">&nbsp;</span>'
        '<span class="vtex-product-price-1-x-currencyInteger">999</span>'
        '<span class="vtex-product-price-1-x-currencyDecimal">,</span>'
        '<span class="vtex-product-price-1-x-currencyFraction">90</span></span></span>'
        "<span>em até <span>10</span>x de <span>R$ 99,99</span> sem juros</span></div>"
        "<button>Comprar agora</button></body></html>",
        {"price": ("999.90", "BRL"), "availability": "InStock"},
    ),
    "classes that say nothing, state in cents": Shop(
        "https://www.example.ch/de/p/turnschuh-ab12345.html",
        '<html lang="de-CH"><body><h1 class="x1y"><span>Nova</span><span>AIR RUN - Sneaker low</span>'
        '</h1><div class="a9"><span class="q">CHF 89.95</span><span class="z">inkl. MwSt.</span>'
        "</div><div><p>Ursprünglich: <s>CHF 129.95</s></p></div>"
        '<button class="kk">In den Warenkorb</button><div class="dd">'
        "<span>Artikelnummer</span>: <span>AB12345-Q11</span></div>"
        '<script type="application/json">{"cache":{"ern:product::1":{"data":{"product":{"id":"1",'
        '"name":"AIR RUN - Sneaker low","sku":"AB12345-Q11","brand":{"name":"Nova"},'
        '"displayPrice":{"original":{"amount":12995,"currency":"CHF"},"promotional":{"amount":8995,'
        '"currency":"CHF"}}}}}}}</script></body></html>',
        {"price": ("89.95", "CHF"), "sku": "AB12345-Q11", "brand": "Nova", "availability": "InStock"},
    ),
    "a previous price that nothing crosses out": Shop(
        "https://www.example.com/gb/en/p/table-oak-00293772/",
        '<html lang="en-GB"><body><div class="range-revamp-product"><h1><div>'
        '<span class="header-section__title">MOCKA</span><span>Table, oak, 235x100 cm</span></div>'
        '</h1><span class="price"><span class="price__currency">£</span>'
        '<span class="price__integer">450</span></span>'
        '<span class="price-package">Previous price: <span>£500</span></span>'
        '<button>Add to bag</button><span class="identifier__label">Article Number</span>'
        '<span class="identifier__value">002.937.72</span></div></body></html>',
        {"price": ("450", "GBP"), "sku": "002.937.72"},
    ),
    "a dollar by language, wide colons": Shop(
        "https://www.example.com/product/123",
        '<html lang="zh-TW"><body><h1>黃銅燈</h1><div class="price">'
        '<span class="original">原價 $1,200</span><b class="sale">優惠價 $<em>890</em></b></div>'
        "<button>立即購買</button><p>商品編號：P123456</p></body></html>",
        {"price": ("890", "TWD"), "sku": "P123456"},
    ),
    "points that group thousands, prices of cards": Shop(
        "https://www.example.cl/producto/123456",
        '<html lang="es-CL"><body><h1>Lámpara</h1><div class="prices">'
        '<div class="price-internet">$ 19.990 <span>Internet</span></div>'
        '<div class="price-normal">Normal $ 29.990</div><div>Tarjeta X $ 17.990</div></div>'
        "<button>Agregar a la bolsa</button><span>Código: 123456</span></body></html>",
        {"price": ("19990", "CLP"), "sku": "123456"},
    ),
    "delivery thresholds, in French": Shop(
        "https://www.example.fr/robe-bleu_P123456C234567",
        '<html lang="fr-FR"><body><h1>Robe longue</h1><p class="productRef">Réf : AB123</p>'
        '<div class="pdp-price"><span class="pr">15,00 €</span><span class="old">25,00 €</span>'
        "<span>-40%</span></div><button>Ajouter au panier</button><p>Livraison offerte dès 39€</p>"
        "<p>Disponible en magasin</p></body></html>",
        {"price": ("15.00", "EUR"), "sku": "AB123", "availability": "InStock"},
    ),
    "sale and regular price in phrases": Shop(
        "https://www.example.com/p/brass-lamp/_/A-12345",
        '<html lang="en-US"><body><nav>Free shipping over $35</nav><h1>Brass Lamp</h1>'
        '<div>4.5 (120 reviews)</div><div class="pricing"><span>Sale $19.99</span>'
        "<span>Reg. $29.99</span><span>Save 33%</span></div>"
        "<div>Pay in 4 interest-free payments of $5.00</div>"
        "<div>Get it by Fri. Ships free with $35 orders</div><button>Add to cart</button>"
        "<h2>Details</h2><ul><li>Item Number (DPCI): 249-12-3456</li><li>UPC: 036000291452</li></ul>"
        "<h2>Similar items</h2><div><a href=/x>Oak $15.00</a><a href=/y>Elm $25.00</a></div></body>"
        "</html>",
        {"price": ("19.99", "USD"), "gtin": "036000291452", "availability": "InStock"},
    ),
    "other products' buttons": Shop(
        "https://www.example.com/p/brass-lamp",
        '<html lang="en-US"><body><h1>Brass Lamp</h1><p class="price">$19.99</p>'
        '<p class="stock out-of-stock">Out of stock</p>'
        "<form>Email me when available <input type=email><button>Notify me</button></form>"
        '<h2>Related products</h2><ul class="products related"><li>'
        "<a href=/b>Oak</a> <span class=price>$9.00</span><button>Add to cart</button></li></ul>"
        "</body></html>",
        {"price": ("19.99", "USD"), "availability": "OutOfStock"},
    ),
    "two codes in a line": Shop(
        "https://www.example.com/p/brass-lamp",
        '<html lang="en-US"><body><h1>Brass Lamp</h1><p class="our-price">Our price: $19.99</p>'
        "<p>Qty available: 12</p><p>MPN: BL-1 SKU: 998-A</p><button>Add to Basket</button></body>"
        "</html>",
        {"price": ("19.99", "USD"), "availability": "InStock"},
    ),
    "thousands and cents, in Italian": Shop(
        "https://www.example.it/p/divano",
        '<html lang="it"><body><h1>Divano</h1><div class="prezzo">€ 1.249,00</div>'
        '<div class="prezzo-barrato">€ 1.499,00</div><div>Cod. art. DV-55</div>'
        "<div>Disponibilità immediata</div><button>Acquista ora</button></body></html>",
        {"price": ("1249.00", "EUR"), "sku": "DV-55"},
    ),
    "with and without tax": Shop(
        "https://www.example.co.uk/p/drill",
        '<html lang="en-GB"><body><h1>Drill</h1><div class="price-box">'
        '<span class="price-including-tax"><span class="price">£59.99</span> inc. VAT</span>'
        '<span class="price-excluding-tax"><span class="price">£49.99</span> ex. VAT</span></div>'
        "<button>Add to basket</button><p>Product code: 8822X</p></body></html>",
        {"price": ("59.99", "GBP"), "sku": "8822X"},
    ),
    "a book": Shop(
        "https://www.example.com/book/9780306406157",
        '<html lang="en-US"><body><h1>Some Book</h1><p>by <a href="/author/jane">Jane Doe</a></p>'
        '<p class="price">$12.50</p><table><tr><th>ISBN-13</th><td>978-0-306-40615-7</td></tr><tr>'
        "<th>Publisher</th><td>Press</td></tr></table><button>Add to cart</button></body></html>",
        {"price": ("12.50", "USD"), "gtin": "978-0-306-40615-7"},
    ),
}


@pytest.mark.parametrize("shop", PAGES.values(), ids=list(PAGES))
def test_the_price_that_is_meant(shop: Shop) -> None:
    """And availability, codes and brand, whatever stands around them."""
    found = canter.extract(shop.html, url=shop.url)
    for name, value in shop.expected.items():
        if name == "price":
            assert found["price"] is not None
            assert Decimal(found["price"]["amount"]) == Decimal(value[0])
            assert found["price"]["currency"] == value[1]
        else:
            assert found[name] == value, name
