"""The HTTP API over a fake session."""

import json
from typing import Any

from fastapi.testclient import TestClient

from bot.types import Finished
from tests.web.conftest import Build, Built
from tests.web.fakes import FakeSession

DEAL = "Who signed the agreement?"


def lines(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in response.text.splitlines()]


def test_ask_streams_evidence_before_any_word_of_the_model(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": DEAL})
    assert response.headers["content-type"] == "application/x-ndjson"
    events = [line["event"] for line in lines(response)]
    assert events[:2] == ["accepted", "retrieved"]
    assert events[2] == "token"
    assert events[-4:] == ["statement", "statement", "statement", "answer"]


def test_ask_without_streaming_gives_the_answer_of_the_contract(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    assert answer["question"] == DEAL
    assert [s["support"] for s in answer["statements"]] == ["supported", "supported", "partly"]
    citation = answer["statements"][1]["citations"][0]
    text = client.get(f"/api/articles/{citation['article_id']}").json()["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_as_of_hides_later_articles(client: TestClient, built: Built) -> None:
    body = {"question": "How many passengers?", "as_of": "2021-03-08", "stream": False}
    answer = client.post("/api/ask", json=body).json()
    assert {hit["article_id"] for hit in answer["hits"]} == {"ferry-1"}
    assert answer["as_of"] == "2021-03-08"


def test_an_answer_is_kept_and_found_by_its_id(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    assert len(answer["id"]) == 32
    assert client.get(f"/api/answers/{answer['id']}").json() == {"answer": answer, "feedback": []}
    moved = client.get(f"/answers/{answer['id']}", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, f"/?answer={answer['id']}")


def test_markdown_holds_sentences_and_quotes(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    markdown = client.get(f"/api/answers/{answer['id']}/answer.md").text
    assert "Sergey Shoigu and Khalid bin Mohammad al" in markdown
    assert "26 October 2017" in markdown or "2017-10-26" in markdown


def test_feedback_becomes_a_case(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    told = client.post(f"/api/answers/{answer['id']}/feedback", json={"kind": "good"})
    assert told.status_code == 201
    case = client.get(f"/api/answers/{answer['id']}/case.json").json()
    assert case["question"] == DEAL
    assert case["answerable"] is True
    assert case["answers"] == [answer["answer"]]
    # The third sentence is only partly supported: its quote is no gold evidence.
    assert len(case["evidence"]) == 2


def test_should_have_refused_becomes_an_unanswerable_case(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    client.post(f"/api/answers/{answer['id']}/feedback", json={"kind": "should_have_refused", "note": "x"})
    case = client.get(f"/api/answers/{answer['id']}/case.json").json()
    assert (case["answerable"], case["answers"], case["evidence"]) == (False, [], [])


def test_an_unknown_kind_of_feedback_is_refused(client: TestClient) -> None:
    answer = client.post("/api/ask", json={"question": DEAL, "stream": False}).json()
    assert client.post(f"/api/answers/{answer['id']}/feedback", json={"kind": "meh"}).status_code == 422


def test_search_needs_no_model(client: TestClient, built: Built) -> None:
    found = client.get("/api/search", params={"q": "passengers", "k": 2}).json()
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    assert built.session.chain.asked == []


def test_articles_are_listed_newest_first_with_counts(client: TestClient) -> None:
    found = client.get("/api/articles").json()
    assert [a["id"] for a in found["articles"]] == [
        "ferry-2",
        "ferry-1",
        "ar-1",
        "000_4d08abf3760346cf",
        "odd-1",
    ]
    assert found["months"] == {"2017-10": 1, "2020-06": 1, "2021-03": 2}
    assert found["undated"] == 1


def test_articles_are_filtered_by_date_outlet_and_language(client: TestClient) -> None:
    def ids(**query: str) -> list[str]:
        return [a["id"] for a in client.get("/api/articles", params=query).json()["articles"]]

    assert ids(first="2021-03-09") == ["ferry-2"]
    assert ids(source="Lenna Courier") == ["ferry-1"]
    assert ids(language="ar") == ["ar-1"]
    assert ids(q="FERRY") == ["ferry-2", "ferry-1"]


def test_an_upload_reports_each_file(client: TestClient, built: Built) -> None:
    files = [("files", ("new.txt", b"A headline\n\nWords of it.")), ("files", ("pic.txt", b"\0\0\0"))]
    report = lines(client.post("/api/articles", files=files))[-1]
    assert (report["added"], report["refused"]) == (1, 1)
    assert [(f["name"], f["outcome"]) for f in report["files"]] == [
        ("new.txt", "added"),
        ("pic.txt", "refused"),
    ]
    assert built.shelf.taken == ["new.txt"]


def test_removing_an_article_takes_it_from_the_list(client: TestClient) -> None:
    assert client.delete("/api/articles/odd-1").json() == {"removed": 1}
    assert client.get("/api/articles").json()["in_library"] == 4
    assert client.delete("/api/articles/odd-1").status_code == 404


def test_a_conversation_is_kept_listed_renamed_searched_exported_and_deleted(client: TestClient) -> None:
    first = lines(client.post("/api/ask", json={"question": DEAL, "conversation": "new"}))[0]
    one = first["conversation"]
    client.post("/api/ask", json={"question": "What else happened there?", "conversation": one})
    listed = client.get("/api/conversations").json()["conversations"]
    assert [(c["id"], c["title"], c["questions"]) for c in listed] == [(one, DEAL, 2)]
    client.patch(f"/api/conversations/{one}", json={"title": "The deal"})
    assert client.get(f"/api/conversations/{one}").json()["title"] == "The deal"
    assert client.get("/api/conversations", params={"q": "SHOIGU"}).json()["conversations"][0]["id"] == one
    assert client.get("/api/conversations", params={"q": "zebra"}).json()["conversations"] == []
    exported = client.get(f"/api/conversations/{one}/export.md")
    assert exported.text.startswith("# The deal\n\n## Who signed the agreement?")
    assert "attachment" in exported.headers["content-disposition"]
    assert client.delete(f"/api/conversations/{one}").status_code == 204
    assert client.get("/api/conversations").json() == {"conversations": []}


def test_a_follow_up_brings_the_turns_of_its_conversation(client: TestClient, built: Built) -> None:
    one = lines(client.post("/api/ask", json={"question": DEAL, "conversation": "new"}))[0]["conversation"]
    told = lines(client.post("/api/ask", json={"question": "What was signed there?", "conversation": one}))
    assert [t.question for t in built.session.chain.asked[1].history] == [DEAL]
    assert told[-1]["answer"]["standalone_question"] == "What was signed in Doha?"


def test_models_are_listed_and_switched(client: TestClient, built: Built) -> None:
    assert client.get("/api/models").json()["current"] == "scripted:calm"
    assert client.post("/api/models/switch", json={"model": "scripted:quick"}).json() == {
        "model": "scripted:quick"
    }
    assert client.get("/api/status").json()["model"]["spec"] == "scripted:quick"
    assert built.session.closed


def test_a_model_that_is_not_listed_cannot_be_named_from_the_page(client: TestClient, built: Built) -> None:
    response = client.post("/api/models/switch", json={"model": "embedded:/etc/passwd"})
    assert response.status_code == 400
    assert built.opened == []


def test_fetching_tells_progress(client: TestClient) -> None:
    told = lines(client.post("/api/models/fetch", json={"model": "scripted:absent"}))
    assert [t.get("done") for t in told] == [20, 40, 60, 80, 100, None]
    assert told[-1]["event"] == "ready"


def test_two_models_answer_side_by_side_and_the_first_goes_on(client: TestClient) -> None:
    body = {"question": DEAL, "models": ["scripted:calm", "scripted:quick"]}
    told = lines(client.post("/api/compare", json=body))
    assert [(t["event"], t["column"]) for t in told] == [
        ("model", 0),
        ("answer", 0),
        ("model", 1),
        ("answer", 1),
    ]
    assert [t["answer"]["model"] for t in told if t["event"] == "answer"] == body["models"]
    client.post("/api/ask", json={"question": DEAL, "stream": False})
    assert client.get("/api/status").json()["model"]["spec"] == "scripted:calm"


def test_an_openai_client_gets_sentences_markers_and_sources(client: TestClient) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": DEAL}]},
    ]
    reply = client.post("/v1/chat/completions", json={"model": "citewire", "messages": messages}).json()
    content = reply["choices"][0]["message"]["content"]
    assert content.startswith(
        "Russia and Qatar signed an agreement on military and technical cooperation in Doha. [1]"
    )
    assert "[2] “Russian Defence Minister, Army General Sergey Shoigu" in content
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["citewire"]["question"] == DEAL
    assert reply["usage"]["total_tokens"] == 682


def test_an_openai_stream_ends_with_done(client: TestClient) -> None:
    body = {"messages": [{"role": "user", "content": DEAL}], "stream": True}
    response = client.post("/v1/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    said = "".join(json.loads(d)["choices"][0]["delta"].get("content", "") for d in data[:-1])
    assert said.count("[1]") == 2  # the sentence, and the list of sources
    assert client.get("/v1/models").json()["data"][0]["id"] == "citewire"


def test_an_openai_request_that_does_not_end_with_the_user_is_refused(client: TestClient) -> None:
    body = {"messages": [{"role": "assistant", "content": "Hi"}]}
    assert client.post("/v1/chat/completions", json=body).status_code == 422


def test_openapi_describes_the_api(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/api/ask", "/api/search", "/api/articles", "/v1/chat/completions"} <= set(paths)


def test_an_empty_library_is_told_and_takes_the_seed(build: Build) -> None:
    built = build(session=FakeSession(()))
    with TestClient(built.app, base_url="http://127.0.0.1") as client:
        assert client.get("/api/status").json()["state"] == "empty"
        assert client.get("/readyz").json() == {"ready": False, "parts": {"library": "empty", "model": "ok"}}
        assert lines(client.post("/api/library/seed"))[-1]["added"] == 1
        assert client.get("/api/status").json()["state"] == "ready"
        assert client.get("/readyz").status_code == 200


def test_eval_runs_are_read_from_their_files(build: Build, tmp_path: Any) -> None:
    run = tmp_path / "runs" / "first"
    (run / "models").mkdir(parents=True)
    cases = [
        {"id": "c1", "question": "Who?", "answerable": True, "answers": ["Ann"], "type": "who"},
        {"id": "c2", "question": "Cost?", "answerable": False, "answers": [], "type": "number"},
    ]
    (run / "suite.json").write_text(json.dumps({"cases": cases}))
    results = [
        {"model": "m"},
        {"case": "c1", "answer": {"answer": "It was Ann.", "abstained": False, "statements": []}},
        {"case": "c2", "answer": {"answer": "Ten.", "abstained": False, "statements": []}},
    ]
    (run / "models" / "m.jsonl").write_text("\n".join(json.dumps(r) for r in results) + '\n{"case": "c')
    built = build(runs=(tmp_path / "runs",))
    with TestClient(built.app, base_url="http://127.0.0.1") as client:
        assert client.get("/api/evals").json()["runs"][0]["name"] == "first"
        model = client.get("/api/evals/first").json()["models"][0]
        assert (model["right"], model["scored"]) == (1, 2)
        assert [(w["case"], w["said"]) for w in model["wrong"]] == [("c2", "Ten.")]
        assert client.get("/api/evals/..").status_code == 404


def test_the_answer_of_the_chain_travels_unchanged(built: Built, client: TestClient) -> None:
    client.post("/api/ask", json={"question": DEAL, "stream": False})
    asked = built.session.chain.asked[0]
    finished = [e for e in built.session.chain.events(asked) if isinstance(e, Finished)]
    assert finished[0].answer.id == asked.id
