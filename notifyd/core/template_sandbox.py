"""Jinja2's language, cut down to showing data.

Templates come from a trusted place; what is shut out is what an accident or odd data could do: reach an object's
inside, send unescaped HTML, run long, grow large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from jinja2 import FunctionLoader, StrictUndefined, TemplateAssertionError, nodes, pass_environment
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.runtime import BlockReference, Context, LoopContext, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifyd.core.template_filters import FILTERS, TEXT_CHARS_MAX, put_together
from notifyd.core.template_parts import is_escaped

# About 10 ms of rendering: a mail that lists more is a mistake.
LOOP_STEPS_MAX: Final = 10_000
# Of what filters go through, about half a second: a list of any event's size once, its square never.
ITEMS_MAX: Final = 1_000_000

# Macros may call themselves and so loop without a count; the last one switches escaping off.
_FORBIDDEN: Final[dict[type[nodes.Node], str]] = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """An environment over `texts`, by name. One render at a time: it counts that render's loop steps and text."""

    # Intercepted operators are not worked out by the compiler either: `9**9**6` never starts.
    intercepted_binops = frozenset({"**", "*", "%"})
    concat = staticmethod(put_together)

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(
            autoescape=lambda name: name is not None and is_escaped(name),
            auto_reload=False,
            cache_size=-1,
            finalize=self._shown,
            loader=FunctionLoader(lambda name: (texts[name], name, None) if name in texts else None),
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )
        self.globals.clear()
        self.filters = {**FILTERS, _COUNTED: _counted}
        self.texts = texts
        self.begin()

    def begin(self) -> None:
        """Of each render."""
        self.steps_left = LOOP_STEPS_MAX
        self.chars_left = TEXT_CHARS_MAX
        self.items_left = ITEMS_MAX

    def walked(self, items: int) -> None:
        """What a filter that looks at each of so many items tells."""
        self.items_left -= items
        if self.items_left < 0:
            raise TemplateRuntimeError(f"its filters go through more than {ITEMS_MAX} items")

    def _shown(self, value: object) -> str:
        """What stands in `{{ }}`, before it is escaped: pieces of a block that is kept are seen nowhere else."""
        text = value if isinstance(value, str) else str(value)
        self.chars_left -= len(text)
        if self.chars_left < 0:
            raise TemplateRuntimeError(f"it shows more than {TEXT_CHARS_MAX} characters")
        return text

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`data.items` is the field of that name: templates see data, never Python's methods."""
        if isinstance(obj, LoopContext | TemplateReference):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            # The pairs that `groupby` makes: their halves have names.
            if argument in getattr(obj, "_fields", ()):
                return getattr(obj, argument)
            return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """`super()`, `self.block()` and `loop.cycle()`; nothing else that data leads to."""
        return isinstance(obj, BlockReference) or isinstance(getattr(obj, "__self__", None), LoopContext)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Jinja2's own refusal would show the value that was called, and values are personal."""
        if not self.is_safe_callable(obj):
            raise SecurityError(f"calling a {type(obj).__name__} is not allowed")
        return context.call(obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} of {type(left).__name__} and {type(right).__name__} is not allowed")
        return super().call_binop(context, operator, left, right)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """Jinja2's hook between parsing and compiling."""
        for node in source.find_all(nodes.Node):
            if problem := self._problem(node, name or ""):
                raise TemplateAssertionError(problem, node.lineno, name, filename)
        for loop in source.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
        return super()._generate(source, name, filename, defer_init)

    def _problem(self, node: nodes.Node, name: str) -> str | None:
        match node:
            case nodes.Extends(template=template) | nodes.Include(template=template):
                return self._problem_of_named(template, name)
            case nodes.Filter(name=filter_name) if filter_name not in self.filters:
                return f"there is no filter {filter_name!r}"
            case nodes.For(recursive=True):
                return "a recursive loop is not allowed"
            case _ if type(node) in _FORBIDDEN:
                return f"{_FORBIDDEN[type(node)]} is not allowed"
        return None

    def _problem_of_named(self, template: nodes.Expr, by_name: str) -> str | None:
        if not isinstance(template, nodes.Const) or not isinstance(template.value, str):
            return "a template that another one names has to be a plain string"
        if template.value not in self.texts:
            return f"there is no template {template.value!r}"
        if is_escaped(by_name) and not is_escaped(template.value):
            return f"{template.value!r} escapes nothing, so its values would stand here as they are"
        return None


_COUNTED: Final = "counted"


@pass_environment
def _counted(environment: TemplateSandbox, items: Iterable[object]) -> Iterator[object]:
    """Wraps what every `for` runs over."""
    for item in items:
        environment.steps_left -= 1
        if environment.steps_left < 0:
            raise TemplateRuntimeError(f"its loops run more than {LOOP_STEPS_MAX} times")
        yield item
