"""A throw-away authority and its certificate for loopback: whoever trusts the file, trusts the sandbox."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from notifyd.sandbox.clients import Clock

_LIFE = timedelta(days=30)
# A client's clock may lag.
_LEEWAY = timedelta(hours=1)


class Authority(msgspec.Struct, frozen=True):
    """`ca_file`: PEM, for clients to trust. `chain_file`: key and certificate of 127.0.0.1 and localhost."""

    ca_file: Path
    chain_file: Path

    def context(self, *protocols: str) -> ssl.SSLContext:
        """A server's; `protocols` for ALPN. Reads the file: before the loop is busy."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain_file)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def make_authority(folder: Path, clock: Clock) -> Authority:
    """Writes ca.pem and server.pem (key and certificate) into `folder`."""
    now = datetime.fromtimestamp(clock.now_s(), UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("notifyd sandbox authority")
    ca = (
        _certificate(now, ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    server = (
        _certificate(now, _name("localhost"), ca_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    authority = Authority(folder / "ca.pem", folder / "server.pem")
    authority.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    authority.chain_file.touch(mode=0o600)
    authority.chain_file.write_bytes(private + server.public_bytes(Encoding.PEM))
    return authority


def _certificate(
    now: datetime, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LIFE)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
