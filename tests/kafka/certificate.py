"""A certificate authority of a test's own, and a broker's certificate for 127.0.0.1, as Kafka wants it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates that only who has `pem` believes."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        unsigned = _unsigned(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = unsigned.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def broker_settings(self) -> tuple[str, ...]:
        """Return the lines of a broker's settings with a certificate and its key, each on one line."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        signed = _unsigned(subject, self._name, key).add_extension(address, critical=False)
        chain = signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode() + self.pem
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        return (
            "ssl.keystore.type=PEM",
            f"ssl.keystore.certificate.chain={one_line(chain)}",
            f"ssl.keystore.key={one_line(private)}",
            "ssl.truststore.type=PEM",  # at its start a broker tries whether it would believe itself
            f"ssl.truststore.certificates={one_line(self.pem)}",
        )


def _unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def one_line(pem: str) -> str:
    """Return it as a line of a broker's or a client's settings."""
    return pem.strip().replace("\n", "\\n")
