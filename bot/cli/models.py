"""`citewire models`: what can answer here, fetching pinned weights, pulling on Ollama."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.common import BaseUrlOption, JsonOption, progress_bar, settings_from, write, write_json

if TYPE_CHECKING:
    from bot.models.base import ModelStatus

app = typer.Typer(
    no_args_is_help=True, help="List, fetch or pull models.", rich_markup_mode=None, add_completion=False
)

DEFAULTS = ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2-tokenizer", "qwen2.5-coder-1.5b")
"""What a question needs when no Ollama is there."""


@app.command("list", epilog="Example: citewire models list --json")
def list_(json_: JsonOption = False, base_url: BaseUrlOption = None) -> None:
    """Pinned weights with their state, and the models of an Ollama that answers."""
    from bot import weights
    from store.errors import CitewireError

    settings = settings_from(base_url=base_url)
    found = [weights.status(name) for name in weights.REGISTRY]
    silence = ""
    try:
        on_ollama = _on_ollama(settings.base_url)
    except CitewireError as error:
        on_ollama, silence = [], str(error)
    found += on_ollama
    if json_:
        write_json({"models": [asdict(one) for one in found], "ollama": silence or "answers"})
        return
    for one in found:
        size = f"{one.bytes / 1e6:,.0f} MB" if one.bytes else ""
        write(f"{one.spec:<42} {one.state:<8} {size:>10}  {one.detail}".rstrip())
    if silence:
        write(f"Ollama: {silence}")


@app.command(epilog="Examples: citewire models fetch | citewire models fetch qwen2.5-coder-0.5b")
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Default: what answering needs.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Fetch pinned weights; run again after a break, it goes on. Each file is checked by SHA-256."""
    from bot import weights
    from bot.environment import proxies

    wanted = [name.removeprefix("embedded:") for name in names or DEFAULTS]
    for name in wanted:
        weights.entry(name)  # a mistyped name is told before anything is fetched
    with proxies(), progress_bar() as tell:
        paths = {name: str(weights.ensure(name, progress=tell)) for name in wanted}
    if json_:
        write_json({"files": paths})
        return
    for name, path in paths.items():
        write(f"{name}: {path}")


@app.command(epilog="Example: citewire models pull qwen3:4b")
def pull(
    name: Annotated[str, typer.Argument(help="A model of Ollama's library.")], base_url: BaseUrlOption = None
) -> None:
    """Pull a model on your Ollama server; run again after a break, it goes on."""
    from bot.models.ollama_admin import OllamaServer, parse_url

    server = OllamaServer(parse_url(settings_from(base_url=base_url).base_url))
    try:
        with progress_bar() as tell:
            server.pull(name.removeprefix("ollama:"), tell)
    finally:
        server.close()
    write(f"ollama:{name.removeprefix('ollama:')} is there.")


@app.command(epilog="Example: citewire models unload")
def unload() -> None:
    """Free the memory of the embedded model that the last question left loaded; it would end by itself."""
    from bot.models.resident import unload as unload_it

    write("The model is unloaded." if unload_it() else "No model waits for a question.")


def _on_ollama(base_url: str | None) -> "list[ModelStatus]":
    """Raises: ModelUnavailable: Nobody answers."""
    from bot.models.base import ModelStatus
    from bot.models.ollama_admin import OllamaServer, parse_url

    server = OllamaServer(parse_url(base_url), connect_s=0.5, read_s=5.0)
    try:
        return [ModelStatus(f"ollama:{one.name}", "present", one.bytes) for one in server.writers()]
    finally:
        server.close()
