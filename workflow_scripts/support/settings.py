"""Types of settings: what a number or a list may be, said once where the setting is declared.

The schemas of configs are generated from the dataclasses that use them (`make schemas`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen


@dataclass(frozen=True)
class Ascending:
    """Marks a list of numbers of which none is less than the one before it, such as a range."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "x-ascending": True}


@dataclass(frozen=True)
class NotEven:
    """Marks a whole number that must be odd."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "not": {"multipleOf": 2}}


@dataclass(frozen=True)
class Unique:
    """Marks a list in which nothing stands twice."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "uniqueItems": True}


Count = Annotated[int, Ge(1)]
Width = Annotated[int, Ge(1), Le(2**16)]  # of a layer: more is a slip of the keyboard, and no memory holds it
Depth = Annotated[int, Ge(1), Le(1000)]  # layers, blocks
Odd = Annotated[int, Ge(1), NotEven()]
Whole = Annotated[int, Ge(0)]
Positive = Annotated[float, Gt(0)]
Weight = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Partial = Annotated[float, Ge(0), Lt(1)]  # a share that leaves something
Widths = Annotated[list[Width], MinLen(1)]
ShareRange = Annotated[list[Share], MinLen(2), MaxLen(2), Ascending()]


@dataclass(frozen=True)
class NoSettings:
    """The settings of what has none."""


@dataclass(frozen=True)
class KindOf:
    """Marks a map with a `kind`: the rest of it are the settings of this kind, whose schema stands in schemas/<room>/.

    For example `Annotated[dict[str, Any], KindOf("optimizers")]`.
    """

    room: str

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked map."""
        return {"type": "object", "x-kinds": self.room}


@dataclass(frozen=True)
class ByGroup:
    """Marks a map whose keys are names of groups."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked map."""
        return {**handler(core), "x-keys": "groups"}


@dataclass(frozen=True)
class GroupNames:
    """Marks a list of names of groups; null = all that there are."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "x-names": "groups"}


@dataclass(frozen=True)
class ReadoutNames:
    """Marks a list of names of readouts, of any method; null = all that there are."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "x-names": "readouts"}


@dataclass(frozen=True)
class KeysOf:
    """Marks lists of names, each of which is a key of another setting beside it."""

    setting: str

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked lists."""
        return {**handler(core), "x-keys_of": self.setting}


@dataclass(frozen=True)
class Pattern:
    """Marks text that a regular expression matches."""

    pattern: str

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked text."""
        return {**handler(core), "pattern": self.pattern}


@dataclass(frozen=True)
class Divides:
    """Marks a whole number of a method's settings that divides another setting of the run, at least `times` times.

    of: where that stands, such as "training.steps". reason: what is so only then; the sentence that refuses others ends
    with it. per: it is the number divided by this one that does.
    """

    of: str
    reason: str
    times: int = 1
    per: int = 1

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "x-divides": asdict(self)}


@dataclass(frozen=True)
class AtLeast:
    """Marks a number that is no less than another setting of the run, such as "training.batch"; see `Divides`."""

    of: str
    reason: str

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "x-at_least": asdict(self)}


@dataclass(frozen=True)
class AtMost:
    """Marks a number, or a list of such, that is no more than another setting; see `Divides`.

    of: of the run, such as "training.steps", or of the map that the number stands in, such as "epochs". below: less
    than that. unless: it does not matter where this setting of the same map is given.
    """

    of: str
    reason: str
    below: bool = False
    unless: str = ""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "x-at_most": asdict(self)}


@dataclass(frozen=True)
class Reach:
    """Marks a number, or a list of such, of an augmentation that reaches ceil((number - less) * per) pixels far.

    That is less than the images' side.
    """

    per: float = 1.0
    less: int = 0

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "x-reach": asdict(self)}


@dataclass(frozen=True)
class NegativeWith:
    """Marks a number of a method's settings that may be below 0 only where another of them has a certain value."""

    key: str
    value: str

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked number."""
        return {**handler(core), "x-negative_with": {self.key: self.value}}


@dataclass(frozen=True)
class WidthOf:
    """Marks the setting that says how wide an embedding is, its last entry if it is a list; null: the encoder's width.

    what: "view", there is one embedding of each view; "context", one of each view under each context; "space", two of
    each view for each key that a step reads. For estimates of space and time only.
    """

    what: Literal["view", "context", "space"]

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked setting."""
        return {**handler(core), "x-width": self.what}


@dataclass(frozen=True)
class Shared:
    """Marks a list of names of groups whose parameters a view copies from another, all of them together."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "x-shared": True}


@dataclass(frozen=True)
class OneViewEach:
    """Marks a list of names, null = all that there are, for each of which a step reads one more view of an object."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Return the JSON schema of the marked list."""
        return {**handler(core), "x-one_view_each": True}
