"""What templates cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment, TemplateError, TemplateSyntaxError

from notifyd.core.template_sandbox import LOOP_STEPS_MAX, TemplateSandbox

DATA = {"name": "Ann", "many": list(range(1000)), "rows": [{"x": 1}, {"x": 2}]}


def _render(source: str, **shared: str) -> str:
    sandbox = TemplateSandbox({"t/email.html": source, **shared})
    return sandbox.get_template("t/email.html").render(DATA)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 9**9**6 }}",
        "{{ name * 100000000 }}",
        "{{ rows * 100000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ name.__class__.__mro__ }}",
        "{{ name['__class__'] }}",
        "{{ name.upper() }}",
        "{{ rows.append(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ range(9) }}",
        "{{ cycler }}{{ lipsum() }}",
        "{% for a in many %}{% for b in many %}{% set c = 1 %}{% endfor %}{% endfor %}",
        "{{ undefined_name }}",
        "{{ name.undefined_field }}",
    ],
)
def test_it_is_stopped_while_it_renders(source: str) -> None:
    with pytest.raises(TemplateError):
        _render(source)


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{% macro m() %}{{ m() }}{% endmacro %}", "macro"),
        ("{% import 't/email.html' as t %}", "import"),
        ("{% from 't/email.html' import t %}", "from … import"),
        ("{% autoescape false %}{{ name }}{% endautoescape %}", "autoescape"),
        ("{% for row in rows recursive %}{{ loop(rows) }}{% endfor %}", "recursive"),
        ("{% include name %}", "plain string"),
        ("{% include 'nowhere' %}", "'nowhere'"),
        ("{% extends 'nowhere' %}", "'nowhere'"),
        *(
            (f"{{% if false %}}{{{{ name|{name} }}}}{{% endif %}}", f"'{name}'")
            for name in ("safe", "center", "indent", "format", "attr", "random", "tojson", "xmlattr", "urlize")
        ),
    ],
)
def test_it_does_not_compile(source: str, named: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=named):
        _render("\n" + source)


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("{{ name|upper }} {{ 2 * 3 }} {{ 7 % 4 }}", "ANN 6 3"),
        ("{% for row in rows %}{{ loop.index }}/{{ loop.length }}:{{ row.x }} {% endfor %}", "1/2:1 2/2:2 "),
        ("{% for row in rows %}{{ loop.cycle('a', 'b') }}{% endfor %}", "ab"),
        ("{% for row in rows if row.x > 1 %}{{ row.x }}{% else %}none{% endfor %}", "2"),
        ("{% for key, value in rows[0]|items %}{{ key }}={{ value }}{% endfor %}", "x=1"),
        ("{{ rows|map(attribute='x')|sum }} {{ nobody|default('nobody') }}", "3 nobody"),
        ("{{ '<b>' }}{{ '<b>'|e }}", "&lt;b&gt;&lt;b&gt;"),
    ],
)
def test_it_does_what_mails_need(source: str, rendered: str) -> None:
    assert _render(source) == rendered


def test_a_layout_is_extended_and_a_piece_included() -> None:
    shared = {"_mail/layout.html": "<h1>{% block title %}x{% endblock %}</h1>", "_mail/foot.html": "{{ name }}!"}
    title = "{% block title %}{{ super() }}{% include '_mail/foot.html' %}{% endblock %}"

    assert _render("{% extends '_mail/layout.html' %}" + title, **shared) == "<h1>xAnn!</h1>"


def test_the_steps_of_all_loops_of_a_render_count_together() -> None:
    sandbox = TemplateSandbox({"t": "{% for a in many %}.{% endfor %}" * 3})

    assert len(sandbox.get_template("t").render(DATA)) == 3000
    assert sandbox.steps_left == LOOP_STEPS_MAX - 3000


def test_what_a_refusal_says_holds_no_data() -> None:
    values: dict[str, Any] = {"secret": "ann@example.com"}
    for source in ("{{ secret() }}", "{{ secret * 9 }}", "{{ secret.x }}", "{{ secret ** 2 }}"):
        with pytest.raises(TemplateError) as caught:
            TemplateSandbox({}).from_string(source).render(values)
        assert "ann@" not in str(caught.value)


MUCH = "x" * 100_000
ODD: dict[str, Any] = {
    "blanks": " " * 1_000_000,
    "text": MUCH,
    "places": -(10**9),
    "nested": [[1]] * 100,
    "empty": [{}] * 9_000,
}


@pytest.mark.parametrize("name", ["t/email.text", "t/email.html"])
@pytest.mark.parametrize(
    "source",
    [
        "{{ blanks|wordwrap(5) }}",
        "{{ text|wordwrap(5) }}",
        "{{ 5|round(places) }}",
        "{{ 5.5|round(-places, 'ceil') }}",
        "{{ nested|sum(start=[]) }}",
        "{{ text|replace('x', text) }}",
        "{{ text|e|replace(text[:1], text)|length }}",
        "{{ empty|join(text)|length }}",
        "{{ empty|map(attribute='x', default=text)|join|length }}",
        "{% set all %}{% for row in empty %}{{ text }}{% endfor %}{% endset %}{{ all|length }}",
        "{% filter length %}{% for row in empty %}" + "y" * 1_000 + "{% endfor %}{% endfilter %}",
        "{% for row in empty %}{{ empty|selectattr('x', 'undefined')|list|length }}{% endfor %}",
    ],
)
def test_odd_data_make_no_template_run_long_or_grow_large(source: str, name: str) -> None:
    sandbox = TemplateSandbox({name: source})

    with pytest.raises(TemplateError):
        sandbox.get_template(name).render(ODD)


@pytest.mark.parametrize("name", ["t/email.text", "t/email.html"])
@pytest.mark.parametrize(
    "source",
    [
        "{{ long|wordwrap }} {{ name|wordwrap(width=1, wrapstring='|') }}",
        "{{ 2.345|round(1) }} {{ 1250|round(-2) }} {{ 2.1|round(0, 'ceil') }}",
        "{{ many|sum }} {{ rows|sum(attribute='x', start=1.5) }} {{ rows|map(attribute='x')|max }}",
        "{{ html|replace('<', name) }} {{ html|e|replace('&lt;', html) }} {{ name|replace('n', '<'|e, 1) }}",
        "{{ [1, html, none]|join('<') }} {{ [html|e, html]|join('<') }} {{ rows|join('/', attribute='x') }}",
        "{{ rows|rejectattr('x', 'equalto', 1)|list }} {{ many|unique|list|length }}",
    ],
)
def test_bounded_filters_give_what_jinja2s_give(source: str, name: str) -> None:
    data = {**DATA, "html": "<b>&</b>", "long": "so much to say " * 50}
    jinja2 = Environment(autoescape=name.endswith(".html"))

    rendered = TemplateSandbox({name: source}).get_template(name).render(data)

    assert rendered == jinja2.from_string(source).render(data)


def test_the_groups_of_groupby_have_their_names() -> None:
    source = "{% for group in rows|groupby('x') %}{{ group.grouper }}={{ group.list|length }};{% endfor %}"

    assert _render(source + "{{ rows|groupby('x')|map(attribute='grouper')|join(',') }}") == "1=1;2=1;1,2"
