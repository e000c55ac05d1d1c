from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import permutations

import pytest

from notifyd.core.catalog import LookupPolicy, LookupSpec
from notifyd.core.path import compile_path
from notifyd.flow.facts import FactFinder
from tests.support.catalog_examples import event, notification_type

SUPPRESS, RETRY, SEND = LookupPolicy.SUPPRESS, LookupPolicy.RETRY, LookupPolicy.SEND


class _Silent:
    """Of no key anything is known."""

    name = "silent"

    async def fetch(self, keys: Collection[str]) -> Mapping[str, object]:  # noqa: ARG002 - the port's
        return {}


@pytest.mark.parametrize(
    ("failed", "policy"),
    [
        *((order, SUPPRESS) for order in permutations([SUPPRESS, RETRY, SEND])),
        *((order, RETRY) for order in permutations([RETRY, SEND])),
        ((SEND, SEND), SEND),
    ],
)
async def test_of_several_look_ups_that_failed_the_strictest_policy_holds(
    failed: tuple[LookupPolicy, ...], policy: LookupPolicy
) -> None:
    specs = tuple(
        LookupSpec(f"fact{number}", compile_path("detail.key"), table="facts", on_failure=on_failure)
        for number, on_failure in enumerate(failed)
    )
    finder = FactFinder({("paid", spec.name): _Silent() for spec in specs})

    [facts] = await finder.find([(event("shop", key="k"), notification_type(lookups=specs))])

    assert facts.failed is policy
    assert facts.values == dict.fromkeys(spec.name for spec in specs)
