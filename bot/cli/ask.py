"""`citewire ask`: one question or a file of them, one cited answer each."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from bot.cli.common import (
    EXIT_ABSTAINED,
    AsOfOption,
    BaseUrlOption,
    ContextOption,
    EmbedderOption,
    JsonOption,
    KOption,
    LibraryOption,
    ModelOption,
    console,
    day,
    fetch_what_is_missing,
    need_library,
    say,
    settings_from,
    write_json,
)  # fmt: skip

if TYPE_CHECKING:
    from bot.assemble import Session
    from bot.types import Answer, Question

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    epilog='Examples: citewire ask "Who signed the agreement?" | citewire ask - --json < question.txt'
    " | citewire ask --batch questions.jsonl > answers.jsonl"
)
def ask(
    question: Annotated[str | None, typer.Argument(help="The question, or - for standard input.")] = None,
    json_: JsonOption = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print events, one JSON object a line, as they happen.")
    ] = False,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help='Lines of {"id", "question", "history"?, "as_of"?}; - is standard input.',
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", help='JSON list of {"question", "answer"}, oldest first.'),
    ] = None,
    model: ModelOption = None,
    library: LibraryOption = None,
    as_of: AsOfOption = None,
    k: KOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
    context: ContextOption = None,
) -> None:
    """Ask a question; the answer's sentences carry numbered quotes. Exit code 3 says the articles do not tell."""
    if (question is None) == (batch is None):
        raise typer.BadParameter("give a QUESTION, or - for standard input, or --batch FILE")
    if batch is not None and (history is not None or as_of is not None):
        raise typer.BadParameter("with --batch, history and as_of stand in each line")
    shown_day = day(as_of)
    settings = settings_from(
        library=library, model=model, k=k, embedder=embedder, base_url=base_url, context_tokens=context
    )
    from bot.types import Question

    if batch is None:
        assert question is not None
        one = Question(_typed(question), _turns(history), shown_day)
    need_library(settings, named=library is not None)
    fetch_what_is_missing(settings)
    from bot.assemble import Session

    with Session(settings, keep=True, notify=say) as session:
        if batch is not None:
            code = _ask_all(session, batch)
        elif ndjson:
            code = _ask_in_events(session, one)
        else:
            code = _ask_one(session, one, as_json=json_)
    raise typer.Exit(code)


def _ask_one(session: "Session", question: "Question", *, as_json: bool) -> int:
    from bot.render import to_terminal
    from bot.wire import answer_to_json

    answer = _answer(session, question)
    if as_json:
        write_json(answer_to_json(answer))
    else:
        console().print(to_terminal(answer))
    _keep(session, answer)
    return EXIT_ABSTAINED if answer.abstained else 0


def _ask_in_events(session: "Session", question: "Question") -> int:
    from bot.types import Finished
    from bot.wire import event_to_json

    cancel, code = threading.Event(), 0
    with closing(session.chain.events(question, cancel)) as events:  # type: ignore[type-var]  # a generator
        try:
            for event in events:
                write_json(event_to_json(event))
                if isinstance(event, Finished):
                    _keep(session, event.answer)
                    code = EXIT_ABSTAINED if event.answer.abstained else 0
        finally:
            cancel.set()
    return code


def _ask_all(session: "Session", batch: str) -> int:
    """One JSON answer a line, in order; a line that fails says why, and the next ones go on.

    Returns: 0, or the exit code of the first line that failed.
    """
    from bot.wire import answer_to_json, error_to_json, question_from_json
    from store.errors import CitewireError

    code = 0
    for number, line in enumerate(_lines(batch), start=1):
        asked_id: Any = None
        try:
            raw = _parsed(line, number)
            asked_id = raw.get("id") if isinstance(raw, dict) else None
            answer = _answer(session, question_from_json(raw))
        except CitewireError as error:
            code = code or error.exit_code
            write_json({"id": asked_id, "line": number, **error_to_json(error)})
            continue
        # The id as it was given: a number stays one.
        write_json(answer_to_json(answer) | ({"id": asked_id} if asked_id is not None else {}))
    return code


def _answer(session: "Session", question: "Question") -> "Answer":
    from bot.render import understood_as
    from bot.types import Finished, Retrieved

    cancel = threading.Event()
    try:
        for event in session.chain.events(question, cancel):
            if isinstance(event, Retrieved) and (
                line := understood_as(question.text, event.standalone_question)
            ):
                say(line)
            if isinstance(event, Retrieved) and sys.stderr.isatty():
                titles = list(dict.fromkeys(hit.title for hit in event.hits))
                more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
                say(f"Found: {'; '.join(titles[:3])}{more}")
            if isinstance(event, Finished):
                return event.answer
    finally:
        cancel.set()
    raise AssertionError("the last event is Finished")


def _keep(session: "Session", answer: "Answer") -> None:
    """For `replay`. A library that cannot be written to still answers."""
    from bot.answers import AnswerRecords
    from store.errors import CitewireError

    try:
        AnswerRecords(session.library.path).save(answer)
    except CitewireError as error:
        say(f"citewire: {error}")


def _typed(question: str) -> str:
    text = sys.stdin.read() if question == "-" else question
    return _decoded(text, "The question")


def _turns(history: Path | None) -> Any:
    from bot.errors import QuestionRefused
    from bot.wire import history_from_json

    if history is None:
        return ()
    try:
        return history_from_json(json.loads(history.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise QuestionRefused(f"The history {history} cannot be read: {error}") from error


def _lines(batch: str) -> Iterator[str]:
    if batch == "-":
        yield from _filled(sys.stdin)
        return
    from store.errors import InputRefused

    try:
        # The same rule for bytes that are no UTF-8 as on standard input: the line fails, not the file.
        with Path(batch).open(encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _filled(file)
    except OSError as error:
        raise InputRefused(f"The batch {batch} cannot be read: {error.strerror}.") from error


def _filled(file: TextIO) -> Iterator[str]:
    return (line for line in file if line.strip())


def _parsed(line: str, number: int) -> Any:
    from bot.errors import QuestionRefused

    try:
        return json.loads(_decoded(line, f"Line {number}"))
    except (ValueError, RecursionError) as error:
        raise QuestionRefused(f"Line {number} is not JSON: {error}") from error


def _decoded(text: str, what: str) -> str:
    from bot.errors import QuestionRefused

    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise QuestionRefused(f"{what} is not UTF-8 at character {error.start}. Save it as UTF-8.") from error
    return text
