"""`citewire chat`: a conversation; evidence first, then the draft as it is written, then the checked answer."""

import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import typer

from bot.cli.common import (
    AsOfOption,
    BaseUrlOption,
    ContextOption,
    EmbedderOption,
    KOption,
    LibraryOption,
    ModelOption,
    console,
    day,
    fetch_what_is_missing,
    need_library,
    say,
    settings_from,
)  # fmt: skip

if TYPE_CHECKING:
    from bot.types import Answer, Turn

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_HELP = """\
/sources          the quotes of the last answer, with outlet, date and title
/why              what the last decision was made from
/as-of DATE       see only what was published by that day; /as-of alone sees all
/model SPEC       answer with another model from now on
/new              start a new conversation
/quit             leave; Ctrl-D does too
Ctrl-C stops an answer and keeps the conversation."""
_MOST_TURNS = 8


@app.command(epilog="Example: citewire chat --model ollama:qwen2.5-coder:1.5b")
def chat(
    model: ModelOption = None,
    library: LibraryOption = None,
    as_of: AsOfOption = None,
    k: KOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
    context: ContextOption = None,
) -> None:
    """Ask, and ask on: follow-up questions are understood. Type /help for what else there is."""
    shown_day = day(as_of)
    settings = settings_from(
        library=library, model=model, k=k, embedder=embedder, base_url=base_url, context_tokens=context
    )
    need_library(settings, named=library is not None)
    fetch_what_is_missing(settings)
    from bot.assemble import Session

    with Session(settings, keep=True, notify=say) as session:
        _Conversation(session, shown_day).run()


@dataclass
class _Conversation:
    """What has been said so far, and where the words go."""

    session: Any  # bot.assemble.Session, or a stand-in with `chain` and `library`
    as_of: date | None = None
    turns: "list[Turn]" = field(default_factory=list)
    last: "Answer | None" = None

    def run(self) -> None:
        """Reads lines until the end of input or /quit."""
        if sys.stdin.isatty():
            import readline  # noqa: F401 - gives `input` its history and editing

            say("Ask about your articles. /help lists commands, Ctrl-D leaves.")
        while True:
            line = self._line()
            if line is None:
                return
            if line.startswith("/"):
                if not self._command(line):
                    return
            elif line:
                self._ask(line)

    def _line(self) -> str | None:
        try:
            return input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return None
        except KeyboardInterrupt:
            say("\nNothing to stop. /quit or Ctrl-D leaves.")
            return ""

    def _ask(self, text: str) -> None:
        from store.errors import CitewireError

        cancel = threading.Event()
        try:
            self._follow(text, cancel)
        except KeyboardInterrupt:
            say("\nStopped. The conversation goes on.")
        except CitewireError as error:
            # The session survives: another model can be chosen, or the question asked again.
            say(f"citewire: {error}")
        finally:
            cancel.set()

    def _follow(self, text: str, cancel: threading.Event) -> None:
        from bot.render import passages_to_terminal, shown, to_terminal, understood_as
        from bot.types import Finished, Question, Retrieved, TokenWritten, Turn

        out, draft = console(), console(stderr=True)
        question = Question(text, tuple(self.turns[-_MOST_TURNS:]), self.as_of)
        writing = False
        with closing(self.session.chain.events(question, cancel)) as events:
            for event in events:
                if isinstance(event, Retrieved) and (line := understood_as(text, event.standalone_question)):
                    out.print(line, style="italic")
                if isinstance(event, Retrieved) and event.hits:
                    out.print("Found:", passages_to_terminal(event.hits[:3]), sep="\n")
                elif isinstance(event, TokenWritten) and draft.is_terminal:
                    draft.print(shown(event.text), style="dim", end="")
                    writing = True
                elif isinstance(event, Finished):
                    if writing:
                        draft.print()
                    out.print(to_terminal(event.answer), end="\n\n")
                    self._remember(Turn(text, event.answer.text), event.answer)

    def _remember(self, turn: "Turn", answer: "Answer") -> None:
        from bot.answers import AnswerRecords
        from store.errors import CitewireError

        self.turns.append(turn)
        self.last = answer
        try:
            AnswerRecords(self.session.library.path).save(answer)
        except CitewireError as error:
            say(f"citewire: {error}")

    def _command(self, line: str) -> bool:
        """Returns: Whether to go on."""
        name, _, value = line.partition(" ")
        value = value.strip()
        if name in ("/quit", "/exit", "/q"):
            return False
        if name == "/new":
            self.turns.clear()
            self.last = None
            say("A new conversation.")
        elif name == "/sources":
            self._sources()
        elif name == "/why":
            self._why()
        elif name == "/as-of":
            self._see_as_of(value)
        elif name == "/model" and value:
            self._switch(value)
        elif name == "/help":
            say(_HELP)
        else:
            say(f"There is no command {line!r}. /help lists them.")
        return True

    def _sources(self) -> None:
        from rich.text import Text

        from bot.render import Quotes, cited, passages_to_terminal, quotes_to_terminal

        if self.last is None:
            say("Nothing was asked yet.")
            return
        quotes = Quotes(cited(self.last))
        found = quotes_to_terminal(quotes) if quotes.citations else passages_to_terminal(self.last.hits)
        console().print(found if len(found) else Text("Nothing was found."))

    def _why(self) -> None:
        if self.last is None:
            say("Nothing was asked yet.")
            return
        from bot.render import why

        console().print(why(self.last))

    def _see_as_of(self, value: str) -> None:
        try:
            self.as_of = day(value or None)
        except typer.BadParameter:
            say(f"/as-of takes a day such as 2017-10-26, not {value!r}.")
            return
        say(f"Seeing what was published by {self.as_of}." if self.as_of else "Seeing all articles.")

    def _switch(self, spec: str) -> None:
        from store.errors import CitewireError

        try:
            self.session.switch_model(spec)
        except CitewireError as error:
            say(f"citewire: {error}")
            return
        say(f"Answering with {spec}.")
