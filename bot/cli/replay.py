"""`citewire replay`: asks a kept question again, and says what changed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.common import (
    BaseUrlOption,
    JsonOption,
    LibraryOption,
    fetch_what_is_missing,
    need_library,
    say,
    settings_from,
    write,
    write_json,
)  # fmt: skip

if TYPE_CHECKING:
    from bot.types import Answer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog="Example: citewire replay 4d08abf3760346cf --model ollama:qwen3:4b")
def replay(
    answer_id: Annotated[
        str, typer.Argument(metavar="ID", help="The id of an answer of ask, chat or the web page.")
    ],
    model: Annotated[str | None, typer.Option("--model", help="Default: the one that answered.")] = None,
    json_: JsonOption = False,
    library: LibraryOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """Ask again what was asked, as understood then, and list what is different now."""
    settings = settings_from(library=library, base_url=base_url)
    need_library(settings, named=library is not None)
    from bot.answers import AnswerRecords

    before = AnswerRecords(settings.library).load(answer_id)
    settings = settings.model_copy(update={"model": model or before.model})
    fetch_what_is_missing(settings)
    from bot.assemble import Session
    from bot.types import Question

    with Session(settings, keep=True, notify=say) as session:
        after = session.chain.answer(Question(before.standalone_question, as_of=before.as_of))
    changes = differences(before, after)
    if json_:
        from bot.wire import answer_to_json

        write_json({"same": not changes, "changes": changes, "answer": answer_to_json(after)})
        return
    if not changes:
        write("Nothing changed: the same answer from the same words.")
    for name, (was, now) in changes.items():
        write(f"{name}\n  was: {was}\n  now: {now}")


def differences(before: "Answer", after: "Answer") -> dict[str, tuple[Any, Any]]:
    """What differs and matters, by name: first then, now now. Times, ids and token counts do not matter."""
    pairs: dict[str, tuple[Any, Any]] = {
        "answer": (before.text, after.text),
        "reason": (before.reason, after.reason),
        "support": (
            [one.support for one in before.statements],
            [one.support for one in after.statements],
        ),
        "quotes": (_quotes(before), _quotes(after)),
        "model": (before.model, after.model),
        "model_digest": (before.model_digest, after.model_digest),
        "prompts": (dict(before.prompts), dict(after.prompts)),
        "index_fingerprint": (before.index_fingerprint, after.index_fingerprint),
    }
    return {name: (was, now) for name, (was, now) in pairs.items() if was != now}


def _quotes(answer: "Answer") -> list[str]:
    return [f"{c.article_id}[{c.start}:{c.end}]" for s in answer.statements for c in s.citations]
