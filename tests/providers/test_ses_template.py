"""What mails of one template share goes to SES once, and each arrives as it was rendered."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.filled_text import FilledText, FixedText, filled
from notifyd.core.message import Email
from notifyd.core.outcome import Accepted
from notifyd.providers._ses_request import Envelope, bulk_body
from notifyd.providers._ses_template import template_of
from tests.support.deliveries import delivery
from tests.support.provider_rigs import ses_rig

PIECES = st.lists(st.text(alphabet='{}\\"h01 <é\n', max_size=5), min_size=1, max_size=4)
# How Handlebars reads a template: a brace or a backslash before a placeholder changes what it means.
PLACEHOLDER = re.compile(r"(?<![{\\])\{\{(\w+)\}\}(?!\})")


def html_of(fixed: FixedText, *values: str) -> FilledText:
    return filled(fixed, values[: len(fixed.pieces) - 1])


def bulk(emails: list[Email]) -> tuple[str, list[dict[str, str]]]:
    """The template's HTML, and what each mail puts into it."""
    mails = [("ann@example.com", delivery(email)) for email in emails]
    body: dict[str, Any] = json.loads(bulk_body(Envelope("shop@example.com", (), None), mails))
    return body["DefaultContent"]["Template"]["TemplateContent"]["Html"], [
        json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
        for entry in body["BulkEmailEntries"]
    ]


@given(PIECES, st.lists(st.text(), min_size=3, max_size=3), st.integers(1, 3))
def test_ses_makes_of_template_and_values_what_was_rendered(
    pieces: list[str], values: list[str], count: int
) -> None:
    fixed = FixedText(pieces)
    htmls = [html_of(fixed, *(f"{value}{number}" for value in values)) for number in range(count)]
    template, data = bulk([Email("s", "t", html) for html in htmls])

    for html, given_values in zip(htmls, data, strict=True):
        assert PLACEHOLDER.sub(lambda found, known=given_values: known[found[1]], template) == str(html)  # type: ignore[misc]
        assert len(html) == len(str(html))


def test_a_text_that_ses_would_read_as_more_than_text_goes_whole() -> None:
    for pieces in (["a{{b}}", ""], ["a{", "b"], ["a\\", "b"], ["a", "}b"]):
        assert template_of([Email("s", "t", html_of(FixedText(pieces), "x"))]).html == "{{h}}"
    assert template_of([Email("s", "t", html_of(FixedText(["a{b}", "c\\ {"]), "x"))]).html == "a{b}{{h0}}c\\ {"


def test_mails_of_several_templates_go_whole() -> None:
    one, two = (html_of(FixedText(["<p>", "</p>"]), value) for value in ("1", "2"))
    template, data = bulk([Email("s", "t", one), Email("s", "t", two), Email("s", "t", "<p>3</p>")])
    assert template == "{{h}}"
    assert [values["h"] for values in data] == ["<p>1</p>", "<p>2</p>", "<p>3</p>"]


async def test_mails_that_share_their_fixed_text_arrive_whole() -> None:
    fixed = FixedText(["<p>Grüße, ", "</p><style>p {color: ", " }</style>"])
    emails = [Email("s", "t", html_of(fixed, name, "{{h0}}")) for name in ('"Ann" &amp; é', "\\")]
    async with ses_rig() as rig:
        outcomes = await rig.provider.send([delivery(email) for email in emails])
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert [mail.html for mail in rig.mails] == [str(email.html) for email in emails]
