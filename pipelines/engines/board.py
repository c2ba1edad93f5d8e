"""What is seen of many objects while they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass
class Active:
    """A stage that runs."""

    job: str
    since: float
    done: int = 0
    total: int = 0

    def left(self, expected: float, now: float) -> float:
        """Seconds: by its own pace once there is one."""
        share, spent = (self.done / self.total if self.total else 0.0), now - self.since
        return spent * (1 / share - 1) if share > 0.05 else max(0.0, expected - spent)


@dataclass(frozen=True)
class Row:
    """How far an object is."""

    name: str
    active: dict[str, Active]
    share: float
    """Of its work, 0 to 1."""
    elapsed: float
    left: float
    """Seconds."""


End = Literal["wrong", "disk", "failed"]
"""Of the user's making; the disk's or its rights'; a mistake of ours."""


@dataclass(frozen=True)
class Outcome:
    """How an object ended."""

    name: str
    state: Literal["done"] | End
    """How it ended."""
    result: dict[str, Any] | None = None
    """The content of result.json, if it was published."""
    text: str = ""

    @property
    def accepted(self) -> bool:
        """Done, and what was published, if anything was, is accepted."""
        return self.state == "done" and (self.result is None or bool(self.result["accepted"]))


class Board(Protocol):
    """Whoever wants to see many objects run."""

    def opens(self, name: str, fresh: list[str]) -> None:
        """It is an object's turn."""

    def starts(self, name: str, stage: str, reasons: list[str]) -> None:
        """A stage begins, and why."""

    def ends(self, name: str, stage: str, seconds: float, fresh: bool) -> None:
        """A stage is whole."""

    def log(self, name: str, record: dict[str, Any]) -> None:
        """What a stage had to say."""

    def warns(self, name: str, text: str) -> None:
        """Something went wrong that is being mended."""

    def closes(self, outcome: Outcome) -> None:
        """An object is done, or has failed."""

    def shows(self, rows: list[Row], closed: int, objects: int, left: float) -> None:
        """How far all is; called several times a second."""
