from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.channel import Channel
from notifyd.core.message import Chat, Email, Message, Push, Sms
from notifyd.core.render import TemplateSet
from notifyd.core.template_fault import TemplateFault
from notifyd.core.template_parts import PUSH_CHANNELS

CONTEXT: dict[str, Any] = {"data": {"payer": "M & S", "amount": 5, "unread": 3, "none": ""}}


def _render(channel: Channel, texts: dict[str, str], context: dict[str, Any] = CONTEXT) -> Message:
    templates, _ = TemplateSet.compile("v1", {f"paid/{name}": text for name, text in texts.items()})
    return templates.render("paid", channel, context)


def _fault(channel: Channel, texts: dict[str, str], context: dict[str, Any] = CONTEXT) -> str:
    with pytest.raises(TemplateFault) as caught:
        _render(channel, texts, context)
    return str(caught.value)


def test_an_sms_is_its_text_and_whether_it_may_be_shortened() -> None:
    assert _render(Channel.SMS, {"sms.text": "{{ data.payer }} paid\n"}) == Sms("M & S paid")
    texts = {"sms.text": "paid", "sms.options": "shorten: yes"}
    assert _render(Channel.SMS, texts) == Sms("paid", shorten=True)
    assert "neither yes nor no" in _fault(Channel.SMS, {**texts, "sms.options": "shorten: perhaps"})
    assert "the text is empty" in _fault(Channel.SMS, {"sms.text": "{{ data.none }}"})


def test_every_push_channel_takes_the_shared_parts_unless_it_has_its_own() -> None:
    texts = {
        "push.title": "Paid",
        "push.body": "{{ data.payer }}: {{ data.amount }}",
        "push.data": "amount: {{ data.amount }}\nempty: {{ data.none }}",
        "push.options": "badge: {{ data.unread }}\nlink: app://pay\nimage: https://i.example/x.png\nsound:",
        "push_ios.title": "Paid on iOS",
    }
    ios, *others = [_render(channel, texts) for channel in PUSH_CHANNELS]
    whole = Push(
        title="Paid",
        body="M & S: 5",
        data=(("amount", "5"),),
        badge=3,
        image_url="https://i.example/x.png",
        link="app://pay",
    )
    assert others == [whole, whole]
    assert ios == msgspec.structs.replace(whole, title="Paid on iOS")


def test_a_field_is_no_html_whatever_its_name_is() -> None:
    push = _render(Channel.PUSH_IOS, {"push.data": "page.html: {{ data.payer }}"})
    assert isinstance(push, Push)
    assert push.data == (("page.html", "M & S"),)


def test_a_piece_of_html_is_html_whatever_its_folder_is_called() -> None:
    texts = {"email.subject": "x", "email.text": "x", "email.html": "{% include '_a#1/x.html' %}"}
    shared = {"_a#1/x.html": "{{ data.payer }}"}
    templates, _ = TemplateSet.compile("v1", {**{f"paid/{name}": text for name, text in texts.items()}, **shared})
    email = templates.render("paid", Channel.EMAIL, CONTEXT)
    assert isinstance(email, Email)
    assert str(email.html) == "M &amp; S"


def test_a_push_of_data_alone_is_silent() -> None:
    push = _render(Channel.PUSH_IOS, {"push.data": "sync: 1"})
    assert isinstance(push, Push)
    assert push.is_silent
    assert "title, body and data are empty" in _fault(Channel.PUSH_IOS, {"push.data": "sync: {{ data.none }}"})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("colour: red", "'colour', no option; options: badge, sound"),
        ("badge: many", "badge is no whole number"),
        ("badge: -1", "badge is no whole number"),
        ("badge: 2147483648", "badge is more than 2147483647"),
        (f"badge: {'9' * 5_000}", "badge is more than 2147483647"),
        ("image: http://i.example/x", "image is no https URL"),
        (f"collapse: {'ü' * 33}", "collapse is longer than 64 bytes"),
        ("collapse: {{ '\\ud83d' }}", "collapse holds half a surrogate pair"),
        ("shorten: maybe", "neither yes nor no"),
    ],
)
def test_an_option_that_means_nothing_is_a_fault(options: str, named: str) -> None:
    assert named in _fault(Channel.WEB_PUSH, {"push.body": "x", "push.options": options})


def test_an_unknown_option_is_found_before_any_event() -> None:
    _, findings = TemplateSet.compile("v1", {"paid/push.body": "x", "paid/push.options": "colour: red"})
    assert [finding.where for finding in findings] == ["paid/push.options"]


def test_no_value_of_a_chat_message_rings_for_everybody_or_leaves_its_string() -> None:
    evil = {"data": {"payer": '<!channel> "&" \'x\'", {"type": "y"', "amount": 5}}
    blocks = '[{"type": "section", "text": {"type": "mrkdwn", "text": "*{{ data.payer }}* paid"}}, {"n": 1}]'
    chat = _render(
        Channel.CHAT, {"chat.text": "{{ data.payer }} <{{ data.amount }}>", "chat.blocks": blocks}, evil
    )
    escaped = '&lt;!channel&gt; "&amp;" \'x\'", {"type": "y"'
    assert isinstance(chat, Chat)
    assert chat.text == f"{escaped} <5>"
    assert chat.blocks is not None
    section, number = msgspec.json.decode(chat.blocks)
    assert section == {"type": "section", "text": {"type": "mrkdwn", "text": f"*{escaped}* paid"}}
    assert number == {"n": 1}


def test_a_link_of_a_block_stays_as_it_is() -> None:
    blocks = """[{"type": "image", "image_url": "{{ data.link }}", "alt_text": "{{ data.link }}"},
                 {"url": "{% if 1 %}{{ data.link }}{% endif %}", "text": {"text": "<{{ data.link }}|open>"}}]"""
    link = "https://shop.example/o?a=1&b='2'"
    chat = _render(Channel.CHAT, {"chat.text": "x", "chat.blocks": blocks}, {"data": {"link": link}})
    assert isinstance(chat, Chat)
    assert chat.blocks is not None
    image, button = msgspec.json.decode(chat.blocks)
    escaped = link.replace("&", "&amp;")
    assert (image["image_url"], image["alt_text"]) == (link, escaped)
    assert (button["url"], button["text"]["text"]) == (link, f"<{escaped}|open>")


@given(st.text())
def test_any_value_stays_inside_the_string_of_its_block(value: str) -> None:
    chat = _render(Channel.CHAT, {"chat.text": "x", "chat.blocks": '["{{ data.v }}"]'}, {"data": {"v": value}})
    assert isinstance(chat, Chat)
    assert chat.blocks is not None
    [text] = msgspec.json.decode(chat.blocks)
    assert text == value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("blocks", "named"),
    [
        ("{", "is no JSON"),
        ("{}", "is no array"),
        ('["{{ data.nope }}"]', "chat.blocks#/0"),
        ('["{% if %}"]', "#/0"),
    ],
)
def test_blocks_that_are_wrong_name_their_place(blocks: str, named: str) -> None:
    assert named in _fault(Channel.CHAT, {"chat.text": "x", "chat.blocks": blocks})


@pytest.mark.parametrize("name", ["chat.text", "email.html"])
def test_a_part_that_escapes_takes_no_piece_that_does_not(name: str) -> None:
    texts = {f"paid/{name}": "{% include '_p/x.text' %}", "paid/email.subject": "x", "paid/email.text": "x"}
    _, findings = TemplateSet.compile("v1", {**texts, "_p/x.text": "{{ data.payer }}"})
    assert [finding.where for finding in findings] == [f"paid/{name}:1"]
    assert "escapes nothing" in findings[0].what


def test_a_channel_without_its_parts_says_what_it_needs() -> None:
    assert "push_ios needs body, or title, or data" in _fault(Channel.PUSH_IOS, {"push.options": "badge: 1"})
    assert "chat needs text" in _fault(Channel.CHAT, {"chat.blocks": "[]"})


def test_strings_of_blocks_are_told_apart_whatever_their_keys_hold() -> None:
    blocks = '[{"a/b": "{{ data.payer }}", "a": {"b": "{{ data.amount }}"}, "a~1b": "{{ data.unread }}"}]'
    chat = _render(Channel.CHAT, {"chat.text": "x", "chat.blocks": blocks})
    assert isinstance(chat, Chat)
    assert chat.blocks is not None
    assert msgspec.json.decode(chat.blocks) == [{"a/b": "M &amp; S", "a": {"b": "5"}, "a~1b": "3"}]


def test_blocks_that_no_json_can_hold_are_a_fault() -> None:
    texts = {"chat.text": "x", "chat.blocks": r"""["{{ '\\ud83d\\ude00' }}"]"""}
    assert "blocks hold half a surrogate pair" in _fault(Channel.CHAT, texts)
