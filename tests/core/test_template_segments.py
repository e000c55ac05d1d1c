"""The fast path gives exactly what Jinja2 gives, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import escape

from notifyd.core.template_sandbox import TemplateSandbox
from notifyd.core.template_segments import segments_of

KEYS = ["a", "b", "items", "get", "0", "upper"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(alphabet="&<>'\"; amp#39\u2028é\0%s", max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
CONTEXTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)
STEPS = st.sampled_from([".a", ".items", ".get", ".upper", "['b']", "['0']", "[0]", ".0", "[1]"])
PLACES = st.builds(
    lambda before, name, steps, escape, after: f"{{{{{before} {name}{''.join(steps)}{escape} {after}}}}}",
    st.sampled_from(["", "-", "+"]),
    st.sampled_from(["a", "b", "items"]),
    st.lists(STEPS, max_size=3),
    st.sampled_from(["", "|e", "|escape"]),
    st.sampled_from(["", "-"]),
)
LITERALS = st.text(alphabet="ab &<>'\"\n\t}é%", max_size=6) | st.sampled_from(
    ["{# note #}", "{#- note -#}\n", "{% raw %}{{{% endraw %}", "  {%- raw -%} {{ {%- endraw +%}\n", "\r\n"]
)
SOURCES = st.lists(PLACES | LITERALS, max_size=6).map("".join)


@given(SOURCES, CONTEXTS, st.sampled_from(["t.text", "t.html"]))
def test_it_renders_what_jinja2_renders_or_leaves_it_to_jinja2(
    source: str, context: dict[str, Any], name: str
) -> None:
    sandbox = TemplateSandbox({name: source})
    segments = segments_of(sandbox.parse(source), escapes=name.endswith(".html"))
    assert segments is not None

    fast = segments.fill(context)

    assert segments.render(context) == (None if fast is None else str(fast))
    if fast is None:
        with pytest.raises(UndefinedError):
            sandbox.get_template(name).render(context)
    else:
        assert str(fast) == sandbox.get_template(name).render(context)
        assert len(fast) == len(str(fast))


@pytest.mark.parametrize(
    "source",
    [
        "{% if a %}x{% endif %}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{{ a|upper }}",
        "{{ a|e|upper }}",
        "{{ a + b }}",
        "{{ a[b] }}",
        "{{ a[1:2] }}",
        "{{ 'constant' }}",
        "{{ self }}",
        "{{ a() }}",
        "{{ a if b else c }}",
        "{% set a = 1 %}{{ a }}",
    ],
)
def test_whatever_does_more_than_show_values_is_left_to_jinja2(source: str) -> None:
    assert segments_of(TemplateSandbox({}).parse(source), escapes=False) is None


def test_a_field_wins_over_a_method_of_its_name() -> None:
    """Unlike in Jinja2 as it comes: `data.items` of an event is a field far more often than a call."""
    sandbox = TemplateSandbox({})
    source = "{{ data.items }}"
    segments = segments_of(sandbox.parse(source), escapes=False)
    assert segments is not None

    assert str(segments.fill({"data": {"items": "both"}})) == "both"
    assert sandbox.from_string(source).render({"data": {"items": "both"}}) == "both"


@pytest.mark.parametrize("special", list("&<>'\""))
def test_each_character_that_html_knows_is_escaped(special: str) -> None:
    segments = segments_of(TemplateSandbox({}).parse("<i>{{ a }}</i>"), escapes=True)
    assert segments is not None

    assert str(segments.fill({"a": f"x{special}y"})) == f"<i>x{escape(special)}y</i>"
    assert special not in str(escape(special)).removeprefix("&")
