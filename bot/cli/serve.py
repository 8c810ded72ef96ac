"""`citewire serve`: the web page, on this machine unless told otherwise."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import (
    BaseUrlOption,
    ContextOption,
    EmbedderOption,
    KOption,
    LibraryOption,
    ModelOption,
    say,
    settings_from,
)  # fmt: skip

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    epilog="Examples: citewire serve | citewire serve --host 0.0.0.0 --auth-file users.txt --allowed-host news.example"
)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    auth_file: Annotated[
        Path | None,
        typer.Option("--auth-file", help="Users and password hashes; needed beyond this machine."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", help="Host name visitors use; give it again for each."),
    ] = None,
    root_path: Annotated[str, typer.Option("--root-path", help="Path a reverse proxy serves it under.")] = "",
    trusted_proxy: Annotated[
        list[str] | None, typer.Option("--trusted-proxy", help="Address whose X-Forwarded-* is believed.")
    ] = None,
    model: ModelOption = None,
    library: LibraryOption = None,
    k: KOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
    context: ContextOption = None,
) -> None:
    """Serve the web page until Ctrl-C. Articles can be added there, so no library is needed to start."""
    settings = settings_from(
        library=library, model=model, k=k, embedder=embedder, base_url=base_url, context_tokens=context
    )
    from bot.web.app import serve as run

    say(f"Open http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}{root_path} - Ctrl-C stops.")
    run(
        settings,
        host=host,
        port=port,
        auth_file=auth_file,
        allowed_hosts=allowed_host or (),
        root_path=root_path,
        trusted_proxies=trusted_proxy or (),
    )
