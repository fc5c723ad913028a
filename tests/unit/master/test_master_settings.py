"""What the master is told when it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyc.domain.errors import InvalidInputError
from kyc.master.settings import DEFAULT_PORT, Settings, read_settings


def test_defaults() -> None:
    settings = read_settings(["up"], {"KYC_HOME": "/h"})
    assert settings == Settings(home=Path("/h"))
    assert (settings.host, settings.port) == ("127.0.0.1", DEFAULT_PORT)
    assert read_settings(["up"], {}).home == Path.home() / ".kyc"


def test_options_win_over_the_environment() -> None:
    env = {"KYC_HOME": "/env", "KYC_PORT": "1", "KYC_LOG_LEVEL": "debug", "KYC_TERRAFORM": "/bin/tofu"}
    argv = [
        "up",
        "--port",
        "0",
        "--home",
        "/argv",
        "--public-url",
        "https://kyc.example.com/",
        "--archive-limit-mib",
        "5",
    ]
    assert read_settings(argv, env) == Settings(
        home=Path("/argv"),
        port=0,
        log_level="debug",
        terraform="/bin/tofu",
        public_url="https://kyc.example.com",
        archive_limit_bytes=5 << 20,
    )


@pytest.mark.parametrize(
    ("argv", "env", "place"),
    [
        (["up", "--port", "x"], {}, "port"),
        (["up", "--port", "65536"], {}, "port"),
        (["up"], {"KYC_PORT": "-1"}, "port"),
        (["up", "--log-level", "loud"], {}, "log-level"),
        (["up", "--public-url", "kyc.example.com"], {}, "public-url"),
        (["up", "--archive-limit-mib", "0"], {}, "archive-limit-mib"),
        (["up", "--stream", "foo://x"], {}, "foo://x"),
        (["up", "--prot", "1"], {}, "--prot"),
        (["down"], {}, "down"),
        ([], {}, "up"),
    ],
)
def test_what_is_wrong_is_named(argv: list[str], env: dict[str, str], place: str) -> None:
    with pytest.raises(InvalidInputError, match=place) as wrong:
        read_settings(argv, env)
    assert wrong.value.next_step
