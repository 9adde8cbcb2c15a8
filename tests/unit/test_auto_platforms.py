"""`auto` on pages in the styles of the platforms that shops run on, without structured data.

The pages are written for these tests: their shapes are those that the platforms' own themes make, their
shops and products are nobody's.
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
    "a theme with old and new price for screen readers": Shop(
        "https://shop.example.de/produkt/lampe",
        '<html lang="de-DE"><head><title>Messinglampe – Laden</title></head><body><header><nav>'
        '<a href=/>Start</a></nav><div class="cart-contents">'
        '<span class="woocommerce-Price-amount amount">0,00&nbsp;<span'
        ' class="woocommerce-Price-currencySymbol">€</span></span></div></header>'
        '<div id="product-77" class="product type-product post-77 status-publish instock">'
        '<div class="summary entry-summary"><h1 class="product_title entry-title">Messinglampe</h1>'
        '<p class="price"><del aria-hidden="true"><span class="woocommerce-Price-amount amount">'
        '<bdi>59,00&nbsp;<span class="woocommerce-Price-currencySymbol">€</span></bdi></span>'
        '</del> <span class="screen-reader-text">Ursprünglicher Preis war: 59,00&nbsp;€</span>'
        '<ins aria-hidden="true"><span class="woocommerce-Price-amount amount">'
        '<bdi>49,00&nbsp;<span class="woocommerce-Price-currencySymbol">€</span></bdi></span></ins>'
        '<span class="screen-reader-text">Aktueller Preis ist: 49,00&nbsp;€.</span></p>'
        '<p class="stock in-stock">12 vorrätig</p><form class="cart" method="post">'
        '<input type="number" name="quantity" value=1>'
        '<button type="submit" name="add-to-cart" value="77" class="single_add_to_cart_button button'
        ' alt">In den Warenkorb</button></form><div class="product_meta">'
        '<span class="sku_wrapper">Artikelnummer: <span class="sku">ML-77</span></span>'
        '<span class="posted_in">Kategorie: <a href=/k>Lampen</a></span></div></div>'
        '<section class="related products"><h2>Ähnliche Produkte</h2><ul class="products">'
        '<li class="product"><a href=/b><h2>Stehlampe</h2><span class="price"><span class="amount">'
        '<bdi>89,00&nbsp;€</bdi></span></span></a></li><li class="product"><a href=/c><h2>Tisch</h2>'
        '<span class="price"><span class="amount"><bdi>19,00&nbsp;€</bdi></span></span></a></li></ul>'
        "</section></div></body></html>",
        {"price": ("49.00", "EUR"), "sku": "ML-77", "availability": "InStock"},
    ),
    "variants in a form's data": Shop(
        "https://shop.example.co.uk/product/shirt",
        '<html lang="en-GB"><body><h1 class="product_title">Oxford shirt</h1><p class="price">'
        '<span class="woocommerce-Price-amount amount"><bdi>'
        '<span class="woocommerce-Price-currencySymbol">&pound;</span>35.00</bdi></span></p>'
        '<form class="variations_form cart" action="/product/shirt" method="post" data-product_id="901"'
        ' data-product_variations="[{&quot;attributes&quot;:{&quot;size&quot;:&quot;S&quot;},'
        "&quot;display_price&quot;:35,&quot;display_regular_price&quot;:35,&quot;is_in_stock&quot;:true,"
        "&quot;sku&quot;:&quot;OX-S&quot;,&quot;variation_id&quot;:902},"
        "{&quot;attributes&quot;:{&quot;size&quot;:&quot;M&quot;},&quot;display_price&quot;:35,"
        "&quot;display_regular_price&quot;:35,&quot;is_in_stock&quot;:false,"
        '&quot;sku&quot;:&quot;OX-M&quot;,&quot;variation_id&quot;:903}]"><select name=size>'
        "<option>S<option>M</select>"
        '<button type="submit" class="single_add_to_cart_button button alt disabled">Add to'
        ' basket</button><input type="hidden" name="add-to-cart" value="901">'
        '<input type="hidden" name="product_id" value="901"></form>'
        '<span class="sku_wrapper">SKU: <span class="sku">OX</span></span></body></html>',
        {"price": ("35.00", "GBP"), "sku": "OX", "availability": "InStock"},
    ),
    "variants in cents, one of them in the address": Shop(
        "https://brand.example.com/products/wool-runner?variant=4001",
        '<html lang="en"><head><title>Wool Runner – Brand</title></head><body><div class="product__info">'
        '<div class="product__vendor">Brandy</div><h1 class="product__title">Wool Runner</h1>'
        '<div class="price price--on-sale"><div class="price__regular">'
        '<span class="visually-hidden">Regular price</span>'
        '<span class="price-item price-item--regular">$120.00 USD</span></div><div class="price__sale">'
        '<span class="visually-hidden">Regular price</span><span>'
        '<s class="price-item price-item--regular">$120.00 USD</s></span>'
        '<span class="visually-hidden">Sale price</span>'
        '<span class="price-item price-item--sale price-item--last">$95.00 USD</span></div></div>'
        '<form action="/cart/add"><input type=hidden name=id value=4001>'
        '<button name="add" type="submit">Add to cart</button></form></div>'
        '<script>var meta = {"product":{"id":7,"gid":"gid:\\/\\/shopify\\/Product\\/7","vendor":"Brandy",'
        '"type":"Shoes","variants":[{"id":4001,"price":9500,"name":"Wool Runner - 9","public_title":"9",'
        '"sku":"WR-9"},{"id":4002,"price":9500,"name":"Wool Runner - 10","public_title":"10",'
        '"sku":"WR-10"}]},"page":{"pageType":"product","resourceType":"product",'
        '"resourceId":7}};</script><script type="application/json" data-product-json>{"id":7,'
        '"title":"Wool Runner","handle":"wool-runner","vendor":"Brandy","price":9500,"available":true,'
        '"compare_at_price":12000,"variants":[{"id":4001,"title":"9","sku":"WR-9","available":true,'
        '"price":9500,"barcode":"4006381333931"},{"id":4002,"title":"10","sku":"WR-10","available":false,'
        '"price":9500,"barcode":"0000"}]}</script></body></html>',
        {
            "price": ("95.00", "USD"),
            "sku": "WR-9",
            "availability": "InStock",
            "brand": "Brandy",
            "gtin": "4006381333931",
        },
    ),
    "amounts in data, a button that waits for scripts": Shop(
        "https://www.example.fr/lampe.html",
        '<html lang="fr"><body><h1 class="page-title">'
        '<span class="base" data-ui-id="page-title-wrapper">Lampe en laiton</span></h1>'
        '<div class="product-info-price">'
        '<div class="price-box price-final_price" data-role="priceBox" data-product-id="55"'
        ' data-price-box="product-id-55"><span class="special-price">'
        '<span class="price-container price-final_price tax weee">'
        '<span class="price-label">Prix Spécial</span>'
        '<span id="product-price-55" data-price-amount="39.9" data-price-type="finalPrice"'
        ' class="price-wrapper"><span class="price">39,90&nbsp;€</span></span></span></span>'
        '<span class="old-price"><span class="price-container">'
        '<span class="price-label">Prix normal</span>'
        '<span id="old-price-55" data-price-amount="49.9" data-price-type="oldPrice"'
        ' class="price-wrapper"><span class="price">49,90&nbsp;€</span></span></span></span></div></div>'
        '<div class="product-info-stock-sku"><div class="stock available" title="Disponibilité">'
        '<span>En stock</span></div><div class="product attribute sku"><strong class="type">SKU</strong>'
        '<div class="value">24-MB01</div></div></div>'
        '<form data-product-sku="24-MB01" action="/checkout/cart/add/product/55/" method="post"'
        ' id="product_addtocart_form"><input type="hidden" name="product" value="55">'
        "<input type=hidden name=item value=55>"
        '<button type="submit" title="Ajouter au panier" class="action primary tocart"'
        ' id="product-addtocart-button" disabled><span>Ajouter au panier</span></button></form></body>'
        "</html>",
        {"price": ("39.90", "EUR"), "sku": "24-MB01", "availability": "InStock"},
    ),
    "a product in an attribute, in Spanish": Shop(
        "https://www.ejemplo.es/lamparas/12-lampara.html",
        '<html lang="es"><body><h1 class="h1">Lámpara de latón</h1><div class="product-prices">'
        '<div class="product-discount"><span class="regular-price">59,90&nbsp;€</span></div>'
        '<div class="product-price h5 has-discount"><div class="current-price">'
        '<span class="current-price-value" content="49.9">49,90&nbsp;€</span>'
        '<span class="discount discount-amount">Ahorre 10,00&nbsp;€</span></div></div>'
        '<div class="tax-shipping-delivery-label">Impuestos incluidos</div></div>'
        '<div class="product-actions"><form action="/carrito" method="post" id="add-to-cart-or-refresh">'
        '<input type="hidden" name="token" value="abc">'
        '<input type="hidden" name="id_product" value="12" id="product_page_product_id">'
        '<button class="btn btn-primary add-to-cart" type="submit">Añadir al carrito</button>'
        '<span id="product-availability"> Últimas unidades en stock</span></form></div>'
        '<div class="product-reference"><label class="label">Referencia </label><span>LAMP_12</span>'
        '</div><div class="product-manufacturer"><label class="label">Marca</label><span>'
        "<a href=/m>Lumina</a></span></div>"
        '<div id="product-details" data-product="{&quot;id_product&quot;:12,'
        "&quot;name&quot;:&quot;L\\u00e1mpara de lat\\u00f3n&quot;,"
        "&quot;reference&quot;:&quot;LAMP_12&quot;,&quot;price_amount&quot;:49.9,"
        '&quot;ean13&quot;:&quot;4006381333931&quot;}"></div></body></html>',
        {"price": ("49.90", "EUR"), "sku": "LAMP_12", "brand": "Lumina"},
    ),
    "price reduced from and to, in Italian": Shop(
        "https://www.example.it/borsa/BG100.html",
        '<html lang="it"><body><div class="product-detail product-wrapper" data-pid="BG100">'
        '<h1 class="product-name">Borsa in pelle</h1><div class="prices"><div class="price"><span><del>'
        '<span class="strike-through list"><span class="value" content="250.00">'
        '<span class="sr-only">Price reduced from</span>250,00 €<span class="sr-only">to</span></span>'
        '</span></del><span class="sales"><span class="value" content="199.00">199,00 €</span></span>'
        "</span></div></div>"
        '<div class="product-number">Codice articolo: <span class="product-id">BG100</span></div>'
        '<div class="attribute availability"><ul class="availability-msg"><li>Disponibile</li></ul></div>'
        '<button class="add-to-cart btn btn-primary" data-pid="BG100">Aggiungi al carrello</button></div>'
        "</body></html>",
        {"price": ("199.00", "EUR"), "sku": "BG100", "availability": "InStock"},
    ),
    "a list price, a button without text": Shop(
        "https://store.example.com/widget/",
        '<html lang="en-US"><body><div class="productView">'
        '<h1 class="productView-title">Deluxe Widget</h1><div class="productView-price">'
        '<div class="price-section price-section--withoutTax rrp-price--withoutTax">MSRP: <span'
        ' data-product-rrp-price-without-tax class="price price--rrp">$30.00</span></div>'
        '<div class="price-section price-section--withoutTax"><span class="price-label">Now:</span>'
        '<span data-product-price-without-tax class="price price--withoutTax">$24.50</span></div></div>'
        '<dl class="productView-info"><dt class="productView-info-name sku-label">SKU:</dt>'
        '<dd class="productView-info-value" data-product-sku>DW-1</dd>'
        '<dt class="productView-info-name upc-label">UPC:</dt><dd data-product-upc>036000291452</dd></dl>'
        '<form class="form" action="/cart.php" data-cart-item-add>'
        '<input type=hidden name=action value=add><input type="hidden" name="product_id" value="111"/>'
        '<input id="form-action-addToCart" class="button button--primary" type="submit" value="Add to'
        ' Cart"></form></div></body></html>',
        {"price": ("24.50", "USD"), "sku": "DW-1", "gtin": "036000291452", "availability": "InStock"},
    ),
    "state of a framework": Shop(
        "https://www.example.com/p/coffee-mill-8812",
        '<html lang="en-US"><body><div id="__next"><main><h1 class="css-1x">Coffee Mill</h1>'
        '<div class="css-9"><span class="css-3">$</span><span class="css-4">79</span>'
        '<span class="css-5">.</span><span class="css-6">95</span></div>'
        '<button class="css-b">Add to Cart</button></main></div>'
        '<script id="__NEXT_DATA__"'
        ' type="application/json">{"props":{"pageProps":{"product":{"id":"8812","sku":"CM-8812",'
        '"name":"Coffee Mill","brand":{"name":"Grindy"},"price":{"value":79.95,"currency":"USD"},'
        '"stock":{"availability":"IN_STOCK"},"gtin13":"4006381333931"},"related":[{"name":"Cup",'
        '"sku":"C1","price":{"value":5}}]}}}</script></body></html>',
        {
            "price": ("79.95", "USD"),
            "sku": "CM-8812",
            "brand": "Grindy",
            "gtin": "4006381333931",
            "availability": "InStock",
        },
    ),
    "state within a string of JavaScript": Shop(
        "https://www.example.com/p/coffee-mill",
        '<html lang="en-US"><body><main><h1>Coffee Mill</h1><p>$79.95</p><button>Add to Cart</button>'
        '</main><script>self.__next_f.push([1,"a:[\\"$\\",\\"div\\",null,{\\"product\\":'
        '{\\"sku\\":\\"CM-8812\\",'
        '\\"name\\":\\"Coffee Mill\\",\\"price\\":79.95,\\"brand\\":\\"Grindy\\"}}]"])'
        "</script></body></html>",
        {"price": ("79.95", "USD"), "sku": "CM-8812", "brand": "Grindy"},
    ),
    "a data layer in single quotes": Shop(
        "https://www.example.pl/mlynek-123",
        '<html lang="pl"><body><h1>Młynek do kawy</h1><div class="cena">199,00 zł</div>'
        "<button>Do koszyka</button>"
        "<script>dataLayer.push({'ecommerce':{'currencyCode':'PLN','detail':{'products':[{'name':'Młynek"
        " do kawy','id':'MK-123','price':'199.00','brand':'Młynex','category':'Kuchnia'}]}}});</script>"
        "</body></html>",
        {"price": ("199.00", "PLN"), "brand": "Młynex"},
    ),
    "a data layer in JavaScript's own notation": Shop(
        "https://www.example.nl/koffiemolen",
        '<html lang="nl"><body><h1>Koffiemolen</h1><div class="prijs">€ 59,-</div>'
        '<button>In winkelwagen</button><script>gtag("event","view_item",'
        '{currency:"EUR",value:59.00,items:[{item_id:"KM-1",item_name:"Koffiemolen",item_brand:"Molen &'
        ' Zn",price:59.00,quantity:1}]});</script></body></html>',
        {"price": ("59", "EUR"), "brand": "Molen & Zn"},
    ),
    "itemprop outside of any item": Shop(
        "https://www.example.cz/mlynek",
        '<html lang="cs"><body><h1 itemprop="name">Mlýnek</h1>'
        '<span itemprop="price" content="499">499</span> <span itemprop="priceCurrency"'
        ' content="CZK">Kč</span><link itemprop="availability" href="https://schema.org/InStock">'
        "<span itemprop=sku>ML-4</span></body></html>",
        {"price": ("499", "CZK"), "sku": "ML-4", "availability": "InStock"},
    ),
    "cents raised, and in full for screen readers": Shop(
        "https://www.example.com/x",
        '<html lang="en-US"><body><h1>Brass lamp</h1><div class="price-box">'
        '<span class="price-characteristic">19</span><sup>99</sup></div>'
        '<div aria-label="Current price $19.99" class="p">'
        '<span class="sr-only">Current price $19.99</span><span aria-hidden=true>$19<sup>99</sup></span>'
        "</div><button>Add to cart</button></body></html>",
        {"price": ("19.99", "USD")},
    ),
    "the sign between units and cents": Shop(
        "https://www.example.fr/x",
        '<html lang="fr"><body><h1>Lampe</h1><div class="prix"><span>19</span><sup>€99</sup></div>'
        "<button>Ajouter au panier</button></body></html>",
        {"price": ("19.99", "EUR")},
    ),
    "units, cents and sign apart": Shop(
        "https://www.example.fr/x",
        '<html lang="fr"><body><h1>Lampe</h1><div class="price"><span class=int>19</span>'
        "<span class=dec>,99</span><span class=cur>€</span></div><button>Ajouter au panier</button>"
        "</body></html>",
        {"price": ("19.99", "EUR")},
    ),
    "an amount twice, once hidden": Shop(
        "https://www.example.com/x",
        '<html lang="en-us"><body><span id="productTitle"><h1>Brass lamp</h1></span>'
        '<div class="a-section"><span class="a-price aok-align-center">'
        '<span class="a-offscreen">$1,299.00</span><span aria-hidden="true">'
        '<span class="a-price-symbol">$</span>'
        '<span class="a-price-whole">1,299<span class="a-price-decimal">.</span></span>'
        '<span class="a-price-fraction">00</span></span></span>'
        '<span>List Price: <span class="a-price a-text-price"><span class="a-offscreen">$1,499.00</span>'
        '<span aria-hidden=true>$1,499.00</span></span></span></div><div id="availability">'
        '<span>In Stock.</span></div><input type=submit value="Add to Cart">'
        '<a id="bylineInfo" href="/stores/x">Brand: Luxor</a></body></html>',
        {"price": ("1299.00", "USD"), "availability": "InStock", "brand": "Luxor"},
    ),
    "unit price, threshold and labels in one line, in German": Shop(
        "https://www.example.de/x",
        '<html lang="de"><body><h1>Lampe</h1><p>ab 39 € Warenwert versandkostenfrei</p>'
        "<div class=preis>Unser Preis: <b>24,99 €*</b></div>"
        "<div>inkl. MwSt. zzgl. <a href=/v>Versandkosten</a></div><div>Grundpreis: 4,99 €/100 g</div>"
        "<button>In den Warenkorb</button>"
        "<div>Art.-Nr.: 100-22 | EAN: 4006381333931 | Hersteller: Leuchtwerk</div></body></html>",
        {"price": ("24.99", "EUR"), "sku": "100-22", "gtin": "4006381333931", "brand": "Leuchtwerk"},
    ),
    "codes without a colon, a brand by its link": Shop(
        "https://www.example.co.uk/x",
        '<html lang="en-GB"><body><h1>Brass lamp by Luxor</h1><p>By <a href="/brands/luxor">Luxor</a></p>'
        "<p>Now £20, was £30</p><p>Product code 118822</p><p>Only 3 left in stock</p>"
        "<button>Add to trolley</button></body></html>",
        {"price": ("20", "GBP"), "sku": "118822", "availability": "InStock", "brand": "Luxor"},
    ),
    "a button that says sold out": Shop(
        "https://www.example.com/x",
        '<html lang="en-US"><body><h1>Brass lamp</h1><p class=price>$20.00</p>'
        "<button disabled>Sold out</button></body></html>",
        {"price": ("20.00", "USD"), "availability": "SoldOut"},
    ),
    "the code that the address holds": Shop(
        "https://www.example.com/item/AB-99812",
        '<html lang="en-US"><body><h1>Brass lamp</h1><p class=price>$20.00</p><p>Item # AB-99812</p>'
        "<p>Model # BL-7</p><p>Store SKU # 1001</p><button>Add to cart</button></body></html>",
        {"price": ("20.00", "USD"), "sku": "AB-99812", "mpn": "BL-7"},
    ),
    "Japanese": Shop(
        "https://www.example.co.jp/x",
        '<html lang="ja"><body><h1>ランプ</h1><p class=price>2,980円（税込）</p><p>商品番号 L-100</p>'
        "<button>カートに入れる</button></body></html>",
        {"price": ("2980", "JPY"), "sku": "L-100"},
    ),
    "instalments, in Portuguese": Shop(
        "https://www.exemplo.com.br/x",
        '<html lang="pt-BR"><body><h1>Luminária</h1>'
        "<p class=preco>De: <s>R$ 199,90</s> Por: R$ 149,90</p><p>ou 3x de R$ 49,97 sem juros</p>"
        "<button>Comprar</button><p>Código: 8877</p></body></html>",
        {"price": ("149.90", "BRL"), "sku": "8877"},
    ),
    "Dutch": Shop(
        "https://www.voorbeeld.nl/x",
        '<html lang="nl"><body><h1>Lamp</h1><div class=price>€ 1.299,-</div><p>Artikelnummer 77-1</p>'
        "<p>Op voorraad</p><button>In winkelwagen</button></body></html>",
        {"price": ("1299", "EUR"), "sku": "77-1", "availability": "InStock"},
    ),
    "Swedish": Shop(
        "https://www.exempel.se/x",
        '<html lang="sv"><body><h1>Lampa</h1><div class=pris>1 299 kr</div><p>Art.nr: 77-1</p>'
        "<p>I lager</p><button>Lägg i varukorgen</button></body></html>",
        {"price": ("1299", "SEK"), "sku": "77-1", "availability": "InStock"},
    ),
}


@pytest.mark.parametrize("shop", PAGES.values(), ids=list(PAGES))
def test_what_a_reader_sees_and_scripts_know(shop: Shop) -> None:
    """Price, availability, codes and brand, whatever stands around them."""
    found = canter.extract(shop.html, url=shop.url)
    for name, value in shop.expected.items():
        if name == "price":
            assert found["price"] is not None
            assert (Decimal(found["price"]["amount"]), found["price"]["currency"]) == (
                Decimal(value[0]),
                value[1],
            )
        else:
            assert found[name] == value, name
