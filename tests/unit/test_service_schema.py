"""schemathesis asks the application everything that its OpenAPI allows, and much that it does not."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from canter.service.access import Access
from canter.service.app import Bounds, assemble
from tests.unit.service_desk import FakeDesk

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance, positive_data_acceptance, unsupported_method,
]  # fmt: skip

KEY = "the key of the test"
app = assemble(FakeDesk(), Access(KEY), Bounds(rate=1e6, burst=10**6))
HEADERS = {"Authorization": f"Bearer {KEY}"}
schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS).exclude(path="/api/events")


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_route_keeps_to_its_description(case: schemathesis.Case[Any]) -> None:
    """No 500; statuses, types, headers and bodies as described; bad bodies refused, good data taken.

    What is wrong with a query may get lost where it is written into a URL (an empty list is nothing there).
    """
    checks = [*CHECKS, negative_data_rejection] if case.method == "POST" else CHECKS
    case.call_and_validate(checks=checks, headers=HEADERS)
