"""The page: a Gradio app whose stage our own script fills, and the HTML that paints before Gradio has loaded."""

import html
import re
from functools import cache
from pathlib import Path
from typing import Any

UI = Path(__file__).parent / "ui"

# Light and dark values of the theme variables that ui/app.css builds on.
_COLOURS = {
    "body_background_fill": ("#faf8f4", "#161513"),
    "background_fill_primary": ("#ffffff", "#1e1d1a"),
    "background_fill_secondary": ("#f3f0e9", "#262420"),
    "body_text_color": ("#1f1d1a", "#ece8e0"),
    "body_text_color_subdued": ("#5d574d", "#b1aa9d"),
    "border_color_primary": ("#ddd7ca", "#3a3731"),
    "color_accent_soft": ("#e2eff1", "#1c3338"),
    "link_text_color": ("#0b5563", "#7fcbd9"),
    "input_background_fill": ("#ffffff", "#1e1d1a"),
}


def build_blocks() -> Any:
    """The Gradio app; untyped, as Gradio is."""
    import gradio as gr

    with gr.Blocks(title="citewire", analytics_enabled=False) as blocks:
        gr.Column(elem_id="citewire-stage")
    return blocks


def build_theme() -> Any:
    """System fonts only: a theme's default fonts are fetched from a third party."""
    import gradio as gr

    theme = gr.themes.Base(
        font=["system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "Noto Sans Mono", "monospace"],
    )
    values = {}
    for name, (light, dark) in _COLOURS.items():
        values[name], values[f"{name}_dark"] = light, dark
    return theme.set(**values)


@cache
def _shell() -> str:
    return (UI / "shell.html").read_text(encoding="utf-8")


def rewrite(gradio_page: str, *, nonce: str, root: str) -> str:
    """Gradio's page with our shell painted first, a nonce on its scripts, and nothing that points elsewhere."""
    page = re.sub(r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>", "", gradio_page)
    page = re.sub(r"<link\s+rel=\"(?:preconnect|dns-prefetch)\"[^>]*>", "", page)
    page = re.sub(r"<script\b", f'<script nonce="{nonce}"', page)
    root_text = html.escape(root, quote=True)
    head = (
        f'<meta name="citewire-root" content="{root_text}">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{root_text}/ui/icon.svg" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{root_text}/theme.css">'
        f'<link rel="stylesheet" href="{root_text}/ui/app.css">'
        f'<script nonce="{nonce}" src="{root_text}/ui/theme.js"></script>'
        f'<script nonce="{nonce}" type="module" src="{root_text}/ui/app.js"></script>'
    )
    page = page.replace("</head>", head + "</head>", 1)
    shell = _shell().replace("$root", root_text)
    return re.sub(r"(<body[^>]*>)", lambda m: m.group(1) + shell, page, count=1)
