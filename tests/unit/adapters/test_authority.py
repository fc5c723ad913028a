"""The master's own authority: made once, and each certificate good for its own purpose alone."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kyc.adapters.ca.authority import Authority
from kyc.adapters.fake.clock import FakeClock
from kyc.domain.errors import DamagedDataError
from kyc.domain.ids import InstanceId

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def uses(pem: bytes) -> list[x509.ObjectIdentifier]:
    found = x509.load_pem_x509_certificate(pem)
    return list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_it_is_made_once_and_read_by_others(tmp_path: Path) -> None:
    clock = FakeClock()
    first = Authority(tmp_path / "ca", clock=clock)
    issued = first.for_instance(InstanceId("i-1"))
    again = Authority(tmp_path / "ca", clock=clock)
    signer = x509.load_pem_x509_certificate(again.certificate.read_bytes())
    x509.load_pem_x509_certificate(issued.chain.encode()).verify_directly_issued_by(signer)
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "ca").stat().st_mode & 0o077 == 0


def test_an_instance_serves_under_its_own_name_and_the_edge_is_a_client(tmp_path: Path) -> None:
    authority = Authority(tmp_path, clock=FakeClock())
    issued = authority.for_instance(InstanceId("i-7kq2x9bd"))
    found = x509.load_pem_x509_certificate(issued.chain.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["i-7kq2x9bd.instance.kyc.internal"]
    assert uses(issued.chain.encode()) == [SERVER]
    assert uses(authority.for_edge().chain.read_bytes()) == [CLIENT]
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(authority.for_edge().chain)


def test_the_edge_s_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    authority = Authority(tmp_path, clock=clock)
    first = authority.for_edge().chain.read_bytes()
    clock.jump(timedelta(days=19))
    assert authority.for_edge().chain.read_bytes() == first
    clock.jump(timedelta(days=2))
    assert authority.for_edge().chain.read_bytes() != first


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    Authority(tmp_path, clock=FakeClock())
    (tmp_path / "ca.key").write_text("nothing")
    with pytest.raises(DamagedDataError, match=r"ca\.key"):
        Authority(tmp_path, clock=FakeClock())
