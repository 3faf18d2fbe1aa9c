"""Secrets are blotted out of texts and logs, wherever they come from and however they are written."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from dayshift.inputs.settings import Settings
from dayshift.logbook.redaction import BLOT, Redaction, secrets

ENVIRONMENT = {
    "ANTHROPIC_API_KEY": "sk-ant-0123456789", "CLAUDE_CODE_OAUTH_TOKEN": "oauth-0123456789",
    "TELEGRAM_BOT_TOKEN": "123456:AAbotSecret-x", "TELEGRAM_CHAT_ID": "4711",
    "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/123456789/hook-secret", "NPM_TOKEN": "npm_abcdefgh",
    "HTTPS_URL": "https://joe:pr0xy@proxy:8080", "NTFY": "ntfy://ann:n%40fy-pw@ntfy.sh/private-topic",
    "PATH": "/usr/bin", "USER": "somebody", "EMPTY_TOKEN": "", "SHORT_KEY": "yes",
}  # fmt: skip
CHANNELS = [{"url": "$NTFY"}, {"url": "mailto://bob:hunter2@mail.example.org:25?to=ann@example.org&from=robot12345"},
            {"url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnl"}]  # fmt: skip
SECRET = (
    "sk-ant-0123456789", "oauth-0123456789", "123456:AAbotSecret-x", "AAbotSecret-x", "hook-secret", "123456789",
    "npm_abcdefgh", "pr0xy", "n%40fy-pw", "n@fy-pw", "private-topic", "hunter2", "T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnl",
)  # fmt: skip
PUBLIC = ("/usr/bin", "somebody", "4711", "ntfy.sh", "mail.example.org", "discord.com", "yes")


def settings(channels: Any = CHANNELS) -> Settings:
    return Settings.model_validate({"notify": {"channels": channels}})


@pytest.fixture
def redaction() -> Redaction:
    return Redaction.of(settings(), ENVIRONMENT)


@pytest.fixture
def log(redaction: Redaction) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(redaction)
    logger = logging.getLogger("tests.redaction")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, written
    logger.removeHandler(handler)


@pytest.mark.parametrize("secret", SECRET)
def test_a_secret_is_blotted_out_of_a_text(redaction: Redaction, secret: str) -> None:
    assert redaction.redacted(f"before {secret}/after") == f"before {BLOT}/after"


@pytest.mark.parametrize("word", PUBLIC)
def test_what_is_no_secret_stays(redaction: Redaction, word: str) -> None:
    assert redaction.redacted(f"at {word}!") == f"at {word}!"


def test_a_whole_address_is_one_blot(redaction: Redaction) -> None:
    assert redaction.redacted(f"POST {ENVIRONMENT['DISCORD_WEBHOOK_URL']} failed") == f"POST {BLOT} failed"


def test_nothing_is_blotted_out_where_there_is_no_secret() -> None:
    assert secrets(settings(()), {"PATH": "/usr/bin"}) == frozenset()
    assert Redaction(()).redacted("as it is") == "as it is"


def test_a_log_record_is_safe_with_its_arguments(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.info("POST https://api.telegram.org/bot%s/send %d", ENVIRONMENT["TELEGRAM_BOT_TOKEN"], 7)
    assert written.getvalue() == f"POST https://api.telegram.org/bot{BLOT}/send 7\n"


def test_an_exception_in_the_log_is_safe_with_its_causes(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    try:
        try:
            raise ValueError("in https://discord.com/api/webhooks/123456789/hook-secret")
        except ValueError as error:
            raise RuntimeError("with sk-ant-0123456789") from error
    except RuntimeError:
        logger.exception("it broke")
        logger.error("again", exc_info=True, stack_info=True)
    text = written.getvalue()
    assert "RuntimeError" in text and "ValueError" in text and "Traceback" in text
    assert not any(secret in text for secret in SECRET)
