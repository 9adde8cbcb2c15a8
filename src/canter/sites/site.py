"""What a site and a field are: settings checked once, frozen, and fit to be sent to another process."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, Literal, Self

import jmespath
import pydantic
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationError, model_validator

from canter.errors import ConfigError
from canter.model import RECORD_KEYS, Tls
from canter.quantities import Bytes, Seconds
from canter.urls import PageUrl, parse_url

Kind = Literal[
    "text", "money", "percent", "percent_range", "number", "integer", "date", "availability", "url"
]
Pace = Literal["adaptive", "off"]

_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-modified-since",
        "if-none-match",
        "range",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


class Mistake(ConfigError, ValueError):
    """What is wrong with one key; pydantic collects it, and its outer models prefix their own keys."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(f"{key}: {text}" if key else text)
        self.key, self.text = key, text


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _explain(error: ValidationError, keys: list[str]) -> Mistake:
    """The first mistake of a validation as one line. `keys` are those the model knows."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Mistake):
        return Mistake(".".join(part for part in (path, cause.key) if part), cause.text)
    if first["type"] == "extra_forbidden":
        return Mistake(path, f"unknown key; expected one of {', '.join(keys)}")
    expected = first["msg"].replace("Input should be", "expected").removeprefix("Value error, ")
    return Mistake(path, f"{expected}, not {shown(first['input'])}")


class _Model(pydantic.BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            known = [info.alias or name for name, info in type(self).model_fields.items()]
            raise _explain(error, [key for key in known if key != "name"]) from None


def _texts(value: object) -> object:
    """A single text or any sequence of them as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]

_EXPECTED = {
    "css": "a CSS selector",
    "xpath": "an XPath expression",
    "structured": "a path such as sku or offers.price",
    "label": "the words of a label",
}
_SOURCES = "css, xpath, structured, label or json"
_MAX_LABEL = 120


class Field(_Model):
    """How one field is found and what it is.

    css, xpath, structured, label: a rule, or several of which the first that finds a value counts; of several
    sources css comes first, then xpath, structured, label. structured: a path into the page's product as
    JSON-LD, microdata, RDFa or OpenGraph tell it, such as "offers.price". label: the words beside which the
    value stands. json: JMESPath into a JSON answer, or with css into the JSON of a script. attr: an attribute
    in place of the element's text. index: which match, from 0, negative from the end. many: all matches, as a
    list. pattern: narrows the text to a regular expression's first group (searched in its first 10,000
    characters). currency: ISO 4217 code for money whose text names none. A field without any source is one
    that the site's `parse` function gives.

    Raises ConfigError for what cannot be used.
    """

    css: Texts = ()
    xpath: Texts = ()
    structured: Texts = ()
    label: Texts = ()
    jmespath: str | None = pydantic.Field(default=None, alias="json")
    attr: str | None = None
    index: int | None = None
    many: bool = False
    pattern: str | None = None
    type: Kind = "text"
    currency: str | None = None
    required: bool = True

    def __init__(self, **rules: Any) -> None:
        super().__init__(**rules)

    @property
    def from_parse(self) -> bool:
        """Whether only the site's `parse` function can give this field."""
        return self.jmespath is None and not any(self._rules.values())

    @property
    def _rules(self) -> dict[str, tuple[str, ...]]:
        return {"css": self.css, "xpath": self.xpath, "structured": self.structured, "label": self.label}

    @property
    def declared(self) -> str:
        """The type, `TYPE[]` where `many` makes it a list; "" where only `parse` can give the value."""
        return "" if self.from_parse else self.type + "[]" * self.many

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _check_pattern(self.pattern)
        _check_jmespath(self.jmespath)
        for key, rules in self._rules.items():
            if any(not rule.strip() for rule in rules) or (key in self.model_fields_set and not rules):
                raise Mistake(key, f"expected {_EXPECTED[key]}, not an empty text")
            if key != "css" and rules and self.jmespath is not None:
                raise Mistake(key, "expected without json")
        _check_labels(self.label)
        if self.attr is not None and (self.jmespath is not None or not (self.css or self.xpath)):
            raise Mistake("attr", "expected beside css or xpath and without json")
        if self.many and self.index is not None:
            raise Mistake("index", "expected without many")
        if self.currency is not None and self.type != "money":
            raise Mistake("currency", 'expected only with type = "money"')
        if self.currency is not None and not re.fullmatch("[A-Z]{3}", self.currency):
            raise Mistake("currency", f"expected a code such as USD, not {shown(self.currency)}")
        if self.from_parse and self.model_fields_set - {"required"}:
            raise Mistake("css", f"expected {_SOURCES} beside the field's other keys")
        return self


def _check_labels(labels: tuple[str, ...]) -> None:
    for label in labels:
        if not re.search(r"[^\W_]", label) or len(label) > _MAX_LABEL:
            raise Mistake("label", f"expected words, {_MAX_LABEL} characters at most, not {shown(label)}")


def _check_pattern(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise Mistake("pattern", f"expected a regular expression: {error}") from None


def _check_jmespath(expression: str | None) -> None:
    if expression is None:
        return
    try:
        jmespath.compile(expression)
    except (JMESPathError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Mistake("json", f"expected a JMESPath expression: {reason}") from None


def _host_pattern(text: str) -> str:
    """A host, `*.` and a host, or `*`; each but the last may carry a port. Normalised as host keys are."""
    star, host = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if text == "*":
        return text
    url = parse_url(f"http://{host}/")
    if "*" in host or not isinstance(url, PageUrl) or url.href != f"http://{url.host}/":
        raise Mistake("", f"expected a host such as shop.example or *.shop.example, not {shown(text)}")
    if re.search(r":(80|443)$", host):
        raise Mistake("", f"expected no port where it is the default one, not {shown(text)}")
    return star + url.host


def _path_pattern(text: str) -> str:
    """A path with `*` for any characters, encoded as the paths of normalised URLs are."""
    url = parse_url("http://host/" + text.removeprefix("/"))
    if not text.startswith(("/", "*")) or not isinstance(url, PageUrl):
        raise Mistake("", f"expected a path such as /cards/*, not {shown(text)}")
    return url.href.removeprefix("http://host")


def _fields(value: object) -> object:
    """Plain texts and tables as Field objects."""
    if not isinstance(value, Mapping):
        return value
    fields: dict[object, object] = {}
    for name, rule in value.items():
        try:
            settings = {"css": rule} if isinstance(rule, str) else rule
            fields[name] = Field(**settings) if isinstance(settings, Mapping) else settings
        except Mistake as mistake:
            raise Mistake(f"{name}.{mistake.key}", mistake.text) from None
        if not isinstance(fields[name], Field):
            raise Mistake(str(name), f"expected a selector or a table, not {shown(rule)}")
    return fields


def _locale(text: str) -> str:
    if not re.fullmatch("[a-z]{2,3}([-_][A-Za-z]{2,4})?", text):
        raise Mistake("", f"expected a locale such as de or en-GB, not {shown(text)}")
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Mistake("", f"expected header names, not {shown(name)}")
        if name.lower() in _OWN_HEADERS:
            raise Mistake(name, "expected other headers; Canter sets this one itself")
        if not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value):
            raise Mistake(name, f"expected a value of one line in Latin-1, not {shown(value)}")
    return headers


def _parse(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+:\w+", value):
        raise Mistake("", f'expected "module:function", not {shown(value)}')
    if value is not None and not isinstance(value, str) and not callable(value):
        raise Mistake("", f'expected a function or "module:function", not {shown(value)}')
    return value


Count = Annotated[int, pydantic.Field(ge=1)]
File = Annotated[str, pydantic.Field(min_length=1)]


class Site(_Model):
    """What is known of a site: the URLs it claims, how politely it is asked, how its pages are read.

    `Site("acme", hosts=[...], fields={...})`; every other setting is optional and None leaves the run's
    own. hosts: names, `*.name` (not the name itself) or `*`; without a port any port of the host. paths:
    with `*`; one that holds a `?` is matched with the query too, others ignore it. max_rate: requests/s a
    host (0: no ceiling); timeouts: seconds, or a text such as "500ms"; max_body: bytes, or a text such as
    "16MiB"; locale: "de", "en-GB"; parse: a function, or "module:function", that takes the Page and gives a
    dict of fields. headers: sent to the page's own origin. cookies: those that the site sets are sent back
    for the length of a crawl. follow_meta_refresh: a page that sends its reader on within 30 s counts as a
    redirect. ca_file: the authorities that vouch for the site's hosts, in place of the run's; client_cert
    and client_key: what is shown to hosts that ask for a certificate; all PEM.

    Raises ConfigError for what cannot be used.
    """

    name: str
    hosts: Annotated[Texts, AfterValidator(lambda hosts: tuple(map(_host_pattern, hosts)))] = ()
    paths: Annotated[Texts, AfterValidator(lambda paths: tuple(map(_path_pattern, paths)))] = ()
    fields: Annotated[dict[str, Field], BeforeValidator(_fields)] = {}
    max_rate: Annotated[float, pydantic.Field(ge=0)] | None = None
    pace_key: Annotated[str, pydantic.Field(min_length=1)] | None = None
    max_per_host: Count | None = None
    pace: Pace | None = None
    robots: bool | None = None
    locale: Annotated[str, AfterValidator(_locale)] | None = None
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = {}
    cookies: bool = False
    follow_meta_refresh: bool = False
    timeout: Seconds | None = None
    connect_timeout: Seconds | None = None
    read_timeout: Seconds | None = None
    tls_timeout: Seconds | None = None
    first_byte_timeout: Seconds | None = None
    max_body: Bytes | None = None
    attempts: Count | None = None
    parse: Annotated[Any, AfterValidator(_parse)] = None
    ca_file: File | None = None
    client_cert: File | None = None
    client_key: File | None = None

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name=name, **settings)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.name.strip():
            raise Mistake("name", "expected a name")
        if not self.fields and self.parse is None:
            raise Mistake("fields", "expected at least one field, or parse")
        if self.client_key and not self.client_cert:
            raise Mistake("client_key", "expected beside client_cert")
        for name, field in self.fields.items():
            if not name or name in RECORD_KEYS:
                raise Mistake(f"fields.{name}", "expected a name that is no key of a record")
            if field.from_parse and self.parse is None:
                raise Mistake(f"fields.{name}", f"expected {_SOURCES}, for the site has no parse function")
            if field.type == "money" and f"{name}_currency" in self.fields:
                raise Mistake(
                    f"fields.{name}_currency", f"expected another name: {name} fills this column in tables"
                )
        return self

    @cached_property
    def fingerprint(self) -> int:
        """64-bit signed hash of what a page is read by: fields, locale, the name of the parse function."""
        rules: list[object] = [
            {name: field.model_dump(exclude_defaults=True) for name, field in self.fields.items()},
            self.locale,
            parse_name(self.parse),
        ]
        if self.follow_meta_refresh:  # another page may be read
            rules.append("follow_meta_refresh")
        text = json.dumps(rules, sort_keys=True).encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)

    @property
    def tls(self) -> Tls:
        """How the site's hosts prove who they are, and what they are shown."""
        return Tls(self.ca_file, self.client_cert, self.client_key)

    @cached_property
    def declared(self) -> dict[str, str]:
        """The type of each declared field by name, `TYPE[]` for a list; "" where `parse` gives it."""
        return {name: field.declared for name, field in self.fields.items()}

    def parse_function(self) -> Callable[[Any], Any] | None:
        """The parse function, imported where it is given by name. Raises ConfigError."""
        if not isinstance(self.parse, str):
            return self.parse  # type: ignore[no-any-return]
        module_name, _, name = self.parse.partition(":")
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise Mistake("parse", f"expected an importable module; {module_name} gave {reason}") from error
        function = getattr(module, name, None)
        if not callable(function):
            where = getattr(module, "__file__", None) or "no file"
            raise Mistake("parse", f"expected a function {name} in {module_name} ({where})")
        return function  # type: ignore[no-any-return]


def parse_name(parse: object) -> str | None:
    """ "module:function" of a parse function given as either."""
    if parse is None or isinstance(parse, str):
        return parse
    kind = parse if hasattr(parse, "__qualname__") else type(parse)
    return f"{kind.__module__}:{kind.__qualname__}"
