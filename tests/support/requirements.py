"""What tests need beside Python packages: they skip without it, unless LENSAPP_REQUIRE asks for it."""

import os
from typing import NoReturn

import pytest

KNOWN = ("browser", "postgres", "node")


def lacking(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where LENSAPP_REQUIRE (such as "browser,postgres") names `what`."""
    required = os.environ.get("LENSAPP_REQUIRE", "").replace(",", " ").split()
    unknown = sorted(set(required) - set(KNOWN))
    if unknown:
        pytest.fail(f"LENSAPP_REQUIRE names {', '.join(unknown)}; it may name {', '.join(KNOWN)}")
    if what in required:
        pytest.fail(f"LENSAPP_REQUIRE asks for {what}, but this {reason}")
    pytest.skip(reason)
