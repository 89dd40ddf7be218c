"""Templates to HTML that stands alone: one style, at most one script, and no request."""

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["render"]


def render(template: str, *, script: str | None = None, **context: Any) -> str:
    """A page as HTML text.

    The page forbids itself every request, and every style and script other than its own,
    so that nothing in a class name or a path can act.

    Args:
        template: name of its file in templates/.
        script: name of the file of its JavaScript, if it has any.
        context: what the template shows.
    """
    environment = _environment()
    style = _text_of(environment, "style.css")
    code = None if script is None else _text_of(environment, script)
    policy = [
        "default-src 'none'",
        "img-src data:",
        f"style-src {_hash_of(style)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    policy += [] if code is None else [f"script-src {_hash_of(code)}"]
    page = environment.get_template(template)
    return page.render(style=style, script=code, policy="; ".join(policy), **context)


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("balancekit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_subscripts"] = _with_subscripts
    environment.filters["with_code"] = _with_code
    return environment


def _with_subscripts(formula: str) -> "Markup":
    """A formula in which `_c` and `_(i)` stand lower; any other text of it is escaped."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"_(\w+|\(\w\))", r"<sub>\1</sub>", str(escape(formula))))  # noqa: S704


def _with_code(text: str) -> "Markup":
    """A text in which what stands between backticks is code; all of it is escaped."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _text_of(environment: "Environment", name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash_of(text: str) -> str:
    """How a policy names the one element of this text that it allows."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
