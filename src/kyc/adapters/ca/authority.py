"""Certificates for mutual TLS between the edge and instances that share no trusted network.

`Authority(folder)` makes its key at the first use; a certificate is made by what it is for. An instance's is for its
own name below INSTANCE_DOMAIN and serves only; the edge's is a client's only: neither can stand in for the other.
Keys are ECDSA on P-256, as every TLS stack of the last ten years takes them.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kyc.domain.errors import DamagedDataError
from kyc.domain.ids import InstanceId
from kyc.hosting.files import write_private
from kyc.ports.authority import Issued
from kyc.ports.clock import Clock
from kyc.ports.edge import INSTANCE_DOMAIN, Certificate

_LASTS = timedelta(days=3650)
_SKEW = timedelta(minutes=10)  # clocks of instances that are behind
_RENEW_AT = 1 / 3  # of its life that is left
_EDGE_NAME = "edge.kyc.internal"


class Authority:
    """A certificate authority in a folder (mode 0700) of its own."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._key, self._certificate = self._read_or_make()

    @property
    def certificate(self) -> Path:
        """The PEM file by which others verify what this one signed."""
        return self._folder / "ca.pem"

    def for_instance(self, instance_id: InstanceId, *, lasts: timedelta = timedelta(days=30)) -> Issued:
        """Return a certificate with which the instance serves as `INSTANCE.instance.kyc.internal`."""
        return self._issue(f"{instance_id}{INSTANCE_DOMAIN}", ExtendedKeyUsageOID.SERVER_AUTH, lasts)

    def for_edge(self, *, lasts: timedelta = timedelta(days=30)) -> Certificate:
        """Return the edge's client certificate as files; made anew when a third of its life is left."""
        path = self._folder / "edge.pem"
        if not path.exists() or self._is_old(path):
            issued = self._issue(_EDGE_NAME, ExtendedKeyUsageOID.CLIENT_AUTH, lasts)
            write_private(path, f"{issued.chain}{issued.key}".encode())
        return Certificate(chain=path, key=path)

    def _is_old(self, path: Path) -> bool:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        life = found.not_valid_after_utc - found.not_valid_before_utc
        return self._clock.now() > found.not_valid_after_utc - life * _RENEW_AT

    def _issue(self, name: str, use: x509.ObjectIdentifier, lasts: timedelta) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        now = self._clock.now()
        made = (
            _builder(name, self._certificate.subject, key.public_key(), now, lasts)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(_signer(self._certificate), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = made.public_bytes(serialization.Encoding.PEM).decode()
        return Issued(chain=chain, key=_pem(key).decode(), expires_at=made.not_valid_after_utc)

    def _read_or_make(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Return key and certificate; of several makers at once one wins and all get its."""
        whole = self._folder / "ca.key"
        if not whole.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            key, certificate = _self_signed(self._clock.now())
            beside = self._folder / f".ca.{os.getpid()}.{os.urandom(4).hex()}"
            write_private(beside, _pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
            try:
                os.link(beside, whole)
            except FileExistsError:
                pass  # another one was first
            finally:
                beside.unlink()
        return self._read(whole.read_bytes())

    def _read(self, pem: bytes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        try:
            key = serialization.load_pem_private_key(pem, password=None)
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise DamagedDataError(
                f"{self._folder / 'ca.key'} is not an authority's key",
                next_step="Bring it back from a copy, or delete the folder while no service runs.",
            ) from error
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        if not self.certificate.exists():
            write_private(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return key, certificate


def _self_signed(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keep Your Cost")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder("Keep Your Cost", name, key.public_key(), now, _LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lasts)
    )


def _signer(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
