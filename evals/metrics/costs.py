"""What an answer cost: seconds and tokens, where they were measured."""

from evals.types import AnswerJSON, Articles, Case, Score


def first_token_s(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Seconds from the question to the first token of the draft; an answer without a draft has none."""
    value = answer["timings_s"].get("first_token")
    return None if value is None else Score(float(value))


def total_s(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Seconds from the question to the checked and cited answer."""
    value = answer["timings_s"].get("total")
    return Score(None, why="not timed") if value is None else Score(float(value))


def prompt_tokens(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Tokens of the draft's prompt, kept ones included."""
    return _tokens(answer, "prompt")


def completion_tokens(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Tokens the model wrote."""
    return _tokens(answer, "completion")


def tokens_per_s(case: Case, answer: AnswerJSON, articles: Articles) -> Score | None:
    """Tokens of the first draft written a second, the time to the first token left out."""
    pieces, seconds = answer["tokens"].get("streamed"), answer["timings_s"].get("writing")
    if not pieces or pieces < 2 or not seconds:
        return None
    return Score((pieces - 1) / seconds)


def _tokens(answer: AnswerJSON, which: str) -> Score | None:
    value = answer["tokens"].get(which)
    return None if value is None else Score(float(value))
