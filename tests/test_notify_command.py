"""The command `notify`: which channels there are, what is wrong with them, and whether a message gets through."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dayshift.alerts import Kind
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure, Parts
from dayshift.commands.notify import TEXT, TITLE, notify
from dayshift.home import Home
from tests.services import Service, serving

TOKEN = "123456:AAsecret-bot-token"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as opened:
        yield opened


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command in a home of its own, with these variables."""
    context = Context(Home(tmp_path), Parts(lambda *_: 0, lambda *_: 0, lambda *_: None))

    def invoke(*words: str, **variables: str) -> Result:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(notify, words, obj=context, standalone_mode=False)

    return invoke


def urls(*addresses: str) -> str:
    return json.dumps([{"url": address} for address in addresses])


def test_without_a_channel_it_says_how_to_get_one(run: Callable[..., Result]) -> None:
    listed, tested = run(), run("test")
    assert listed.return_value == OK and "TELEGRAM_BOT_TOKEN" in listed.output
    assert isinstance(tested.exception, Failure) and tested.exception.code == BAD_INPUT
    assert "DISCORD_WEBHOOK_URL" in str(tested.exception)


def test_every_channel_is_listed_with_what_it_is_told(run: Callable[..., Result]) -> None:
    channels = json.dumps([{"url": "$NTFY", "events": ["question", "cap"]}])
    variables = {"NTFY": "ntfy://127.0.0.1:1/my-private-topic", "DAYSHIFT_NOTIFY__CHANNELS": channels,
                 "TELEGRAM_BOT_TOKEN": TOKEN, "DAYSHIFT_NOTIFY__COMMAND": '["true"]'}  # fmt: skip
    listed = run(**variables)
    assert listed.return_value == OK
    heading, telegram, ntfy, command = (line.split(maxsplit=1) for line in listed.output.splitlines())
    assert heading == ["channel", "is told"]
    assert telegram == ["telegram", "everything"] and command[1] == "everything"
    assert ntfy[0].startswith("ntfy-") and ntfy[1] == "cap, question"
    as_json = run("--json")
    assert [each["events"] for each in json.loads(as_json.output)["channels"]] == [
        sorted(Kind), ["cap", "question"], sorted(Kind),
    ]  # fmt: skip
    assert not any(secret in listed.output + as_json.output for secret in (TOKEN, "my-private-topic"))


def test_what_is_wrong_is_listed_and_is_an_error(run: Callable[..., Result]) -> None:
    listed = run(DAYSHIFT_NOTIFY__CHANNELS=urls("$MISSING", "slack://half-a-secret"))
    assert listed.return_value == BAD_ENVIRONMENT
    assert [line[:32] for line in listed.output.splitlines()] == [
        "WRONG notify.channels.0.url: the", "WRONG notify.channels.1.url: thi",
    ]  # fmt: skip
    assert json.loads(run("--json").output)["problems"][0].startswith("notify.channels.0.url")
    assert "half-a-secret" not in listed.output


def test_a_test_message_goes_to_all_channels(run: Callable[..., Result], service: Service, tmp_path: Path) -> None:
    tested = run(
        "test", DAYSHIFT_NOTIFY__CHANNELS=urls(f"json://127.0.0.1:{service.port}/in"),
        DAYSHIFT_NOTIFY__COMMAND='["sh", "-c", "cat > told"]',
    )  # fmt: skip
    assert tested.return_value == OK
    assert [line.partition(": ")[2] for line in tested.output.splitlines()] == ["sent", "sent"]
    assert (service.received[0].json["title"], service.received[0].json["message"]) == (TITLE, TEXT)
    assert json.loads((tmp_path / "told").read_text())["title"] == TITLE


def test_a_failure_is_told_without_the_address_and_the_others_are_still_sent(
    run: Callable[..., Result], service: Service
) -> None:
    service.statuses = [404]
    first, second = (f"json://ann:hunter22@127.0.0.1:{service.port}/token-{number}-x" for number in (1, 2))
    tested = run("test", DAYSHIFT_NOTIFY__CHANNELS=urls(first, second, "$MISSING"))
    assert tested.return_value == BAD_ENVIRONMENT
    outcomes = sorted(line.partition(": ")[2][:8] for line in tested.output.splitlines())
    assert outcomes == ["refused,", "sent", "the vari"]
    assert "404" in tested.output
    assert "hunter22" not in tested.output and "token-" not in tested.output


def test_one_channel_can_be_chosen(run: Callable[..., Result], service: Service) -> None:
    channels = urls(*(f"json://127.0.0.1:{service.port}/{path}" for path in ("one", "two")))
    listed = json.loads(run("--json", DAYSHIFT_NOTIFY__CHANNELS=channels).output)["channels"]
    assert run("test", listed[1]["name"]).output == f"{listed[1]['name']}: sent\n"
    assert [each.path for each in service.received] == ["/two"]
    unknown = run("test", "nobody").exception
    assert isinstance(unknown, Failure) and listed[0]["name"] in str(unknown)


def test_telegram_is_tested_too(run: Callable[..., Result], service: Service) -> None:
    service.answer = {"ok": True, "result": {"message_id": 7, "date": 0, "chat": {"id": 5, "type": "private"}}}
    variables = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_BASE_URL": f"http://127.0.0.1:{service.port}"}
    tested = run("test", TELEGRAM_CHAT_ID="5", **variables)
    assert tested.output == "telegram: sent\n"
    [message] = service.received
    assert message.path == f"/bot{TOKEN}/sendMessage"
    assert TITLE.encode() in message.body.replace(b"+", b" ").replace(b"%3A", b":")


def test_telegram_s_refusal_has_no_token_in_it(run: Callable[..., Result], service: Service) -> None:
    service.statuses, service.answer = [401], {"ok": False, "error_code": 401, "description": "Unauthorized"}
    tested = run("test", TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_BASE_URL=f"http://127.0.0.1:{service.port}",
                 TELEGRAM_CHAT_ID="5")  # fmt: skip
    assert tested.return_value == BAD_ENVIRONMENT
    assert tested.output.startswith("telegram: refused, ")
    assert TOKEN not in tested.output and TOKEN.partition(":")[2] not in tested.output
    os.environ["TELEGRAM_CHAT_ID"] = "@name"
    assert "TELEGRAM_CHAT_ID" in run("test").output
