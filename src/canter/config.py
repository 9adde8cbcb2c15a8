"""The settings of a run, frozen: command line, environment, site file, defaults, in that order."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from canter import __version__
from canter.errors import ConfigError
from canter.model import Limits
from canter.quantities import Bytes, Seconds

PROJECT = "https://canter.example"  # no public home yet; --user-agent names the operator's own
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME_SERVER = re.compile(r"(?:\[([^]]*:[^]]*)\]|([^:]*))(?::(\d{1,5}))?", re.ASCII)


def _parse_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


LIMITS = tuple(field.name for field in dataclasses.fields(Limits))  # those that a site can set, too


def name_server(text: str) -> str:
    """`ADDRESS` or `ADDRESS:PORT`, as `ADDRESS:PORT` with brackets around IPv6. Raises ValueError."""
    match = _NAME_SERVER.fullmatch(text)
    address, port = (match[1] or match[2], int(match[3] or 53)) if match else (text, 53)
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        found = None
    if found is None or not 0 < port < 65536:
        raise ValueError("expected an IP address, or one with a port such as 127.0.0.1:5353 or [::1]:5353")
    return f"[{found}]:{port}" if found.version == 6 else f"{found}:{port}"


NameServer = Annotated[str, AfterValidator(name_server)]


class Settings(BaseModel):
    """What a run is allowed and told. Spans are seconds, sizes decoded bytes, rates requests/s a host.

    `max_rate` and `max_per_host` are ceilings: None where nobody set one, 0 for none at all; see
    `rate_ceiling` and `in_flight_ceiling`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: Annotated[int, Field(ge=1, le=256)] | None = None  # None: as many as usable processors
    max_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 200
    max_per_host: Annotated[int, Field(ge=0)] | None = None
    max_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    pace: Literal["adaptive", "off"] = "adaptive"
    timeout: Seconds = 30.0
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 10.0
    tls_timeout: Seconds | None = None
    first_byte_timeout: Seconds | None = None
    max_body: Bytes = 16 * 1024**2
    body_budget: Bytes = 64 * 1024**2
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    max_time: Seconds | None = None
    host_patience: Seconds = 1800.0
    resume_within: Seconds = 43_200.0
    max_failures: Annotated[float, Field(ge=0, le=1)] = 0.02
    user_agent: Annotated[str, Field(min_length=1, pattern=r"^[\x20-\x7e]+$")] = (
        f"Canter/{__version__} (+{PROJECT})"
    )
    allow_network: Annotated[tuple[Network, ...], BeforeValidator(_parse_list)] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["console", "json"] = "console"
    store: str = "canter.db"
    keep_pages: Annotated[str, Field(min_length=1)] | None = None  # a folder
    dns_server: Annotated[tuple[NameServer, ...], BeforeValidator(_parse_list)] = ()
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    explicit: frozenset[str] = frozenset()  # given by the command line or environment

    @property
    def limits(self) -> Limits:
        """The bounds of one request where a site sets none."""
        return Limits(*(getattr(self, name) for name in LIMITS))

    def rate_ceiling(self, site: float | None, *, adaptive: bool) -> float | None:
        """The stricter of the run's and a site's ceiling in requests/s, None for no ceiling.

        The default of 20 holds where nobody set one, and only while the pace is adaptive.
        """
        return _stricter(self.max_rate, site, 20.0 if adaptive else 0)

    def in_flight_ceiling(self, site: int | None, *, adaptive: bool) -> int:
        """The stricter of the run's and a site's requests in flight on one host; likewise."""
        ceiling = _stricter(self.max_per_host, site, 20 if adaptive else 0)
        return min(self.max_concurrent, math.ceil(ceiling) if ceiling else self.max_concurrent)


def _stricter(run: float | None, site: float | None, default: float) -> float | None:
    """The lesser of the ceilings that were set, or the default; 0 means none."""
    given = [value for value in (run, site) if value is not None] or [default]
    positive = [value for value in given if value]
    return min(positive) if positive else None


_NAMES = tuple(name for name in Settings.model_fields if name != "explicit")
CEILINGS = ("max_rate", "max_per_host", "max_concurrent")
_BARE = ("max_concurrent", "max_per_host", "log_level")  # also read without the CANTER_ prefix


def resolve(
    command_line: Mapping[str, Any],
    environment: Mapping[str, str],
    defaults: Mapping[str, Any],
    file: str = "",
) -> Settings:
    """Combine the settings; None on the command line means not given.

    Of two ceilings the stricter holds. Raises ConfigError that names the option, variable or key.
    """
    found: dict[str, tuple[Any, str]] = {}
    for name in _NAMES:
        given = _given(name, command_line, environment, defaults, file)
        if given:
            found[name] = _strictest(given) if name in CEILINGS else given[0]
    try:
        explicit = frozenset(n for n, (_, origin) in found.items() if not file or not origin.startswith(file))
        return Settings(**{name: value for name, (value, _) in found.items()}, explicit=explicit)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        origin = found[name][1] if name in found else name
        problem = first["msg"].removeprefix("Value error, ")
        got = "" if ", got " in problem else f", got {found[name][0]!r}"
        raise ConfigError(f"{origin}: {problem[0].lower()}{problem[1:]}{got}") from error


def _given(
    name: str,
    command_line: Mapping[str, Any],
    environment: Mapping[str, str],
    defaults: Mapping[str, Any],
    file: str,
) -> list[tuple[Any, str]]:
    """The values given for one setting with where each came from, the strongest first."""
    given: list[tuple[Any, str]] = []
    value = command_line.get(name)
    if value is not None and value not in ((), []):
        given.append((value, "--" + name.replace("_", "-")))
    variables = [f"CANTER_{name.upper()}"] + ([name.upper()] if name in _BARE else [])
    given += [(environment[v], v) for v in variables if environment.get(v, "").strip()]
    if name == "log_level" or name == "log_format":
        given = [(str(value).lower(), origin) for value, origin in given]
    if name in defaults:
        given.append((defaults[name], f"{file}: defaults.{name}"))
    return given


def _strictest(given: list[tuple[Any, str]]) -> tuple[Any, str]:
    """Of several ceilings the least; one that is no number is returned for its error."""
    ranked: list[tuple[float, tuple[Any, str]]] = []
    for value, origin in given:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return value, origin
        ranked.append((number if number > 0 else math.inf if number == 0 else number, (value, origin)))
    return min(ranked, key=lambda item: item[0])[1]
