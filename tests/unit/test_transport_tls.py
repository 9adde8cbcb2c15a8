"""TLS: whom the transport trusts, what it shows, and how it says why not."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from canter.errors import ConfigError
from canter.model import Fault, FaultKind, Limits, Request, Response, Tls
from canter.rules.classify import classify
from canter.transports.aiohttp import AiohttpTransport
from canter.transports.tls import contexts
from tests.tlsserver import TlsServer, tls_server

LOOPBACK = [ip_network("127.0.0.0/8")]
HOST = "127.0.0.1"
NOW, DAY = datetime.now(UTC), timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    """A file with the authority's certificate."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def ask(server: TlsServer, tls: Tls) -> Response | Fault:
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, tls=[tls])
    try:
        url = f"https://{HOST}:{server.port}/"
        return await transport.send(Request(url, {}, Limits(connect_timeout=5), tls=tls))
    finally:
        await transport.close()


# Trust


async def test_a_bundle_is_trusted_and_nothing_beside_it(authority: trustme.CA, bundle: str) -> None:
    """A host signed by the bundle's authority is asked; without the bundle, or by another, it is not."""
    with tls_server(serving(authority.issue_cert(HOST))) as server:
        assert isinstance(await ask(server, Tls(ca_file=bundle)), Response)
        assert isinstance(await ask(server, Tls()), Fault)
    with tls_server(serving(trustme.CA().issue_cert(HOST))) as server:
        assert isinstance(await ask(server, Tls(ca_file=bundle)), Fault)
        assert server.requests == []


async def test_hosts_of_one_crawl_may_be_trusted_differently(
    authority: trustme.CA, bundle: str, tmp_path: Path
) -> None:
    """What holds for one host does not leak to another, over kept connections either."""
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    ours, theirs = Tls(ca_file=bundle), Tls(ca_file=str(tmp_path / "other.pem"))
    transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK, tls=[ours, theirs])
    with tls_server(serving(authority.issue_cert(HOST))) as server:
        url = f"https://{HOST}:{server.port}/"
        for tls, kind in ((ours, Response), (theirs, Fault), (ours, Response), (Tls(), Fault)):
            assert isinstance(await transport.send(Request(url, {}, Limits(), tls=tls)), kind)
        assert len(server.requests) == 2
    await transport.close()


def _self_signed(_: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))
    return context


def _without_intermediate(authority: trustme.CA) -> ssl.SSLContext:
    leaf = authority.create_child_ca().issue_cert(HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with leaf.private_key_pem.tempfile() as key, leaf.cert_chain_pems[0].tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            lambda ca: serving(ca.issue_cert(HOST, not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
            f"the certificate of {HOST} has expired",
        ),
        (
            lambda ca: serving(ca.issue_cert(HOST, not_before=NOW + DAY, not_after=NOW + 9 * DAY)),
            f"the certificate of {HOST} is not valid yet",
        ),
        (_self_signed, f"the certificate of {HOST} is self-signed"),
        (lambda _: serving(trustme.CA().issue_cert(HOST)), "signed by an unknown authority"),
        (_without_intermediate, "the server leaves out a certificate between"),
        (lambda ca: serving(ca.issue_cert("shop.test")), f"is for another host than {HOST}"),
        (lambda ca: serving(ca.issue_cert("127.0.0.9")), f"is for another host than {HOST}"),
    ],
    ids=["expired", "early", "self-signed", "unknown", "no-intermediate", "other-name", "other-address"],
)
async def test_bad_certificates_are_told_apart(
    authority: trustme.CA, bundle: str, made: Callable[[trustme.CA], ssl.SSLContext], says: str
) -> None:
    """The request is not sent, the message says which it was, and it is not tried again."""
    with tls_server(made(authority)) as server:
        answer = await ask(server, Tls(ca_file=bundle))
        assert isinstance(answer, Fault)
        assert answer.kind is FaultKind.TLS
        assert says in answer.message
        assert server.requests == []
    assert classify(answer, now_utc=0.0).error_type == "permanent"


# Handshakes


def _old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def _no_cipher(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("NULL-SHA256:@SECLEVEL=0")


def _unknown_name(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def _overloaded(context: ssl.SSLContext) -> None:
    context.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (_old, FaultKind.TLS, "the server's TLS is too old; 1.2 is the oldest that is spoken"),
        (_no_cipher, FaultKind.TLS, "no cipher in common"),
        (_unknown_name, FaultKind.TLS, "the server knows no host of this name"),
        (_overloaded, FaultKind.CONNECT, "the TLS handshake broke off: tlsv1 alert internal error"),
    ],
)
async def test_handshakes_that_fail_are_told_apart(
    authority: trustme.CA, bundle: str, change: Callable[[ssl.SSLContext], None], kind: FaultKind, says: str
) -> None:
    """What the two sides could not agree on; an internal error of the server may pass."""
    context = serving(authority.issue_cert(HOST))
    change(context)
    with tls_server(context) as server:
        answer = await ask(server, Tls(ca_file=bundle))
    assert isinstance(answer, Fault)
    assert (answer.kind, says in answer.message) == (kind, True), answer.message


async def test_a_handshake_that_is_cut_is_no_matter_of_trust() -> None:
    """A server that hangs up within it may do better next time."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes([22, 3, 3, 0, 100]))  # a record of which nothing follows
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hang_up, HOST, 0) as server:
        transport = AiohttpTransport(user_agent="Canter/test", allow_networks=LOOPBACK)
        url = f"https://{HOST}:{server.sockets[0].getsockname()[1]}/"
        answer = await transport.send(Request(url, {}, Limits(connect_timeout=5)))
        await transport.close()
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CONNECT, answer.message
    assert answer.message.startswith("no connection: ")
    assert len(answer.message) > len("no connection: ")


# A client's certificate


@pytest.fixture
def asking_who(authority: trustme.CA) -> ssl.SSLContext:
    """A server that talks to holders of the authority's certificates only."""
    context = serving(authority.issue_cert(HOST))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


async def test_a_client_certificate_is_shown(
    authority: trustme.CA, bundle: str, asking_who: ssl.SSLContext, tmp_path: Path
) -> None:
    """With its key in the same file, or in one of its own."""
    client = authority.issue_cert("crawler@shop.test", common_name="crawler")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    together = Tls(bundle, str(tmp_path / "both.pem"))
    apart = Tls(bundle, str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    with tls_server(asking_who) as server:
        for tls in (together, apart):
            assert isinstance(await ask(server, tls), Response)
        assert len(server.clients) == 2
        assert all("crawler" in (subject or "") for subject in server.clients)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_asks_in_vain_says_so(
    bundle: str, asking_who: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """Without a certificate to show the page fails for good, and the message says what is asked for."""
    asking_who.maximum_version = version
    with tls_server(asking_who) as server:
        answer = await ask(server, Tls(ca_file=bundle))
        assert server.requests == []
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.TLS
    assert "client certificate" in answer.message


# Files


def _missing(folder: Path) -> Tls:
    return Tls(ca_file=str(folder / "none.pem"))


def _folder(folder: Path) -> Tls:
    return Tls(ca_file=str(folder))


def _empty(folder: Path) -> Tls:
    (folder / "bad.pem").write_text("")
    return Tls(ca_file=str(folder / "bad.pem"))


def _no_pem(folder: Path) -> Tls:
    (folder / "bad.pem").write_bytes(b"\x30\x82\x01\x00" + bytes(100))
    return Tls(ca_file=str(folder / "bad.pem"))


def _broken(folder: Path) -> Tls:
    (folder / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return Tls(ca_file=str(folder / "bad.pem"))


def _client(folder: Path, certificate: bytes, key: bytes) -> Tls:
    (folder / "bad.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    return Tls(client_cert=str(folder / "bad.pem"), client_key=str(folder / "key.pem"))


def _no_key(folder: Path) -> Tls:
    leaf = trustme.CA().issue_cert("x")
    (folder / "bad.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    return Tls(client_cert=str(folder / "bad.pem"))


def _other_key(folder: Path) -> Tls:
    ca = trustme.CA()
    one, other = ca.issue_cert("x"), ca.issue_cert("x")
    return _client(folder, one.cert_chain_pems[0].bytes(), other.private_key_pem.bytes())


def _encrypted_key(folder: Path) -> Tls:
    from cryptography.hazmat.primitives import serialization as form

    leaf = trustme.CA().issue_cert("x")
    key = form.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    kind, layout = form.Encoding.PEM, form.PrivateFormat.PKCS8
    sealed = key.private_bytes(kind, layout, form.BestAvailableEncryption(b"secret"))
    return _client(folder, leaf.cert_chain_pems[0].bytes(), sealed)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (_missing, r"ca_file: .*none\.pem: cannot be read: No such file or directory"),
        (_folder, r"ca_file: .*: cannot be read: Is a directory"),
        (_empty, r"ca_file: .*bad\.pem: expected certificates in PEM"),
        (_no_pem, r"ca_file: .*bad\.pem: expected certificates in PEM"),
        (_broken, r"ca_file: .*bad\.pem: expected certificates in PEM"),
        (_no_key, r"client_cert: .*bad\.pem: expected a certificate and its key in PEM"),
        (_other_key, r"client_key: .*key\.pem: expected the key of .*bad\.pem"),
        (_encrypted_key, r"client_key: .*key\.pem: expected a key without a pass phrase"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, made: Callable[[Path], Tls], says: str) -> None:
    """One line: which setting, which file, what was expected. Nothing is asked on the terminal."""
    with pytest.raises(ConfigError, match=f"^{says}") as error:
        contexts([made(tmp_path)])
    assert "\n" not in str(error.value)


def test_certificates_are_always_verified(bundle: str) -> None:
    """No setting turns it off, and nothing older than TLS 1.2 is spoken."""
    for context in contexts([Tls(), Tls(ca_file=bundle)]).values():
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
