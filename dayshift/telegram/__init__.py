"""The person over Telegram."""
