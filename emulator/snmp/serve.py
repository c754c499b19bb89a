"""Recordings served, each by an agent of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from emulator.clock import Clock
from emulator.snmp.agent import Access, Agent, Engine, engine_id
from emulator.snmp.recorded import recorded
from emulator.snmp.usm import User

USER, PASSWORD = "operator", "emulated"
VISITOR = b"visitor"
"""The user without a password."""


def access_of(user: str, password: str, community: str) -> Access:
    """One community, one user with a password and one without."""
    users = (User(user.encode(), password), User(VISITOR))
    return Access(community.encode(), {one.name: one for one in users})


@contextlib.asynccontextmanager
async def running_recordings(
    files: Sequence[Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    access: Access | None = None,
) -> AsyncIterator[Mapping[str, Agent]]:
    """An agent for each file, by its name without the ending; on port, port + 1 and so on, or on free ones.

    NoRecordingError where a file is none; OSError where a port is taken.
    """
    clock, access = Clock(), access or access_of(USER, PASSWORD, "public")
    views = {path.stem: recorded(path) for path in files}
    agents: dict[str, Agent] = {}
    try:
        for index, (name, view) in enumerate(views.items()):
            engine = Engine(engine_id(name), clock, booted_at=clock.started_at)
            agents[name] = agent = Agent(lambda view=view: view, access, engine)  # type: ignore[misc]  # bound now
            await agent.open(host, port + index if port else 0)
        yield agents
    finally:
        for agent in agents.values():
            agent.close()
