"""No secret reaches a log line."""

from __future__ import annotations

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canter.observe import Log
from canter.redaction import redact, redact_value

# What can stand in a URL where a secret does, and is too long to be there by chance.
_SAFE = string.ascii_letters + string.digits + "-._~%+"
values = st.text(_SAFE, min_size=12, max_size=40).map("Zq9{}".format)
NAMES = (
    "token", "access_token", "key", "api_key", "api-key", "apikey", "X-Amz-Signature", "X-Amz-Credential",
    "signature", "sig", "password", "passwd", "pwd", "client_secret", "auth", "sid", "session_id", "jwt",
    "Authorization", "user[password]",
)  # fmt: skip
HEADERS = (
    "Authorization: Bearer {}", "Cookie: a=1; sid={}", "set-cookie={}", "{{'Authorization': 'Basic {}'}}",
    "X-API-Key: {}", "bearer {}",
)  # fmt: skip


@given(st.sampled_from(NAMES), values, st.sampled_from(["?", "?page=2&", "#", "?a=b;"]), st.booleans())
def test_a_token_of_a_query_is_hidden(name: str, value: str, before: str, upper: bool) -> None:
    """Whatever its case and place; the rest of the URL stays."""
    url = f"https://shop.example/p/1{before}{name.upper() if upper else name}={value}&colour=red"
    found = redact(f"cannot fetch {url} now")
    assert value not in found
    assert found.startswith("cannot fetch https://shop.example/p/1")
    assert found.endswith("&colour=red now")


@given(values, st.text("abc@:!$", max_size=5), st.sampled_from(["http", "https", "socks5", "redis", "HTTP"]))
def test_a_password_of_a_url_is_hidden(password: str, odd: str, scheme: str) -> None:
    """That of a proxy, say; also where it holds an @."""
    found = redact(f"proxy {scheme}://user:{password}{odd}@10.0.0.1:3128/path failed")
    assert password not in found
    assert found == f"proxy {scheme}://***@10.0.0.1:3128/path failed"


@given(values, st.sampled_from(HEADERS))
def test_a_header_is_hidden(value: str, form: str) -> None:
    """As a line, as a pair, as a dict printed."""
    assert value not in redact(form.format(value))


@given(values, st.sampled_from(["json", "console"]), st.sampled_from(["error", "warning"]))
def test_log_lines_hold_no_secret(value: str, form: str, level: str) -> None:
    """By name, by what it looks like, by its value where that is known; nested, too; on each kind of line."""
    out = io.StringIO()
    log = Log(level, form, out, secrets=[f"own-{value}"], cookie=value)
    log.say(
        level, f"own-{value}", url=f"https://u:{value}@a.example/?token={value}", api_key=value,
        headers={"Cookie": value, "Authorization": value}, urls=[f"http://a.example/?sig={value}"],
        error=ValueError(f"key={value}"),
    )  # fmt: skip
    assert value not in out.getvalue()
    assert "a.example" in out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.example/p/1?page=2&colour=red",
        "https://shop.example/monkey=1",
        "write to info@shop.example about 3 = 3",
        "not found: price, keyword=lamp",
        "429, Retry-After 30 s",
        "https://shop.example/@handle",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Pages, mail addresses and messages are shown as they are."""
    assert redact(text) == text


def test_a_named_secret_is_hidden_whatever_it_is() -> None:
    """None stays None: there is nothing to hide."""
    assert redact_value("api_key", 12) == "***"
    assert redact_value("password", None) is None
    assert redact_value("host", "a.example") == "a.example"
