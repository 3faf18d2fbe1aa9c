"""Lessons that go into force without the person's word, as learning.auto_apply says."""

from datetime import UTC, datetime

import click

from dayshift.commandline import BAD_INPUT, Context, Failure
from dayshift.commands.outlook import read_settings
from dayshift.inputs.documents import BadDocument
from dayshift.learning import curriculum
from dayshift.learning.curriculum import Undecidable
from dayshift.markdown import clean


def put(context: Context, aside: bool = False) -> None:
    """Put what waits in force if the settings say so, and say which; `aside` keeps that out of the output proper."""
    if not read_settings(context).learning.auto_apply:
        return
    try:
        found = curriculum.apply(context.home, datetime.now(UTC))
    except (Undecidable, BadDocument) as error:
        raise Failure(str(error), BAD_INPUT) from error
    for each in found:
        click.echo(f"lesson {each.id} is in force now, as learning.auto_apply says: {clean(each.text)}", err=aside)
