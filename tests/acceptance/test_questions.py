"""Questions: asked in a file, answered in a file or by a command; nothing runs meanwhile and nothing is lost."""

from pathlib import Path

import pytest

from .house import House, left_behind, until
from .model import Model


def choosy(task_id: str) -> dict[str, object]:
    return {
        "id": task_id,
        "deliverables": ["size.txt"],
        "rehearsal": [
            {"ask": {"question": "How many orders a page?", "options": ["20", "50", "100"]}},
            {"bash": "echo asked > size.txt"},
            {"text": "Done."},
        ],
    }


def multiple(text: str) -> dict[str, object]:
    """The input of a call that asks with two options."""
    options = [{"label": each, "description": each} for each in ("left", "right")]
    return {"questions": [{"question": text, "header": "Way", "multiSelect": False, "options": options}]}


def asks(house: House, task_id: str) -> Path:
    """The file of its open question, once it is there; nothing of the task runs then."""
    question = house.home.questions / f"{task_id}.md"
    until(question.exists, 60, f"{task_id} asks")
    assert house.state(task_id) == "waiting"
    mark = f":{task_id}:".encode()
    assert [process for process in house.processes() if mark in Path(f"/proc/{process.pid}/environ").read_bytes()] == []
    return question


@pytest.mark.long
def test_only_a_real_answer_is_taken(house: House) -> None:
    """Wrong number, empty, binary, not text, too large, a link: refused with a message, and the question waits on."""
    daemon = house.start("start", house.day(choosy("page")), "--rehearse", "--once")
    question = asks(house, "page")
    text = question.read_text()
    assert text.startswith("---\ntask: page\nquestion: 1\n") and "How many orders a page?" in text and "2. 50" in text
    file = house.home.questions / "page-answer.md"
    wrong = {
        b"7\n": "the answer to page is 7, but the options go from 1 to 3",
        b" \n": "the answer to page is empty",
        b"5\x000\n": "page-answer.md is binary",
        b"\xff\xfe5": "page-answer.md is not UTF-8 text",
        b"5" * 300_000: "page-answer.md is larger than 256 KiB",
    }
    for content, said in wrong.items():
        file.write_bytes(content)
        daemon.waits(f"not accepted: {said}")
        file.unlink()
    file.symlink_to(house.project / "README.md")
    daemon.waits("cannot be read as a plain file")
    assert house.state("page") == "waiting"
    file.unlink()
    with file.open("w") as writing:  # a torn write: what is there of the answer is an option of its own
        for part in ("1", "00", "\n"):
            writing.write(part)
            writing.flush()
            until(lambda: True, 1, "")
    assert daemon.ends() == 0, daemon.said
    asked = house.task("page")["questions"]
    assert [(each["number"], each["answer"]["text"], each["answer"]["by"]) for each in asked] == [(1, "100", "file")]
    assert "100" in house.stream("page").split("your question", 1)[1]
    assert house.task("page")["runs"] == 2
    archive = house.home.questions / "archive"
    assert (archive / "page-1.md").read_text() == text
    assert (archive / "page-1-answer.md").read_text() == "100\n"
    assert not question.exists() and not file.exists()
    assert left_behind(house) == []


def test_a_question_left_in_a_file_and_two_asked_in_one_turn(house: House) -> None:
    """The second way in, and the `answer` command; of two questions of one turn one is to be asked again."""
    writer = {
        "id": "writer",
        "deliverables": ["colour.txt"],
        "rehearsal": [
            {"bash": "echo 'Which colour shall it be?' > {workspace}/io/question.md"},
            {"text": "I have asked and end my turn."},
            {"bash": "echo blue > colour.txt"},
            {"text": "Done."},
        ],
    }
    both = [{"name": "AskUserQuestion", "input": multiple(text)} for text in ("First way?", "Second way?")]
    turns = [{"tools": both}, {"tools": both}, {"bash": "echo x > way.txt"}, {"text": "Done."}]
    twice = {"id": "twice", "deliverables": ["way.txt"], "rehearsal": turns}
    daemon = house.start("start", house.day(writer, twice), "--rehearse", "--once")

    assert "Which colour shall it be?" in asks(house, "writer").read_text()
    assert house.run("answer", "writer", "light blue").code == 0
    assert house.run("answer", "writer", "red").code == 2  # the first answer counts

    asked = []
    for number in (1, 2):
        assert f"question: {number}\n" in asks(house, "twice").read_text()
        asked.append(house.status("twice")["question"]["text"])
        assert house.run("answer", "twice", str(number)).code == 0
        until(lambda: not (house.home.questions / "twice.md").exists(), 60, "the answer is taken")
    assert daemon.ends() == 0, daemon.said
    assert sorted(asked) == ["First way?", "Second way?"]  # whichever came first; the CLI asks both at once
    assert "ask one question at a time" in house.stream("twice")
    assert [each["answer"]["text"] for each in house.task("twice")["questions"]] == ["left", "right"]
    assert house.record("twice")["guidance"] == []  # the answers came through, so none is told once more
    told = (house.home.run("writer", 2) / "prompt.md").read_text()
    assert "The person answered your question:\n\nlight blue" in told
    assert house.task("writer")["questions"][0]["answer"]["by"] == "command"
    names = {path.name for path in (house.home.questions / "archive").iterdir()}
    assert names == {f"{each}{end}.md" for each in ("twice-1", "twice-2", "writer-1") for end in ("", "-answer")}
    assert left_behind(house) == []


@pytest.mark.long
def test_an_answer_given_while_no_daemon_runs_is_taken_up_later(house: House, model: Model, cli: Path) -> None:
    house.environment |= model.environment(cli)
    task = choosy("page")
    model.plays(house.workspace("page"), task.pop("rehearsal"))  # type: ignore[arg-type]
    daemon = house.start("start", house.day(task))
    asks(house, "page")
    assert house.run("stop").code == 0
    assert daemon.ends() == 0
    assert left_behind(house) == []
    given = house.run("answer", "page", "3")
    assert (given.code, given.out) == (0, "page: answered; no daemon runs, so it is taken up at the next start\n")
    assert house.run("start", "--once").code == 0
    question = house.task("page", rehearsal=False)["questions"][0]
    assert (question["answer"]["text"], question["answer"]["by"]) == ("100", "command")
    assert "100" in model.results[0]
    assert left_behind(house) == []
