"""Answer records: whole or not at all, and ids that cannot name a path."""

from pathlib import Path

import pytest

from bot.answers import AnswerRecords
from store.errors import InputRefused, StorageError
from tests.bot.samples import ABSTENTION, ANSWER


def test_saved_answer_is_loaded_equal(tmp_path: Path) -> None:
    records = AnswerRecords(tmp_path)
    records.save(ANSWER)
    assert records.load(ANSWER.id) == ANSWER
    assert [path.name for path in (tmp_path / "answers").iterdir()] == [f"{ANSWER.id}.json"]


def test_ids_come_newest_first(tmp_path: Path) -> None:
    import os

    records = AnswerRecords(tmp_path)
    for age, answer in enumerate((ANSWER, ABSTENTION)):
        records.save(answer)
        os.utime(tmp_path / "answers" / f"{answer.id}.json", (100 - age, 100 - age))
    assert records.ids() == (ANSWER.id, ABSTENTION.id)
    assert AnswerRecords(tmp_path / "none").ids() == ()


@pytest.mark.parametrize("answer_id", ["../articles", "/etc/passwd", "a/b", "", ".", "a" * 65, "a\x00"])
def test_id_that_could_name_a_path_is_refused(tmp_path: Path, answer_id: str) -> None:
    with pytest.raises(InputRefused, match="is not the id"):
        AnswerRecords(tmp_path).load(answer_id)


def test_unknown_id_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=str(tmp_path)):
        AnswerRecords(tmp_path).load("abc")


def test_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "abc.json").write_text('{"id": "abc"', "utf-8")
    with pytest.raises(InputRefused, match="cannot be read"):
        AnswerRecords(tmp_path).load("abc")


def test_feedback_is_appended(tmp_path: Path) -> None:
    records = AnswerRecords(tmp_path)
    records.feedback("abc", "good", "")
    records.feedback("abc", "wrong_answer", "It was “212”.")
    kept = [(line["kind"], line["note"]) for line in records.feedback_of("abc")]
    assert kept == [("good", ""), ("wrong_answer", "It was “212”.")]


def test_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("", "utf-8")
    with pytest.raises(StorageError, match="not kept"):
        AnswerRecords(tmp_path).save(ANSWER)
