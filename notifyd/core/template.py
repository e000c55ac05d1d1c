"""One template, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from typing import Any, Final

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError

from notifyd.core.filled_text import FilledText
from notifyd.core.template_fault import Finding, TemplateFault
from notifyd.core.template_parts import is_chat, is_escaped
from notifyd.core.template_sandbox import TemplateSandbox
from notifyd.core.template_segments import segments_of

SOURCE_CHARS_MAX: Final = 128 * 1024
OUTPUT_CHARS_MAX: Final = 512 * 1024


class Template:
    """Rendered by segments where it only shows values, by Jinja2 where it does more."""

    def __init__(self, sandbox: TemplateSandbox, name: str) -> None:
        """Raises TemplateFault where it cannot be compiled."""
        self.name = name
        source = sandbox.texts[name]
        if len(source) > SOURCE_CHARS_MAX:
            raise self._fault(f"is {len(source)} characters long", f"keep it under {SOURCE_CHARS_MAX}")
        self._sandbox = sandbox
        self._has_entities = is_chat(name) and is_escaped(name)
        try:
            self._jinja = sandbox.get_template(name)
            self._segments = segments_of(sandbox.parse(source), escapes=is_escaped(name))
        except TemplateSyntaxError as error:
            raise self._fault(error.message or "cannot be read", "mend it", line=error.lineno) from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            # Python's compiler, on what Jinja2 made: so many loops, conditions or brackets it does not take.
            raise self._fault("is nested too deep", "make it simpler") from error
        except ValueError as error:
            raise self._fault(f"cannot be compiled: {error}", "mend it") from error

    @property
    def is_plain(self) -> bool:
        """Whether it takes the fast path."""
        return self._segments is not None

    def render(self, context: Mapping[str, Any]) -> str:
        """`context`: plain JSON values by name. Raises TemplateFault."""
        text = self._segments.render(context) if self._segments else None
        if text is None:
            text = self._render_by_jinja(context)
        if len(text) > OUTPUT_CHARS_MAX:
            raise self._too_long()
        return _with_quotes(text) if self._has_entities else text

    def fill(self, context: Mapping[str, Any]) -> FilledText | str:
        """What `render` gives, in parts where it only shows values. Raises TemplateFault."""
        filled = self._segments.fill(context) if self._segments and not self._has_entities else None
        if filled is None:
            return self.render(context)
        if len(filled) > OUTPUT_CHARS_MAX:
            raise self._too_long()
        return filled

    def _render_by_jinja(self, context: Mapping[str, Any]) -> str:
        self._sandbox.begin()
        pieces = []
        length = 0
        try:
            for piece in self._jinja.generate(context):
                pieces.append(piece)
                length += len(piece)
                if length > OUTPUT_CHARS_MAX:
                    raise self._too_long()
        except TemplateFault:
            raise
        except UndefinedError as error:
            mend = "the data has to hold it, or the template a default: {{ … | default('…') }}"
            raise self._raised(error, str(error), mend) from error
        except Exception as error:
            # What the others say may repeat the data, and data are personal.
            what = str(error) if isinstance(error, TemplateError | TypeError) else type(error).__name__
            raise self._raised(error, what, "mend the template or what the event brings") from error
        return "".join(pieces)

    def _raised(self, error: Exception, what: str, mend: str) -> TemplateFault:
        """Names the innermost template's line, which may be one that this one includes."""
        name, line = self.name, 0
        for frame, line_of_frame in walk_tb(error.__traceback__):
            if frame.f_code.co_filename in self._sandbox.texts:
                name, line = frame.f_code.co_filename, line_of_frame
        return TemplateFault(Finding(name, line, what, mend))

    def _too_long(self) -> TemplateFault:
        return self._fault("renders to too much", f"a part may have {OUTPUT_CHARS_MAX} characters")

    def _fault(self, what: str, mend: str, *, line: int = 0) -> TemplateFault:
        return TemplateFault(Finding(self.name, line, what, mend))


def _with_quotes(text: str) -> str:
    """Slack reads `&amp;`, `&lt;` and `&gt;`, and shows every other entity as it stands."""
    return text.replace("&#39;", "'").replace("&#34;", '"')
