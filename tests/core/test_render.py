from __future__ import annotations

from typing import Any

import pytest

from notifyd.core.channel import Channel
from notifyd.core.message import Email
from notifyd.core.message_template import MailFields
from notifyd.core.render import TemplateSet
from notifyd.core.template import OUTPUT_CHARS_MAX, SOURCE_CHARS_MAX
from notifyd.core.template_fault import Finding, TemplateFault

TEXTS = {
    "paid/email.subject": "{{ data.payer }} paid\n",
    "paid/email.text": "You got {{ data.amount }}.\n",
    "paid/email.html": "<p>From {{ data.payer }}{% if facts.vip %}, a friend{% endif %}</p>",
}
CONTEXT: dict[str, Any] = {"data": {"payer": "M & S", "amount": 5}, "facts": {"vip": True}}


def _fault(texts: dict[str, str], context: dict[str, Any] = CONTEXT, **more: Any) -> Finding:
    templates, _ = TemplateSet.compile("v1", {**TEXTS, **texts})
    with pytest.raises(TemplateFault) as caught:
        templates.render("paid", Channel.EMAIL, context, MailFields(**more))
    return caught.value.finding


def test_an_email_has_its_parts_and_only_html_is_escaped() -> None:
    templates, findings = TemplateSet.compile("v1", TEXTS)

    assert not findings
    assert templates.version == "v1"
    assert templates.render(
        "paid", Channel.EMAIL, CONTEXT, MailFields("a@example.com", tags=(("type", "paid"),))
    ) == Email(
        subject="M & S paid",
        text="You got 5.",
        html="<p>From M &amp; S, a friend</p>",
        sender="a@example.com",
        tags=(("type", "paid"),),
    )


def test_html_may_be_left_out() -> None:
    templates, findings = TemplateSet.compile("v1", {n: t for n, t in TEXTS.items() if not n.endswith("html")})

    assert not findings
    mail = templates.render("paid", Channel.EMAIL, CONTEXT)
    assert isinstance(mail, Email)
    assert mail.html is None


def test_headers_and_tags_are_rendered_and_win_over_those_given() -> None:
    fields = {
        "paid/email.headers": "X-Ref: {{ data.amount }}\n\nX-Empty: {{ '' }}\n",
        "paid/email.tags": "kind:{% if facts.vip %}vip{% else %}plain{% endif %}\n",
    }
    templates, findings = TemplateSet.compile("v1", {**TEXTS, **fields})
    own = MailFields(headers=(("x-ref", "old"), ("X-Kept", "yes")), tags=(("kind", "old"), ("team", "pay")))
    mail = templates.render("paid", Channel.EMAIL, CONTEXT, own)

    assert not findings
    assert isinstance(mail, Email)
    assert mail.headers == (("X-Kept", "yes"), ("X-Ref", "5"))
    assert mail.tags == (("team", "pay"), ("kind", "vip"))


@pytest.mark.parametrize("evil", ["x\r\nBcc: a@b.example", "x\nBcc: a@b.example", "x\rBcc: a", "x\0y", "x\u2028y"])
def test_no_value_begins_another_field(evil: str) -> None:
    context = {**CONTEXT, "data": {"payer": evil, "amount": 5}}

    assert "control character" in _fault({}, context).what
    headers = {"paid/email.subject": "x", "paid/email.headers": "X-Payer: {{ data.payer }}"}
    assert "header X-Payer" in _fault(headers, context).what
    tags = {"paid/email.subject": "x", "paid/email.tags": "payer: {{ data.payer }}"}
    assert "tag 'payer'" in _fault(tags, context).what
    assert "control character" in _fault({}, sender=f"a@example.com{evil}").what
    assert "header" in _fault({}, headers=(("X-Given", evil),)).what
    assert "header" in _fault({}, headers=((evil, "given"),)).what
    assert "tag" in _fault({}, tags=(("given", evil),)).what


@pytest.mark.parametrize("name", ["From", "to", "BCC", "Subject", "Content-Type", "Resent-To", "X-SES-Y"])
def test_fields_that_the_provider_writes_are_refused(name: str) -> None:
    assert name in _fault({}, headers=((name, "x"),)).what


@pytest.mark.parametrize(
    ("texts", "where", "named"),
    [
        ({"paid/email.text": "a\nb {{ data.nope }}"}, "paid/email.text:2", "nope"),
        ({"paid/email.text": "a\n{% if 1 %}{{ nope }}{% endif %}"}, "paid/email.text:2", "nope"),
        ({"paid/email.html": "{% include '_x.html' %}", "_x.html": "\n\n{{ nope.x }}"}, "_x.html:3", "nope"),
        ({"paid/email.headers": "X-A: 1\nX-B: {{ nope }}"}, "paid/email.headers#X-B:2", "nope"),
        ({"paid/email.text": "{{ data.payer + 1 }}"}, "paid/email.text:1", "can only concatenate"),
        ({"paid/email.text": "{{ 1 / 0 }}"}, "paid/email.text:1", "ZeroDivisionError"),
        ({"paid/email.text": "{% include 'paid/email.text' %}"}, "paid/email.text:1", "RecursionError"),
        ({"paid/email.text": "{{ '' }}\n \n"}, "paid/email", "text is empty"),
        ({"paid/email.subject": " {{ '' }}\n"}, "paid/email", "is empty"),
        ({"paid/email.subject": "x" * 999}, "paid/email", "999"),
    ],
)
def test_a_fault_names_its_template_and_line(texts: dict[str, str], where: str, named: str) -> None:
    finding = _fault(texts)

    assert finding.where == where
    assert named in finding.what


def test_a_type_without_templates_is_a_fault() -> None:
    templates, _ = TemplateSet.compile("v1", TEXTS)
    with pytest.raises(TemplateFault, match=r"other/email\.subject: is missing"):
        templates.render("other", Channel.EMAIL, CONTEXT)


@pytest.mark.parametrize(
    ("texts", "where", "named"),
    [
        ({"paid/email.text": "a\n{% if %}"}, "paid/email.text:2", "Expected an expression"),
        ({"paid/email.html": "{{ data.payer|safe }}"}, "paid/email.html:1", "'safe'"),
        ({"paid/email.html": "x" * (SOURCE_CHARS_MAX + 1)}, "paid/email.html", "characters long"),
        ({"paid/email.text": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"}, "paid/email.text", "nested"),
        ({"paid/email.text": "{% for a in data %}" * 30 + "{% endfor %}" * 30}, "paid/email.text", "nested"),
        ({"paid/email.text": "{% if 1 %}" * 200 + "{% endif %}" * 200}, "paid/email.text", "nested"),
        ({"paid/email.text": "{{ 1" + "0" * 5000 + " }}"}, "paid/email.text", "4300 digits"),
        ({"paid/email.headers": "no colon"}, "paid/email.headers:1", "'no colon'"),
        ({"paid/email.headers": "X-A: 1\nx-a: 2"}, "paid/email.headers:2", "twice"),
        ({"paid/email.tags": "\n{% if x %}a: b{% endif %}"}, "paid/email.tags:2", "no field"),
        ({"_shared/x.text": "{% if %}"}, "_shared/x.text:1", "Expected an expression"),
    ],
)
def test_what_does_not_compile_is_found_before_any_event(texts: dict[str, str], where: str, named: str) -> None:
    _, findings = TemplateSet.compile("v1", {**TEXTS, **texts})

    assert [finding.where for finding in findings] == [where]
    assert named in findings[0].what


def test_a_type_with_a_finding_never_sends_half_a_mail() -> None:
    assert _fault({"paid/email.html": "{% if %}"}).where == "paid/email.html:1"
    texts = {name: text for name, text in TEXTS.items() if not name.endswith("text")}
    templates, findings = TemplateSet.compile("v1", texts)
    assert [finding.where for finding in findings] == ["paid/email.text"]
    with pytest.raises(TemplateFault, match="is missing"):
        templates.render("paid", Channel.EMAIL, CONTEXT)


@pytest.mark.parametrize("source", ["{{ data.payer }}", "{% for x in data.payer %}{{ data.payer }}{% endfor %}"])
def test_a_part_that_grows_too_large_is_a_fault(source: str) -> None:
    context = {"data": {"payer": "x" * (OUTPUT_CHARS_MAX + 1)}}
    assert _fault({"paid/email.subject": "x", "paid/email.text": source}, context).what == "renders to too much"
