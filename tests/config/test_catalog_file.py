"""The catalog's file: what is right becomes a catalog, what is wrong is told all at once, each with its line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent

import pytest

from notifyd.catalog_file import load_catalog
from notifyd.core.catalog import Catalog, LookupPolicy
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.event import Event
from notifyd.core.message_template import NO_FIELDS
from notifyd.core.user import Person
from notifyd.errors import ConfigError
from tests.support.catalog_examples import event

SHIPPED = Path(__file__).parents[2] / "config" / "notifications.yaml"
GOOD = {
    "match": "match: {source: [shop]}",
    "users": "users: detail.user_id",
    "category": "category: payments",
    "channels": "channels: [email, sms]",
}


def only_gold(_event: Event, _person: Person, facts: Mapping[str, object]) -> bool:
    return facts["plan"] == "gold"


async def asks_somebody(_event: Event, _person: Person, _facts: Mapping[str, object]) -> bool:
    return True


def read(folder: Path, text: str) -> Catalog:
    path = folder / "notifications.yaml"
    path.write_text(text, encoding="utf-8")
    return load_catalog(path)


def read_type(folder: Path, **keys: str) -> Catalog:
    """A good type `paid` with these keys over it: the first, `match`, stands on line 3."""
    body = "\n".join((GOOD | keys).values())
    return read(folder, f"types:\n  paid:\n{indent(body, ' ' * 4)}\n")


def faults(folder: Path, **keys: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read_type(folder, **keys)
    return [str(fault).replace(f"{folder}/", "") for fault in refused.value.faults]


# --- what is right ---


def test_the_shipped_catalog_tells_its_two_kinds_of_event_apart() -> None:
    catalog = load_catalog(SHIPPED)
    email = event("payment_request_event", "payment_notification_email", user_id="u-1")
    sms = event("payment_request_event", "payment_notification_sms", user_id="u-1")
    weekly = event("newsletter", "weekly_summary", user_id="u-1")
    assert [type_.name for type_ in catalog.matching(email)] == ["payment_received"]
    assert [type_.name for type_ in catalog.matching(sms)] == ["payment_received"]
    (summary,) = catalog.matching(weekly)
    assert (summary.name, summary.lane, summary.user_ids(weekly)) == ("weekly_summary", Lane.BULK, ("u-1",))
    assert catalog.matching(event("elsewhere", "weekly_summary")) == ()


def test_a_type_of_four_keys_has_the_documented_defaults(tmp_path: Path) -> None:
    (paid,) = read_type(tmp_path).types
    assert (paid.name, paid.template, paid.category) == ("paid", "paid", "payments")
    assert (paid.lane, paid.in_doubt, paid.deadline_s) == (Lane.TRANSACTIONAL, InDoubt.RESEND, 86_400)
    assert (paid.channels, paid.default) == ((Channel.EMAIL, Channel.SMS), True)
    assert (paid.data, paid.mail_fields, paid.lookups, paid.filter) == (None, NO_FIELDS, (), None)


def test_everything_a_type_may_say_arrives(tmp_path: Path) -> None:
    rest = """
        template: payment
        data: detail
        lane: bulk
        deadline_s: 60
        in_doubt: hold
        default: [sms]
        sender: Shop <shop@example.com>
        headers: {X-Shop: one}
        tags: {campaign: spring}
        filter: tests.config.test_catalog_file:only_gold
        lookups:
          plan: {key: detail.user_id, table: plans, timeout_s: 0.5, on_failure: suppress}
          rate: {key: detail.currency, url: "https://rates.example/latest"}
    """
    (paid,) = read_type(tmp_path, rest=dedent(rest)).types
    assert (paid.template, paid.lane, paid.deadline_s, paid.in_doubt) == ("payment", Lane.BULK, 60, InDoubt.HOLD)
    assert (paid.default, paid.mail_fields.sender) == ((Channel.SMS,), "Shop <shop@example.com>")
    assert (paid.mail_fields.headers, paid.mail_fields.tags) == ((("X-Shop", "one"),), (("campaign", "spring"),))
    plan, rate = paid.lookups
    assert (plan.name, plan.table, plan.url, plan.timeout_s) == ("plan", "plans", None, 0.5)
    assert (plan.on_failure, rate.on_failure) == (LookupPolicy.SUPPRESS, LookupPolicy.RETRY)
    assert (rate.table, rate.url) == (None, "https://rates.example/latest")
    assert plan.key.find(event(user_id="u-1").envelope) == "u-1"
    assert paid.filter is not None
    assert paid.filter(event(), Person("u-1"), {"plan": "gold"})


# --- what is wrong ---

FILTER = "tests.config.test_catalog_file"
WRONG: list[tuple[str, str, str]] = [
    ("match", "match: {source: shop}", "3: types.paid.match.source is 'shop'; a field takes a list of tests"),
    (
        "match",
        'match:\n  detail:\n    total: [{numeric: [">", x]}]',
        "5: types.paid.match.detail.total[0].numeric is ['>', 'x']; numeric takes",
    ),
    ("match", "match: {}", "3: types.paid.match is {}; name at least one field"),
    (
        "match",
        "match: {on: [x]}",
        "3: types.paid.match.True is True; a field's name is a string: put it in quotes",
    ),
    ("users", "users: detail.", "4: types.paid.users is wrong: 'detail.' is no JMESPath"),
    ("users", "users: detail-type", "4: types.paid.users is wrong: 'detail-type' is no JMESPath: Bad"),
    ("users", "users: 5", "4: types.paid.users is 5; write a JMESPath expression, such as detail.user_id"),
    ("category", "categry: x", "5: unknown key 'types.paid.categry'; write 'category'"),
    (
        "channels",
        "channels: [emial]",
        "6: types.paid.channels[0] is 'emial'; it should be 'email', 'sms', 'push_ios'",
    ),
    ("channels", "channels: []", "6: types.paid.channels is empty; add an entry"),
    ("channels", "channels: [sms, sms]", "6: types.paid.channels names a channel twice: sms, sms; name each once"),
    ("more", "default: maybe", "7: types.paid.default is 'maybe'; write true, false or a list of email, sms"),
    ("more", "default: [emial]", "7: types.paid.default[0] is 'emial'; known channels: email, sms, push_ios"),
    ("more", "default: [chat]", "7: types.paid.default names chat; name some of email, sms"),
    ("more", "lane: fast", "7: types.paid.lane is 'fast'; it should be 'transactional' or 'bulk'"),
    ("more", "in_doubt: guess", "7: types.paid.in_doubt is 'guess'; it should be 'resend', 'look_up' or 'hold'"),
    ("more", "deadline_s: 0", "7: types.paid.deadline_s is 0; it should be greater than 0"),
    ("more", "deadline_s: .inf", "7: types.paid.deadline_s is inf; it should be a finite number"),
    ("more", "template: ../secret", "7: types.paid.template is '../secret'; string should match pattern"),
    ("more", 'headers: {Bcc: "a@example.com"}', "7: types.paid.headers.Bcc cannot be sent: the header Bcc is not"),
    ("more", "tags: {campaign: two words}", "7: types.paid.tags.campaign cannot be sent: tag 'campaign'"),
    ("more", 'sender: "a@example.com\\nBcc: b"', "7: types.paid.sender holds the control character '\\n'"),
    (
        "more",
        "filter: only_gold",
        "7: types.paid.filter is 'only_gold'; name a function as package.module:function",
    ),
    (
        "more",
        "filter: no.such:thing",
        "7: types.paid.filter 'no.such:thing' cannot be imported: ModuleNotFoundError",
    ),
    ("more", f"filter: {FILTER}:gone", f"7: types.paid.filter '{FILTER}:gone' cannot be imported: AttributeError"),
    ("more", f"filter: {FILTER}:read", f"7: types.paid.filter '{FILTER}:read' is no plain function of three"),
    (
        "more",
        f"filter: {FILTER}:asks_somebody",
        "is no plain function of three arguments; write def asks_somebody(",
    ),
    ("more", f"filter: {FILTER}:GOOD", "is no plain function of three arguments"),
    ("more", "lookups: {a: {key: x}}", "7: types.paid.lookups.a names both a table and a url, or neither"),
    (
        "more",
        "lookups: {a: {key: x, table: t, ttl_s: 5}}",
        "7: unknown key 'types.paid.lookups.a.ttl_s'; write 'cache_ttl_s'",
    ),
    (
        "more",
        'lookups: {a: {key: x, url: "http://rates.example"}}',
        "7: types.paid.lookups.a.url is 'http://rates",
    ),
    (
        "more",
        "lookups: {a: {key: x, table: t, timeout_s: .inf}}",
        "7: types.paid.lookups.a.timeout_s is inf; it should be a finite number",
    ),
    ("more", "lookups: {a: {key: x., table: t}}", "7: types.paid.lookups.a.key is wrong: 'x.' is no JMESPath"),
]


@pytest.mark.parametrize(("key", "text", "fault"), WRONG)
def test_a_wrong_entry_is_told_with_its_line_its_value_and_what_would_be_right(
    tmp_path: Path, key: str, text: str, fault: str
) -> None:
    found = faults(tmp_path, **{key: text})
    assert any(fault in each and each.startswith("notifications.yaml:") for each in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is not a mapping; start from `types:`"),
        ("[]", "is not a mapping; start from `types:`"),
        ("types: {}", "types is empty; add an entry"),
        ("typs: {}", "unknown key 'typs'; write 'types'"),
        ("types:\n  a: 5\n", ":2: types.a is not a mapping; make it a mapping"),
        ("types:\n  a: {}\n  a: {}\n", ":3: types.a stands here again, first on line 2; keep one of them"),
        ("types: [\n", "no YAML"),
    ],
)
def test_a_file_that_holds_no_types_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert any(fault in str(each) for each in refused.value.faults), refused.value


def test_a_type_is_named_so_that_its_templates_have_a_folder(tmp_path: Path) -> None:
    body = "{match: {source: [a]}, users: a, category: c, channels: [email]}"
    with pytest.raises(ConfigError, match=r":2: types\.\.\./etc is '\.\./etc'; string should match pattern"):
        read(tmp_path, f"types:\n  ../etc: {body}\n")


def test_all_faults_are_told_at_once_whatever_their_kind(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        match="match: {source: x, id: [{prefix: 5}]}",
        users="users: a.",
        channels="channels: [emial]",
        more="lane: fast\nfilter: no.such:thing\nlokups: {}",
    )
    assert [fault.split(" ")[0].split(":")[1] for fault in sorted(found)] == ["3", "3", "4", "6", "7", "8", "9"]


def test_a_lookup_in_a_table_without_a_name_is_refused(tmp_path: Path) -> None:
    lines = ["types:", "  paid:", *(f"    {line}" for line in GOOD.values())]
    lines.append("    lookups: {plan: {key: detail.user_id, table: ''}}")
    with pytest.raises(
        ConfigError, match=r"types\.paid\.lookups\.plan\.table is ''; string should have at least 1"
    ):
        read(tmp_path, "\n".join(lines))
