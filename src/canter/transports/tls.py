"""How hosts prove who they are: contexts from PEM files, and what OpenSSL's refusals mean.

Certificates are always verified, against the system's authorities or a bundle. Whether one was
revoked is not looked up: that would tell a third party every host asked, or need lists nobody serves.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from canter.errors import ConfigError
from canter.model import Tls

# X509_V_ERR numbers of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = (9,), (10,)
_SELF_SIGNED = (18,)
_UNKNOWN_CA = (2, 19, 20, 21, 27)
_OTHER_NAME = (62, 64)
_WEAK = (66, 67, 68)

# A part of OpenSSL's name for a failure, and what it tells. The first that matches counts.
_NO_TLS = "what answered does not speak TLS; is it http: on this port?"
_TOO_OLD = "the server's TLS is too old; 1.2 is the oldest that is spoken"
_ABOUT_CLIENT = (
    ("CERTIFICATE_REQUIRED", "the server asks for a client certificate"),
    ("BAD_CERTIFICATE", "the server does not accept the client certificate"),
    ("UNSUPPORTED_CERTIFICATE", "the server does not accept the client certificate"),
    ("CERTIFICATE_UNKNOWN", "the server does not accept the client certificate"),
    ("UNKNOWN_CA", "the server does not know who signed the client certificate"),
    ("CERTIFICATE_EXPIRED", "the server says that the client certificate has expired"),
    ("CERTIFICATE_REVOKED", "the server says that the client certificate was revoked"),
)
_HANDSHAKES = (
    *_ABOUT_CLIENT,
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("HTTP_REQUEST", _NO_TLS),
    ("RECORD_LAYER_FAILURE", _NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", _NO_TLS),
    ("PROTOCOL_VERSION", _TOO_OLD),
    ("UNSUPPORTED_PROTOCOL", _TOO_OLD),
    ("UNRECOGNIZED_NAME", "the server knows no host of this name"),
    ("DH_KEY_TOO_SMALL", "the server's key exchange is too weak"),
    ("HANDSHAKE_FAILURE", "no cipher in common, or a client certificate that the server asks for"),
)


def contexts(wanted: Iterable[Tls]) -> dict[Tls, ssl.SSLContext]:
    """The context of each. Raises ConfigError that names the file that cannot be used, and why."""
    return {tls: _context(tls) for tls in dict.fromkeys(wanted)}


def _context(tls: Tls) -> ssl.SSLContext:
    if tls.ca_file:
        _readable("ca_file", tls.ca_file)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError as error:
        raise ConfigError(f"ca_file: {tls.ca_file}: expected certificates in PEM: {said(error)}") from error
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # from 3.13 on Python refuses what browsers accept
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # some builds of Python begin lower
    context.set_alpn_protocols(["http/1.1"])
    if tls.client_cert:
        _show(context, tls.client_cert, tls.client_key)
    return context


def _show(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    """Let a context show a client certificate where a server asks for one."""
    _readable("client_cert", cert)
    if key:
        _readable("client_key", key)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            raise ConfigError(f"client_key: {key or cert}: expected the key of {cert}") from error
        text = f"expected a certificate and its key in PEM: {said(error)}"
        raise ConfigError(f"client_cert: {cert}{f' and {key}' if key else ''}: {text}") from error
    except _Encrypted as error:
        raise ConfigError(f"client_key: {key or cert}: expected a key without a pass phrase") from error


class _Encrypted(Exception):
    """A key asks for a pass phrase, which OpenSSL would otherwise ask for on the terminal."""


def _no_password() -> str:
    raise _Encrypted


def _readable(key: str, path: str) -> None:
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise ConfigError(f"{key}: {path}: cannot be read: {error.strerror or error}") from error


def not_trusted(error: Exception, host: str) -> str:
    """Why a server's certificate is not trusted, in words."""
    code = getattr(error, "verify_code", 0)
    if code in _EXPIRED:
        return f"the certificate of {host} has expired"
    if code in _NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet; is this machine's clock right?"
    if code in _SELF_SIGNED:
        return f"the certificate of {host} is self-signed; to trust it, name it with --ca-file"
    if code in _UNKNOWN_CA:
        return (
            f"the certificate of {host} is signed by an unknown authority, or the server leaves out a "
            "certificate between; to trust an authority, name it with --ca-file"
        )
    if code in _OTHER_NAME:
        return f"the certificate is for another host than {host}"
    if code in _WEAK:
        return f"the certificate of {host} is too weak: {getattr(error, 'verify_message', error)}"
    return f"the certificate of {host} cannot be trusted: {getattr(error, 'verify_message', error)}"


def no_handshake(error: ssl.SSLError) -> str | None:
    """Why no TLS came about, in words; None where that may pass."""
    reason = error.reason or ""
    if "INTERNAL_ERROR" in reason:
        return None
    text = _meaning(reason, _HANDSHAKES)
    return f"no TLS: {text} ({said(error)})" if text else f"no TLS: {said(error)}"


def turned_away(error: BaseException) -> str | None:
    """What a server that ended a connection after its handshake says of the client's certificate."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__
    return _meaning(cause.reason or "", _ABOUT_CLIENT) if isinstance(cause, ssl.SSLError) else None


def _meaning(reason: str, table: tuple[tuple[str, str], ...]) -> str | None:
    return next((text for part, text in table if part in reason), None)


def said(error: ssl.SSLError) -> str:
    """OpenSSL's own name for a failure, in lower case."""
    return (error.reason or error.strerror or str(error)).replace("_", " ").lower()
