from __future__ import annotations

import json
from pathlib import Path

import pytest

from notifyd.catalog_file import load_catalog
from notifyd.core.channel import Channel
from notifyd.core.message import Email
from notifyd.core.render import TemplateSet
from notifyd.core.template_fault import TemplateFault
from notifyd.core.template_lint import lint, preview, read_sample
from notifyd.core.template_parts import files_of_parts
from notifyd.template_folder import read_folder

EMAIL = {"paid": [Channel.EMAIL]}
TEXTS = {
    "paid/email.subject": "{{ data.payer }}",
    "paid/email.text": "{% for row in data.rows %}{{ row.name }}{% endfor %}",
    "paid/sample.json": json.dumps({"data": {"payer": "Ann", "rows": [{"name": "x"}]}}),
}
SHIPPED = Path(__file__).parents[2] / "config" / "templates"


def _found(**changed: str | None) -> list[str]:
    """`changed`: by the file's name with _ for its dot; None takes the file away."""
    texts = dict(TEXTS)
    for file, text in changed.items():
        name = f"paid/{file.replace('_', '.')}"
        texts.pop(name, None)
        if text is not None:
            texts[name] = text
    return [f"{finding.where}: {finding.what}" for finding in lint(texts, EMAIL)]


def test_what_is_right_is_passed() -> None:
    assert _found() == []
    assert lint({**TEXTS, "_layout/x.html": "x", "paid/.hidden": "x"}, EMAIL) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"email_text": None}, "paid/email.text: is missing"),
        ({"email_html": "a\n{{ data.nope }}"}, "paid/email.html:2: 'dict object' has no attribute 'nope'"),
        ({"email_html": "{% if"}, "paid/email.html:1: "),
        ({"sample_json": "{"}, "paid/sample.json: "),
        ({"sample_json": '{"date": {}}'}, "paid/sample.json: Object contains unknown field `date`"),
        ({"email_txt": "x"}, "paid/email.txt: is read by nothing"),
        ({"sms_html": "x"}, "paid/sms.html: is read by nothing"),
    ],
)
def test_what_is_wrong_is_found_by_file_and_line(changed: dict[str, str | None], found: str) -> None:
    findings = _found(**changed)

    assert len(findings) == 1
    assert findings[0].startswith(found)


def test_without_a_sample_the_mail_is_compiled_and_not_rendered() -> None:
    assert _found(sample_json=None, email_html="{{ data.nope }}") == []
    assert len(_found(sample_json=None, email_html="{{ data.nope|nope }}")) == 1


def test_a_type_of_the_catalog_without_any_template_misses_its_parts() -> None:
    findings = lint(TEXTS, {**EMAIL, "weekly": [Channel.EMAIL], "urgent": [Channel.SMS]})

    assert [finding.where for finding in findings] == ["urgent/sms.text", "weekly/email.subject"]


def test_a_preview_is_the_message_as_it_would_be_sent() -> None:
    sample = read_sample(TEXTS, "paid")
    assert sample is not None

    assert preview(TEXTS, "paid", Channel.EMAIL, sample) == Email("Ann", "x")
    with pytest.raises(TemplateFault, match=r"paid/sms\.text: is missing"):
        preview(TEXTS, "paid", Channel.SMS, sample)


def test_the_shipped_templates_pass_with_their_samples_on_every_channel() -> None:
    texts = read_folder(SHIPPED)
    types = load_catalog(SHIPPED.with_name("notifications.yaml")).types

    assert {part.type_name for part in files_of_parts(texts)} == {type_.template for type_ in types}
    assert {channel for type_ in types for channel in type_.channels} == set(Channel)
    assert lint(texts, {type_.template: list(type_.channels) for type_ in types}) == []
    for type_ in types:
        sample = read_sample(texts, type_.template)
        assert sample is not None
        for channel in type_.channels:
            preview(texts, type_.template, channel, sample)


def test_the_shipped_payment_mail_takes_the_fast_path_and_escapes() -> None:
    texts = read_folder(SHIPPED)
    sample = read_sample(texts, "payment_received")
    assert sample is not None
    templates, _ = TemplateSet.compile("v", texts)
    mail = templates.render("payment_received", Channel.EMAIL, sample)
    assert isinstance(mail, Email)

    assert templates.is_plain("payment_received", Channel.EMAIL)
    assert not templates.is_plain("weekly_summary", Channel.EMAIL)
    assert "Marta & Sons" in mail.text
    assert mail.html is not None
    assert "Marta &amp; Sons" in str(mail.html)
