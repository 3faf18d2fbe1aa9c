"""What every agent of a home shares: chosen and proven once, before the day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dayshift.clock import Clock
from dayshift.events import Event
from dayshift.holder.bounds import GB, Bounds
from dayshift.home import Home
from dayshift.proving.preparation import Preparation
from dayshift.proxy.gateway import Gateway
from dayshift.proxy.second_sight import Judge, SecondSight
from dayshift.repository.databases import Wanted
from dayshift.sandboxing import stand_ins
from dayshift.sandboxing.toolchain import Toolchain
from gatehouse import Gatehouse


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Handed to each of them as it is."""

    home: Home
    cli: Path
    toolchain: Toolchain
    gateway: Gateway
    sandboxed: bool
    tools: tuple[str, ...]
    share: tuple[str, ...]
    copy_shared: bool
    setup: tuple[str, ...]
    bounds: Bounds
    databases: Wanted
    scratch_bytes: int  #: what fits into an agent's /tmp
    environment: dict[str, str]  #: what the person passes through by name
    subscription: bool
    silence_seconds: float
    stand_ins: Mapping[Path, Path]  #: what to show an agent of them, place inside → outside
    clock: Clock
    judge: Judge
    sight: SecondSight
    put: Callable[[Event], None]
    hindered: Callable[[Exception], None] = lambda error: None  #: the machine did not let an agent begin or go on


def chosen(
    prepared: Preparation, gatehouse: Gatehouse, clock: Clock, put: Callable[[Event], None],
    hindered: Callable[[Exception], None],
) -> Surroundings:  # fmt: skip
    """What the person's settings and the proof before the day make of it."""
    settings, environment = prepared.settings, prepared.environment
    limits = settings.limits
    return Surroundings(
        home=prepared.home, cli=prepared.cli.path, gateway=gatehouse.gateway, sandboxed=settings.sandbox != "none",
        toolchain=prepared.tools,
        tools=tuple(settings.agent.tools), share=tuple(settings.workspace.share),
        copy_shared=settings.workspace.copy_shared, setup=tuple(settings.workspace.setup),
        bounds=Bounds(int(limits.memory_gb * GB), limits.processes, int(limits.workspace_gb * GB)),
        scratch_bytes=int(limits.tmp_gb * GB),
        databases=Wanted(settings.workspace.databases.read_only, settings.workspace.databases.writable),
        environment={name: environment[name] for name in settings.agent.environment if name in environment},
        subscription=prepared.subscription, silence_seconds=settings.agent.silence_minutes * 60,
        stand_ins=stand_ins.shown(
            prepared.home.stand_ins, prepared.tools.path, {"git", *prepared.policy.clients}, prepared.tools.folders
        ),
        clock=clock, judge=gatehouse.judge, sight=gatehouse.sight, put=put, hindered=hindered,
    )  # fmt: skip
