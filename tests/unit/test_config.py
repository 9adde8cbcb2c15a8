"""Settings: where each comes from, which one wins, and what is refused."""

from __future__ import annotations

import pytest

from canter.config import Settings, resolve
from canter.errors import ConfigError


def test_defaults_are_the_contracts() -> None:
    """With nothing given."""
    settings = resolve({}, {}, {})
    assert (settings.max_concurrent, settings.timeout, settings.attempts) == (200, 30, 3)
    assert (settings.max_body, settings.body_budget) == (16 * 1024**2, 64 * 1024**2)
    assert (settings.host_patience, settings.resume_within, settings.max_failures) == (1800, 43_200, 0.02)
    assert settings.user_agent.startswith("Canter/")
    assert settings.explicit == frozenset()


def test_the_strongest_source_wins() -> None:
    """Command line, CANTER_NAME, NAME, the site file's defaults, the default."""
    environment = {"CANTER_TIMEOUT": "20", "CANTER_LOG_LEVEL": "INFO", "LOG_LEVEL": "error"}
    defaults = {"timeout": 10, "attempts": 5, "read_timeout": 3, "tls_timeout": "2s"}
    settings = resolve({"timeout": "40", "attempts": None}, environment, defaults, "sites.toml")
    assert (settings.timeout, settings.attempts, settings.read_timeout) == (40, 5, 3)
    assert (settings.tls_timeout, settings.first_byte_timeout) == (2, None)
    assert settings.log_level == "info"
    assert settings.explicit == {"timeout", "log_level"}
    assert resolve({}, {"LOG_LEVEL": "error"}, {}).log_level == "error"


@pytest.mark.parametrize(
    ("given", "environment", "defaults", "expected"),
    [
        (50.0, {}, {}, 50),
        (50.0, {"CANTER_MAX_RATE": "5"}, {}, 5),
        (50.0, {}, {"max_rate": 7.5}, 7.5),
        (0.0, {}, {"max_rate": 7.5}, 7.5),
        (0.0, {}, {}, 0),
        (None, {}, {}, None),
    ],
)
def test_of_two_ceilings_the_stricter_holds(
    given: float | None, environment: dict[str, str], defaults: dict[str, float], expected: float | None
) -> None:
    """0 is no ceiling, so any other is stricter."""
    assert resolve({"max_rate": given}, environment, defaults).max_rate == expected


def test_bare_variables_are_read() -> None:
    """MAX_CONCURRENT and MAX_PER_HOST, as the container sets them; an empty one is not set."""
    settings = resolve({}, {"MAX_CONCURRENT": "50", "MAX_PER_HOST": "4", "CANTER_TIMEOUT": " "}, {})
    assert (settings.max_concurrent, settings.max_per_host, settings.timeout) == (50, 4, 30)


@pytest.mark.parametrize(
    ("run", "site", "adaptive", "expected"),
    [
        (None, None, True, 20),
        (None, None, False, None),
        (None, 50, True, 50),
        (5, 50, True, 5),
        (50, 5, False, 5),
        (0, None, True, None),
        (0, 8, True, 8),
    ],
)
def test_the_ceiling_of_a_host(
    run: float | None, site: float | None, adaptive: bool, expected: float | None
) -> None:
    """Of run and site the stricter; the default only where nobody set one and the pace is adaptive."""
    assert Settings(max_rate=run).rate_ceiling(site, adaptive=adaptive) == expected


def test_in_flight_on_a_host_never_exceeds_the_whole() -> None:
    """With pace off and nothing set, the whole is the only ceiling."""
    settings = Settings(max_concurrent=64)
    assert settings.in_flight_ceiling(None, adaptive=True) == 20
    assert settings.in_flight_ceiling(None, adaptive=False) == 64
    assert settings.in_flight_ceiling(3, adaptive=False) == 3
    assert Settings(max_concurrent=64, max_per_host=500).in_flight_ceiling(None, adaptive=True) == 64


@pytest.mark.parametrize(
    ("given", "environment", "defaults", "names"),
    [
        ({"timeout": "soon"}, {}, {}, "--timeout"),
        ({"timeout": "0"}, {}, {}, "--timeout"),
        ({}, {"CANTER_MAX_BODY": "16 parsecs"}, {}, "CANTER_MAX_BODY"),
        ({}, {"MAX_CONCURRENT": "many"}, {}, "MAX_CONCURRENT"),
        ({}, {}, {"host_patience": -1}, "sites.toml: defaults.host_patience"),
        ({}, {}, {"log_level": "loud"}, "sites.toml: defaults.log_level"),
        ({"allow_network": ["300.0.0.0/8"]}, {}, {}, "--allow-network"),
        ({"max_failures": 2.0}, {}, {}, "--max-failures"),
        ({"user_agent": "Bot\r\nX: y"}, {}, {}, "--user-agent"),
        ({"ca_file": ""}, {}, {}, "--ca-file"),
        ({"dns_server": ["nonsense"]}, {}, {}, "--dns-server"),
        ({"dns_server": ["127.0.0.1", "ns.shop.example"]}, {}, {}, "--dns-server"),
        ({"dns_server": ["300.1.1.1"]}, {}, {}, "--dns-server"),
        ({"dns_server": ["127.0.0.1:0"]}, {}, {}, "--dns-server"),
        ({}, {"CANTER_DNS_SERVER": "127.0.0.1:99999"}, {}, "CANTER_DNS_SERVER"),
        ({}, {}, {"dns_server": "[::1"}, "sites.toml: defaults.dns_server"),
        ({}, {}, {"dns_server": ["[127.0.0.1]:53"]}, "sites.toml: defaults.dns_server"),
    ],
)
def test_what_cannot_be_used_is_named(
    given: dict[str, object], environment: dict[str, str], defaults: dict[str, object], names: str
) -> None:
    """One line with the option, variable or key and the value."""
    with pytest.raises(ConfigError) as error:
        resolve(given, environment, defaults, "sites.toml")
    assert str(error.value).startswith(names)
    assert "\n" not in str(error.value)


def test_lists_are_comma_separated() -> None:
    """Networks from the environment."""
    settings = resolve({}, {"CANTER_ALLOW_NETWORK": "127.0.0.0/8, ::1/128"}, {})
    assert [str(network) for network in settings.allow_network] == ["127.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", "127.0.0.1:53"),
        ("127.0.0.1:5353", "127.0.0.1:5353"),
        ("::1", "[::1]:53"),
        ("[::1]", "[::1]:53"),
        ("[2606:4700:4700:0::1111]:5353", "[2606:4700:4700::1111]:5353"),
    ],
)
def test_name_servers(text: str, server: str) -> None:
    """An address with or without a port, in either notation; a list is comma-separated."""
    assert resolve({"dns_server": [text]}, {}, {}).dns_server == (server,)
    both = resolve({}, {"CANTER_DNS_SERVER": f"{text}, 127.0.0.9"}, {})
    assert both.dns_server == (server, "127.0.0.9:53")
