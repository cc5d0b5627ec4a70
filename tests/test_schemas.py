"""Generated schemas: those of the dataclasses, closed, and a new plug-in adds one file and touches no other."""

import dataclasses
import importlib
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from project import call, refuse

from workflow_scripts import schemas
from workflow_scripts.evaluation.settings import Contexts
from workflow_scripts.experiment import rooms, schema
from workflow_scripts.experiment.checking import check_schema, fill
from workflow_scripts.experiment.kinds import CONTROLS
from workflow_scripts.experiment.rooms import FIXED, FIXED_KINDS, ROOMS, list_kinds, locate_schema, read_schema
from workflow_scripts.support import plugins
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.plugins import load_plugin
from workflow_scripts.support.settings import Ascending, Count, KindOf, Positive, WidthOf

pytestmark = pytest.mark.unit
PLUGINS = [(room, name) for room in ROOMS for name in list_kinds(room)]


def test_schemas_are_those_of_the_dataclasses(capsys):
    """As `make schemas` checks it, which names those that are stale."""
    call(schemas, "--check")
    assert "all schemas are those of their dataclasses" in capsys.readouterr().out


@pytest.mark.parametrize(("room", "name"), PLUGINS)
def test_defaults_are_valid_and_those_of_the_dataclass(room, name):
    own, place = read_schema(room, name), ROOMS[room]
    given = {"kind": name} if place.by_kind else {}
    filled = fill(given, own)
    check_schema(filled, own, "defaults")
    filled.pop("kind", None)
    settings = load_plugin(place.package, name, place.attribute).Settings
    assert filled == schema._as_json(dataclasses.asdict(settings()))
    with pytest.raises(UserError, match="unknown key 'colour'"):
        check_schema({**given, "colour": 1}, own, "settings")


@pytest.mark.parametrize("where", FIXED)
def test_fixed_dataclasses_have_a_schema_of_their_own(where):
    room, _, name = where.partition("/")
    module, _, attribute = FIXED[where].partition(":")
    filled = fill({"kind": name} if room in FIXED_KINDS else {}, read_schema(room, name))
    own = schema._as_json(dataclasses.asdict(getattr(importlib.import_module(module), attribute)()))
    filled.pop("kind", None)
    nested = {key for key, value in filled.items() if isinstance(value, dict) and "kind" in value}
    assert {key: value for key, value in filled.items() if key not in nested} == {
        key: value for key, value in own.items() if key not in nested
    }


def test_controls_are_those_that_there_are():
    assert tuple(sorted(Contexts().controls)) == tuple(sorted(CONTROLS))
    allowed = read_schema("evaluation", "contexts")["properties"]["controls"]["items"]["enum"]
    assert sorted(allowed) == sorted(CONTROLS)


@dataclass(frozen=True)
class Inner:
    """A part."""

    low: Count = 1
    title: str = "none"


@dataclass(frozen=True)
class Outer:
    """What it is.

    rate: of it.
    """

    rate: Positive = 0.5
    inner: Inner = Inner(low=3)
    widths: Annotated[list[Count], WidthOf("view")] = field(default_factory=lambda: [4])
    mode: Literal["a", "b"] = "a"
    span: Annotated[tuple[float, float], Ascending()] = (0.0, 1.0)
    either: Count | None = None
    by_name: dict[str, Inner] = field(default_factory=lambda: {"x": Inner()})
    optimizer: Annotated[dict[str, Any], KindOf("optimizers")] = field(default_factory=lambda: {"kind": "sgd"})


def test_a_dataclass_becomes_a_closed_schema():
    made = schema.make_schema(Outer)
    assert made["description"] == "What it is.\n\nrate: of it."
    assert made["additionalProperties"] is made["properties"]["inner"]["additionalProperties"] is False
    assert made["properties"]["rate"] == {"default": 0.5, "exclusiveMinimum": 0, "type": "number"}
    assert made["properties"]["inner"]["properties"]["title"] == {"default": "none", "type": "string"}
    assert made["properties"]["widths"]["x-width"] == "view"
    assert made["properties"]["optimizer"]["x-kinds"] == "optimizers"
    assert "$ref" not in str(made)


def test_what_is_not_said_is_filled_in():
    made = schema.make_schema(Outer)
    given = {"rate": 1, "inner": {"title": "some"}, "by_name": {"y": {"low": 2}}, "optimizer": {"kind": "adam"}}
    check_schema(given, made, "settings")
    filled = fill(given, made)
    assert filled["rate"] == 1
    assert isinstance(filled["rate"], float)
    assert filled["inner"] == {"low": 3, "title": "some"}
    assert filled["by_name"] == {"x": {"low": 1, "title": "none"}, "y": {"low": 2, "title": "none"}}
    assert filled["optimizer"]["betas"] == [0.9, 0.999]
    assert filled["span"] == [0.0, 1.0]
    assert fill(filled, made) == filled


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": 0}, "rate: 0 is less than or equal to the minimum of 0"),
        ({"inner": {"lw": 1}}, "unknown key 'lw' at inner; did you mean 'low'?"),
        ({"by_name": {"z": {"low": 1.0}}}, "by_name.z.low: 1.0 is not of type 'integer' (write 1)"),
        ({"mode": "c"}, "mode: 'c' is not one of"),
        ({"span": [1.0, 0.5]}, "span: [1.0, 0.5] does not ascend"),
        ({"either": 0}, "either: 0 is less than the minimum of 1"),
        (
            {"optimizer": {"kind": "sgd", "momentun": 1}},
            "unknown key 'momentun' at optimizer; did you mean 'momentum'?",
        ),
        ({"optimizer": 3}, "optimizer: 3 is not"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given, message):
    with pytest.raises(UserError) as caught:
        check_schema(given, schema.make_schema(Outer), "settings")
    assert str(caught.value).startswith(f"settings: {message}")
    assert "\n" not in str(caught.value)


def test_a_field_without_a_default_is_refused():
    with pytest.raises(TypeError):
        schema.make_schema(dataclasses.make_dataclass("Bare", [("width", int)]))


NEW = '''"""A toy."""
from dataclasses import dataclass

from workflow_scripts.methods.base import Method
from workflow_scripts.support.settings import Count


@dataclass(frozen=True)
class Settings:
    """width: of it."""

    width: Count = 3


class Toy(Method):
    """It does nothing."""

    Settings = Settings


METHOD = Toy
'''


def test_a_new_plug_in_is_a_new_schema_and_touches_no_other(tmp_path, monkeypatch):
    before = schema.make_schemas()
    (tmp_path / "toy_plus.py").write_text(NEW)
    methods = importlib.import_module("workflow_scripts.methods")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    listed = plugins.list_plugins
    monkeypatch.setattr(plugins, "list_plugins", lambda *where: [*listed(*where), *["toy+"] * (where[0] == "methods")])
    monkeypatch.setattr(rooms, "list_plugins", plugins.list_plugins)
    after = schema.make_schemas()
    added = locate_schema("methods", "toy+")
    assert {path: text for path, text in after.items() if path != added} == before
    assert "width: {default: 3, minimum: 1, type: integer}" in after[added]
    with pytest.raises(UserError, match=r"toy_plus\.yaml is missing: run `make schemas`"):
        read_schema("methods", "toy+")


def test_the_command_says_what_is_stale_and_mends_it(tmp_path, monkeypatch):
    path, other = tmp_path / "a.yaml", tmp_path / "old.yaml"
    path.write_text("was: before\n")
    other.write_text("of: no plug-in\n")
    monkeypatch.setattr(schema, "make_schemas", lambda: {path: "is: now\n"})
    assert schema.find_stale() == {path: "is: now\n", other: ""}
    schema.write_schemas(schema.find_stale())
    assert path.read_text() == "is: now\n"
    assert not other.exists()
    assert not schema.find_stale()


def test_the_check_names_what_is_stale_and_writes_nothing(monkeypatch):
    path = rooms.ROOT / "schemas" / "toy.yaml"
    monkeypatch.setattr(schema, "find_stale", lambda: {path: "is: now\n"})
    assert refuse(schemas, "--check") == "error: stale schemas: schemas/toy.yaml; run `make schemas`"
    assert not path.exists()
