"""The channels besides Telegram: what each service receives is what was told, and no secret is anywhere else.

Discord and Slack have one address each, which cannot be turned. So their plugins speak TLS through a proxy on loopback
that stands for these hosts, with a certificate that the test trusts. What arrives there is what they would be sent.
"""

import asyncio
import email
import email.policy
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dayshift.alerts import Alert, Kind
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.money import from_usd
from dayshift.notices import bar
from dayshift.notifying import program, push, wording
from dayshift.notifying.channels import channels, problems
from dayshift.notifying.courier import Channel, Later, Undeliverable
from dayshift.notifying.program import Program
from dayshift.notifying.push import Push
from dayshift.notifying.wording import JOINT
from tests.services import Post, Service, certificate_for, listening, serving

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
ALL = frozenset(Kind)
ASKED = Alert("question:a:1", Kind.question, "a (Orders) asks, question 1", NINE,
              "Which page size?\nIt was at: list.py", "a", 1, ("20", "50"))  # fmt: skip
BAR = bar(from_usd("9"), from_usd("12"))
BUDGET = Alert("share:day", Kind.budget, f"75 % of the day is spent: $9.00 of $12.00  {BAR}", NINE)
FAILED = Alert("failed:a:1", Kind.failed, "a (Orders) has failed", NINE, "make test: 1 failed", "a")
REPORT = Alert("report:2026-11-20", Kind.report, "The day is over", NINE, "3 done, 1 failed, $4.20")
SNARES = (
    "@everyone <@123> <!channel> @here", "[free](https://evil.example/x)", "https://evil.example/y", "# Forged\nfact",
    "**bold** _it_ `code` ~~no~~", "```\nblock\n```", "<b>html</b> & <https://evil.example|click>", "www.evil.example",
    "- item\n1. item\n> quote\n===", "\x1b[31mred\x07",
)  # fmt: skip


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as opened:
        yield opened


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for(tmp_path_factory.mktemp("tls"), "discord.com", "hooks.slack.com")


@pytest.fixture
def internet(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A proxy that is every host of the world."""
    with serving(certificate) as opened:
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{opened.port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        yield opened


def configured(tmp_path: Path, environment: dict[str, str] | None = None, **notify: Any) -> list[Channel]:
    return channels(Settings.model_validate({"notify": notify}), environment or {}, Home(tmp_path))


def complaints(tmp_path: Path, environment: dict[str, str] | None = None, **notify: Any) -> list[str]:
    return problems(Settings.model_validate({"notify": notify}), environment or {}, Home(tmp_path))


# --- Discord ----------------------------------------------------------------------------------------

WEBHOOK = "https://discord.com/api/webhooks/123456789/aBcD-secret_token"


async def test_discord_gets_an_embed_with_colour_fields_and_a_bar_of_even_width(
    internet: Service, tmp_path: Path
) -> None:
    [discord] = configured(tmp_path, {"DISCORD_WEBHOOK_URL": WEBHOOK})
    for alert in (BUDGET, ASKED, FAILED):
        await discord.send((alert,))
    assert {(each.host, each.path) for each in internet.received} == {
        ("discord.com", "/api/webhooks/123456789/aBcD-secret_token")
    }
    budget, asked, failed = (each.json["embeds"][0] for each in internet.received)
    assert budget["title"] == BUDGET.title
    assert budget["description"] == rf"75 % of the day is spent: $9.00 of $12.00 `{BAR}`"
    assert (
        asked["description"] == "Which page size?\nIt was at: list.py\n1\\. 20\n2\\. 50\nAnswer with: dayshift answer a"
    )
    assert [(each["name"], each["value"]) for each in asked["fields"]] == [
        ("Task", "```md\na\n```"), ("Question", "```md\n1\n```"), ("About", "```md\nquestion\n```"),
    ]  # fmt: skip
    assert len({budget["color"], asked["color"], failed["color"]}) == 3
    assert all("content" not in each.json for each in internet.received)


async def test_a_burst_is_one_embed_with_a_line_for_each(internet: Service, tmp_path: Path) -> None:
    [discord] = configured(tmp_path, {"DISCORD_WEBHOOK_URL": WEBHOOK})
    await discord.send(tuple(replace(FAILED, key=f"k{number}", title=f"t{number}") for number in range(12)))
    [message] = internet.received
    [embed] = message.json["embeds"]
    assert embed["title"] == "12 things happened"
    assert embed["description"].splitlines() == [f"• t{number}: make test: 1 failed" for number in range(12)]


async def test_the_day_s_picture_goes_with_the_report(internet: Service, tmp_path: Path) -> None:
    picture = tmp_path / "day 1 %20?.png"
    picture.write_bytes(b"\x89PNG picture")
    [discord] = configured(tmp_path, {"DISCORD_WEBHOOK_URL": WEBHOOK})
    await discord.send((replace(REPORT, files=(str(picture), str(tmp_path / "gone.png"))),))
    message, attachment = internet.received
    assert message.json["embeds"][0]["title"] == "The day is over"
    assert b"\x89PNG picture" in attachment.body and b"day 1 %20?.png" in attachment.body


@pytest.mark.parametrize("host", ["discordapp.com", "canary.discord.com"])
async def test_the_webhook_is_taken_as_discord_shows_it(internet: Service, tmp_path: Path, host: str) -> None:
    url = f"https://{host}/api/v10/webhooks/1/t"
    assert complaints(tmp_path, {"DISCORD_WEBHOOK_URL": url}) == []
    [discord] = configured(tmp_path, {"DISCORD_WEBHOOK_URL": url})
    await discord.send((FAILED,))
    assert [each.path for each in internet.received] == ["/api/webhooks/1/t"]


# --- what agents say is no more than words ------------------------------------------------------------


@pytest.mark.parametrize("snare", SNARES)
async def test_an_agent_s_words_are_no_markup_on_discord(internet: Service, tmp_path: Path, snare: str) -> None:
    [discord] = configured(tmp_path, {"DISCORD_WEBHOOK_URL": WEBHOOK})
    await discord.send((replace(ASKED, text=snare, title=snare, options=(snare,)),))
    [message] = internet.received
    [embed] = message.json["embeds"]
    assert "content" not in message.json and "allow_mentions" not in message.json  # nobody is called
    assert [each["name"] for each in embed["fields"]] == ["Task", "Question", "About"]
    shown = embed["description"].replace("\\", "").replace(JOINT, "")
    for word in ("everyone", "evil.example", "Forged", "bold", "code", "html"):
        assert (word in shown) == (word in snare)
    unescaped = re.sub(r"\\.", "", embed["description"])
    assert not {*"[]<>*`~_|&\x1b"} & {*unescaped}
    assert not re.search(r"^[#=>+-]", embed["description"], re.MULTILINE)
    assert not re.search(r"https://|www\.|@[e1h]", embed["description"])
    assert "@e" not in embed["title"] and "https://" not in embed["title"]


@pytest.mark.parametrize("snare", SNARES)
async def test_an_agent_s_words_are_no_markup_on_slack(internet: Service, tmp_path: Path, snare: str) -> None:
    [slack] = configured(tmp_path, channels=[{"url": "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnl"}])
    await slack.send((replace(ASKED, text=snare, title=snare),))
    [message] = internet.received
    assert (message.host, message.path) == ("hooks.slack.com", "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnl")
    [attachment] = message.json["attachments"]
    assert message.json["mrkdwn"] is False
    for text in (attachment["title"], attachment["text"]):
        assert not {"<", ">", "\x1b"} & {*text}
        assert "@e" not in text and "https://" not in text


async def test_slack_is_told_title_text_and_options(internet: Service, tmp_path: Path) -> None:
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnl"
    [slack] = configured(tmp_path, {"SLACK": url}, channels=[{"url": "$SLACK", "events": ["question"]}])
    assert slack.kinds == {Kind.question}
    await slack.send((ASKED,))
    [attachment] = internet.received[0].json["attachments"]
    assert attachment["title"] == ASKED.title
    assert attachment["text"].splitlines() == [
        "Which page size?", "It was at: list.py", "1. 20", "2. 50", "Answer with: dayshift answer a",
    ]  # fmt: skip


# --- others -----------------------------------------------------------------------------------------


async def test_ntfy_gets_the_words(service: Service, tmp_path: Path) -> None:
    [ntfy] = configured(tmp_path, channels=[{"url": f"ntfy://127.0.0.1:{service.port}/my-topic"}])
    await ntfy.send((BUDGET,))
    got = service.received[0].json
    assert (got["topic"], got["title"], got["message"]) == ("my-topic", BUDGET.title, BUDGET.title)


async def test_any_service_can_get_json(service: Service, tmp_path: Path) -> None:
    [channel] = configured(tmp_path, channels=[{"url": f"json://127.0.0.1:{service.port}/in"}])
    await channel.send((FAILED,))
    got = service.received[0].json
    assert (got["title"], got["message"], got["type"]) == (FAILED.title, FAILED.text, "failure")


async def test_mail_is_sent_with_the_picture(tmp_path: Path) -> None:
    (tmp_path / "day.png").write_bytes(b"\x89PNG picture")
    post = Post()
    async with listening(post):
        url = f"mailto://ann:pa55word@127.0.0.1:{post.port}?from=dayshift@example.org&to=ann@example.org&mode=insecure"
        [mail] = configured(tmp_path, channels=[{"url": url}])
        await mail.send((replace(REPORT, files=(str(tmp_path / "day.png"),)),))
    [message] = [email.message_from_string(each, policy=email.policy.default) for each in post.mails]
    assert message["subject"] == "The day is over" and message["to"].addresses[0].addr_spec == "ann@example.org"
    assert "3 done, 1 failed, $4.20" in message.as_string()
    [attached] = list(message.iter_attachments())
    assert attached.get_content() == b"\x89PNG picture"
    assert len(post.logins) == 1


@pytest.mark.parametrize(
    ("status", "raised", "seconds"),
    [(500, Later, None), (503, Later, None), (404, Later, 600), (401, Later, 600), (400, Undeliverable, 0)],
)
async def test_a_failure_says_whether_to_try_again(
    service: Service, status: int, raised: type[Exception], seconds: float | None
) -> None:
    service.statuses = [status]
    channel = Push(f"json://user:hunter22@127.0.0.1:{service.port}/path-token", ALL)
    with pytest.raises(raised, match=str(status)) as failure:
        await channel.send((FAILED,))
    assert getattr(failure.value, "seconds", 0) == seconds
    assert "hunter22" not in str(failure.value) and "path-token" not in str(failure.value)
    await channel.send((FAILED,))


async def test_a_service_that_cannot_be_reached_is_tried_later() -> None:
    with pytest.raises(Later, match="onnection"):
        await Push("json://127.0.0.1:9/in", ALL).send((FAILED,))


async def test_a_service_that_does_not_answer_holds_up_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "SECONDS", 0.2)
    service.delay = 1
    begun = time.monotonic()
    with pytest.raises(Later, match="no answer"):
        await Push(f"json://127.0.0.1:{service.port}/in", ALL).send((FAILED,))
    assert time.monotonic() - begun < 0.9


async def test_no_log_has_a_secret(internet: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    internet.statuses = [500, 404]
    found = configured(
        tmp_path, {"DISCORD_WEBHOOK_URL": WEBHOOK}, channels=[{"url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnl"}]
    )
    for channel in found:
        with pytest.raises(Later):
            await channel.send((FAILED,))
    for secret in ("aBcD-secret_token", "TIiajkdnl", "A1BRTD4JD"):
        assert secret not in caplog.text and not any(secret in each.name for each in found)


# --- settings ---------------------------------------------------------------------------------------


def test_a_place_named_twice_is_one_channel(tmp_path: Path) -> None:
    environment = {"DISCORD_WEBHOOK_URL": WEBHOOK}
    [chosen] = configured(tmp_path, environment, channels=[{"url": "$DISCORD_WEBHOOK_URL", "events": ["cap"]}])
    assert chosen.kinds == {Kind.cap}
    [both] = configured(tmp_path, channels=[{"url": "json://h/x", "events": ["cap"]},
                                            {"url": "json://h/x", "events": ["failed"]}])  # fmt: skip
    assert both.kinds == {Kind.cap, Kind.failed}


def test_a_channel_keeps_its_name_and_two_have_two() -> None:
    first, second = (push.named(f"ntfy://host/{topic}") for topic in ("one-topic", "other-topic"))
    assert first == push.named("ntfy://host/one-topic") != second
    assert first.startswith("ntfy-") and "topic" not in first
    assert push.named(WEBHOOK).startswith("discord-")
    assert push.named("https://hooks.slack.com/services/T/A/B").startswith("slack-")
    assert push.named("xoxb-a-bare-token").startswith("channel-")
    assert push.named("https://ann:secret@host:80/x").startswith("https-")


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("$NOT_SET", "notify.channels.0.url: the variable NOT_SET is not set"),
        ("ntfy://host/${NOT_SET}", "notify.channels.0.url: the variable NOT_SET is not set"),
        ("$BARE", "notify.channels.0.url: this is no address"),
        ("nosuch://secret-token/x", "notify.channels.0.url: apprise knows no nosuch://"),
        ("slack://secret-token", "notify.channels.0.url: this is no complete slack:// address"),
        ("windows://", "notify.channels.0.url: windows:// needs a library"),
    ],
)
def test_a_wrong_channel_is_one_clear_line(tmp_path: Path, channel: str, said: str) -> None:
    [line] = complaints(tmp_path, {"BARE": "secret-token"}, channels=[{"url": channel}])
    assert line.startswith(said)
    assert "secret-token" not in line
    assert configured(tmp_path, {"BARE": "secret-token"}, channels=[{"url": channel}]) == []


def test_a_wrong_webhook_and_a_wrong_program_are_named(tmp_path: Path) -> None:
    environment = {"DISCORD_WEBHOOK_URL": "https://discord.com/channels/12/secret", "PATH": "/usr/bin:/bin"}
    webhook, command = complaints(tmp_path, environment, command=["no-such-program"])
    assert webhook.startswith("DISCORD_WEBHOOK_URL: is no webhook") and "secret" not in webhook
    assert command.startswith("notify.command: no-such-program is no program")
    assert complaints(tmp_path, {"PATH": "/usr/bin:/bin"}, command=["cat"]) == []


# --- notify.command ---------------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Program]:
    """A program of these lines, in a folder of its own."""

    def written(lines: str) -> Program:
        path = tmp_path / "told.sh"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        return Program(
            ["./told.sh", "an argument; $(touch shell)"], tmp_path, dict(os.environ) | {"MY_TOKEN": "s3cret"}
        )

    return written


async def test_the_program_gets_each_alert_as_json(script: Callable[[str], Program], tmp_path: Path) -> None:
    await script('echo "$1" > argument; cat >> told; env > environment').send((ASKED, FAILED))
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert told[0] == {
        "kind": "question", "key": "question:a:1", "title": ASKED.title, "text": ASKED.text, "task_id": "a",
        "question": 1, "options": ["20", "50"], "at": "2026-11-20T09:00:00Z", "files": [],
    }  # fmt: skip
    assert [each["key"] for each in told] == ["question:a:1", "failed:a:1"]
    assert (tmp_path / "argument").read_text() == "an argument; $(touch shell)\n"
    assert not (tmp_path / "shell").exists()
    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert names <= {*program.GIVEN, "PWD", "SHLVL", "_", "OLDPWD"}


async def test_a_program_that_fails_is_tried_three_times_and_no_alert_is_told_twice(
    script: Callable[[str], Program], tmp_path: Path
) -> None:
    channel = script(
        "grep -o '\"key\": \"[a-z]*' >> told; echo first >&2; echo 'no luck' >&2; tail -1 told | grep -q good"
    )
    good, bad = (replace(FAILED, key=key) for key in ("good", "bad"))
    for _ in range(2):
        with pytest.raises(Later, match="ended with 1: no luck"):
            await channel.send((good, bad))
    with pytest.raises(Undeliverable, match="no luck"):
        await channel.send((good, bad))
    assert (tmp_path / "told").read_text().split('"key": "')[1:] == ["good\n", "bad\n", "bad\n", "bad\n"]


async def test_a_program_that_reads_nothing_and_says_nothing_is_fine(script: Callable[[str], Program]) -> None:
    await script("exit 0").send((replace(FAILED, text="x" * 1_000_000),))


async def test_a_program_that_does_not_end_is_ended_with_all_it_started(
    script: Callable[[str], Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SECONDS", 0.5)
    with pytest.raises(Later, match="took longer"):
        await script("sleep 60 & echo $! > child; sleep 60").send((FAILED,))
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not _alive(child):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the program's child goes on")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_program_that_floods_its_errors_is_held(
    script: Callable[[str], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SECONDS", 0.3)
    with pytest.raises(Later, match="took longer"):
        await script("yes >&2").send((FAILED,))


async def test_a_program_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(Later, match="cannot be started"):
        await Program(["./gone.sh"], tmp_path, {}).send((FAILED,))


# --- words ------------------------------------------------------------------------------------------


def test_a_long_text_is_cut_where_a_line_ends_and_says_so() -> None:
    text = wording.words((replace(FAILED, text="\n".join(f"line {number} " + "x" * 80 for number in range(100))),))
    assert len(text) < wording.LONGEST + 100
    assert text.splitlines()[-1].startswith("… (there is more")
    one_line = wording.card((replace(FAILED, text="*" * 100_000),))
    assert 1000 < len(one_line) < 4096


def test_none_of_the_most_that_come_together_is_cut_off() -> None:
    many = tuple(replace(FAILED, key=f"k{number}", title=f"<{number}> " + "*" * 300) for number in range(12))
    for text in (wording.words(many), wording.card(many)):
        assert len(text.splitlines()) == 12
        assert len(text) < 4096
