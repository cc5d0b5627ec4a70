"""Plain YAML, from files and from the command line: what is not plain is refused in one sentence."""

import pytest
from project import tell

from workflow_scripts.experiment.plain import VALUES, parse_yaml, read_yaml, retype

pytestmark = pytest.mark.unit
LAUGHS = "a0: &a0 [ha]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
MERGES = "a0: &a0 {b: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 30))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: .nan}", "f.yaml: a.b is nan"),
        ("a: [0, -.inf]", "f.yaml: a.1 is -inf"),
        ("a: 1.0e+999", "f.yaml: a is inf"),
        ("a: 1\nb: 2\na: 3", "f.yaml has the key 'a' twice, again in line 3"),
        ("a: {b: {c: 1, c: 1}}", "f.yaml: a.b has the key 'c' twice"),
        ("a: &a [1, *a]", "f.yaml: a [1] contains itself"),
        ("a: &a {b: *a}", "f.yaml: a.b contains itself"),
        ("a: &a {<<: *a}", "f.yaml: a.<< contains itself"),
        (LAUGHS, f"expands to more than {VALUES} values"),
        (MERGES, f"expands to more than {VALUES} values"),
        ("[" * 100_000, "f.yaml: line 1 is nested more than 50 deep"),
        ("a: 2020-01-01", "f.yaml: a is a date"),
        ("a: !!python/object/apply:os.system ['true']", "f.yaml: a is of the type python/object/apply"),
        ("a: !!binary aGE=", "f.yaml: a is binary data"),
        ("a: !!set {b, c}", "f.yaml: a is a set"),
        ("1: a", "f.yaml has the key 1, which is not text"),
        ("a: {on: b}", "f.yaml: a has the key True, which is not text"),
        ("[a]: b", "f.yaml has a key that is not text, in line 1"),
        ('"a\\n": b', "is one line of printable text"),
        ("a: " + "9" * 5000, "f.yaml is not plain YAML"),
        ("a: b: c", "f.yaml is not plain YAML"),
        ("a: 1\n---\na: 2", "f.yaml is not plain YAML"),
    ],
    ids=lambda text: text[:12].strip(),
)
def test_yaml_that_is_not_plain_is_refused(text, message, tmp_path):
    assert message in tell(parse_yaml, text, "f.yaml")
    (tmp_path / "f.yaml").write_text(text)
    assert str(tmp_path / "f.yaml") in tell(read_yaml, tmp_path / "f.yaml")


def test_plain_yaml_is_read():
    text = "a: &a {b: [1, 2.5, true, null, text]}\nc: {<<: *a, d: *a}\ne: 1.0e-3"
    inner = {"b": [1, 2.5, True, None, "text"]}
    assert parse_yaml(text, "f.yaml") == {"a": inner, "c": {**inner, "d": inner}, "e": 1e-3}


@pytest.mark.faults
def test_files_that_cannot_be_read_are_told(tmp_path):
    assert "does not exist" in tell(read_yaml, tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: ä".encode("latin1"))
    assert "is not text in UTF-8" in tell(read_yaml, tmp_path / "latin.yaml")


def test_the_command_line_means_what_yaml_means():
    given = {"seeds": ["0", "1"], "training": {"lr": "0.1", "clip_norm": "null"}, "shadow": "true", "path": "a [b"}
    typed = {"seeds": [0, 1], "training": {"lr": 0.1, "clip_norm": None}, "shadow": True, "path": "a [b"}
    assert retype(given) == typed
    for text in ("", "x; touch y #", "2020-01-01", "*a", "&a b", "!!python/name:os.system", "{a: 1}", "a\nb", "- - -"):
        assert retype(text) == text


@pytest.mark.faults
def test_the_command_line_is_as_strict():
    assert tell(retype, {"training": {"lr": ".nan"}}) == "the command line: training.lr is nan; give a finite number"
    endless = []
    endless.append(endless)
    assert "contains itself" in tell(retype, {"a": endless})
    huge = ["ha"]
    for _ in range(30):
        huge = [huge] * 10
    assert f"contains more than {VALUES} values" in tell(retype, {"a": huge})


# --- runs ---------------------------------------------------------------------------------------------------------
