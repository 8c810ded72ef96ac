"""The sentences that carry a draft."""

from collections.abc import Sequence

import pytest

from bot.grounding.evidence import Evidence, evidence_of, find_evidence, rank_sentences
from bot.grounding.words import Weights
from bot.reading import Sentence
from store.types import SectionKind


def sentences(*texts: str, roles: Sequence[SectionKind] = ()) -> tuple[Sentence, ...]:
    made, at = [], 0
    for n, text in enumerate(texts):
        made.append(Sentence(at, at + len(text), text, roles[n] if roles else "body"))
        at += len(text) + 1
    return tuple(made)


NEWS = sentences(
    "The ferry left the harbour.", "Mira Osei steered it.", "Rain fell in Ferrol.", "The bank shut at noon."
)
WEIGHTS = Weights(s.read_as for s in NEWS)


def found(question: str, draft: str, *, most: int = 2) -> Evidence:
    return find_evidence(question, draft, NEWS, WEIGHTS, most=most)


def test_the_sentence_with_the_answers_words_is_chosen() -> None:
    assert found("Who steered?", "Mira Osei.").sentences == (NEWS[1],)


def test_evidence_stands_in_the_articles_order() -> None:
    both = found("What happened?", "The bank shut at noon and the ferry left the harbour.")
    assert both.sentences == (NEWS[0], NEWS[3])
    assert both.text == "The ferry left the harbour. The bank shut at noon."


def test_no_more_sentences_than_asked_for() -> None:
    draft = "The ferry left the harbour, the bank shut at noon and rain fell in Ferrol."
    assert len(found("What happened?", draft, most=1).sentences) == 1
    assert len(found("What happened?", draft, most=2).sentences) == 2


def test_nothing_is_evidence_for_words_that_occur_nowhere() -> None:
    nothing = found("What of zebras?", "Zebras graze.")
    assert nothing.sentences == ()
    assert nothing.answer_coverage == 0.0


def test_answer_coverage_counts_only_what_the_draft_adds() -> None:
    held = evidence_of((NEWS[0],), "Did the ferry leave?", "The ferry left the harbour.", WEIGHTS)
    assert held.answer_coverage == 1.0
    half = evidence_of((NEWS[0],), "", "ferry zebra", Weights([]))
    assert half.answer_coverage == pytest.approx(0.5)


def test_answer_coverage_of_a_draft_that_adds_nothing_is_unknown() -> None:
    assert evidence_of((NEWS[0],), "The ferry left?", "The ferry left.", WEIGHTS).answer_coverage is None


def test_names_and_numbers_the_evidence_lacks_are_missing() -> None:
    missing = evidence_of((NEWS[0],), "Who left?", "Later Zoran Ilic left with 12 goats.", WEIGHTS).missing
    assert any("Zoran Ilic" in m for m in missing)
    assert any("12" in m for m in missing)


def test_a_name_of_the_question_is_not_missing() -> None:
    asked = "Did Zoran Ilic leave the harbour?"
    assert evidence_of((NEWS[0],), asked, "No, Zoran Ilic left.", WEIGHTS).missing == ()


def test_a_count_of_another_thing_is_missing() -> None:
    # Four stands in the sentence, but it counts countries.
    (one,) = sentences("Four countries met for 12 days.")
    kept = evidence_of((one,), "Who met?", "Four countries met.", Weights([one.text]))
    swapped = evidence_of((one,), "Who met?", "It lasted four days.", Weights([one.text]))
    assert kept.missing == ()
    assert swapped.missing == ("four days",)


def test_the_body_is_preferred_to_a_headline_that_says_the_same() -> None:
    twice = sentences("Ferry left harbour", "The ferry left the harbour.", roles=("title", "body"))
    picked = find_evidence(
        "What left?", "The ferry left the harbour.", twice, Weights(s.text for s in twice), most=1
    )
    assert picked.sentences == (twice[1],)


def test_a_headline_is_evidence_where_it_alone_tells() -> None:
    two = sentences("Ferry opens in Larkhaven", "It rained all day.", roles=("title", "body"))
    picked = find_evidence("Where did it open?", "In Larkhaven.", two, Weights(s.text for s in two))
    assert two[0] in picked.sentences


def test_sentences_are_ranked_by_shared_words() -> None:
    assert rank_sentences("Who steered the ferry?", NEWS, WEIGHTS)[0] in (NEWS[0], NEWS[1])
    assert rank_sentences("When did the bank shut?", NEWS, WEIGHTS)[0] == NEWS[3]


def test_meaning_decides_where_no_word_is_shared() -> None:
    assert rank_sentences("zebra", NEWS, WEIGHTS, (0.1, 0.2, 0.9, 0.3))[0] == NEWS[2]


def test_equal_sentences_stay_in_the_articles_order() -> None:
    assert rank_sentences("zebra", NEWS, WEIGHTS) == NEWS


def test_of_two_sentences_that_say_it_the_telling_one_is_taken() -> None:
    news = sentences("Talks were in Dalby before.", "This week they met in Dalby.", "Rain fell.")
    weights = Weights(s.read_as for s in news)
    asked, said = "Where were the talks held this time?", "The talks were held in Dalby."
    assert find_evidence(asked, said, news, weights, most=1).sentences == (news[0],)
    assert find_evidence(asked, said, news, weights, most=1, telling=news[1]).sentences == (news[1],)


def test_a_telling_sentence_without_the_drafts_words_is_not_its_evidence() -> None:
    news = sentences(
        "The deal was signed during an official visit.",
        "The visit shows how close the two are.",
        "Rain fell.",
    )
    weights = Weights(s.read_as for s in news)
    found = find_evidence(
        "Why did they come?", "They came for an official visit.", news, weights, telling=news[1]
    )
    assert found.sentences[0] == news[0]


def test_each_item_of_a_list_is_carried_by_the_sentence_that_tells_what_was_asked_about_it() -> None:
    news = sentences(
        "In June the ties of Larkhaven, Dalby and Merrun were cut.",
        "Larkhaven has bought missiles.",
        "Reports say that Dalby wants to buy missiles.",
        "It rained in Merrun.",
    )
    weights = Weights(s.read_as for s in news)
    found = find_evidence(
        "Which countries buy missiles?", "The countries Larkhaven and Dalby buy missiles.", news, weights
    )
    assert found.sentences == (news[1], news[2])
