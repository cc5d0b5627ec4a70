"""Random draws: each has a purpose of its own, which docs/purposes.yaml lists, and no two purposes can be one text."""

import ast
import itertools
import re
from functools import cache

import pytest
from project import ROOT

from workflow_scripts.experiment.plain import read_yaml
from workflow_scripts.support.seeding import derive_seed

pytestmark = pytest.mark.unit
PACKAGE = ROOT / "workflow_scripts"
MAKERS = ("derive_seed", "numpy_generator", "torch_generator")
PLACEHOLDER = re.compile(r"<(\w+)>")


@cache
def read_registry():
    return read_yaml(ROOT / "docs" / "purposes.yaml")


@cache
def parse_files():
    """The modules of the package, but for the one that makes generators."""
    files = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "seeding.py"]
    trees = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in files}
    return {name: tree for name, tree in trees.items() if not name.startswith("reporting/")}  # draws nothing


def find_takers(trees):
    """Functions that are given a purpose, by name: the place of its first part among the arguments of a call."""
    takers = dict.fromkeys(MAKERS, 0)
    for tree in trees.values():
        for node in ast.walk(tree):
            methods = [child for child in ast.walk(node) if isinstance(child, ast.FunctionDef)]
            owner = node.name if isinstance(node, ast.ClassDef) else ""
            for function in methods if isinstance(node, ast.ClassDef | ast.Module) else ():
                names = [argument.arg for argument in function.args.args]
                vararg = function.args.vararg and function.args.vararg.arg == "purpose"
                if not vararg and "purpose" not in names:
                    continue
                place = len(names) if vararg else names.index("purpose")
                name = owner if function.name == "__init__" else function.name
                if name:
                    takers[name] = place - (names[:1] == ["self"])
    return takers


def find_calls(trees):
    """All calls that give a purpose, as `file: its parts`, and those among them that make a generator."""
    takers, found, makers = find_takers(trees), [], set()
    for file, tree in trees.items():
        for node in ast.walk(tree):
            found += [f"{file}: {parts}" for parts in list_assigned(node)]
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name not in takers:
                continue
            keywords = [word.value for word in node.keywords if word.arg == "purpose"]
            parts = [ast.unparse(part) for part in [*node.args[takers[name] :], *keywords]]
            passed_on = parts in (["*purpose"], ["purpose"])
            if parts and (name in MAKERS or not passed_on):
                call = f"{file}: {', '.join(parts)}"
                found.append(call)
                makers |= {call} if name in MAKERS else set()
    return found, makers


def list_assigned(node):
    """The parts of tuples that a module keeps under the name `purpose`, to give them later."""
    if not isinstance(node, ast.Assign):
        return []
    target, value = node.targets[0], node.value
    pairs = (
        zip(target.elts, value.elts, strict=True)
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        else [(target, value)]
    )
    return [
        ", ".join(ast.unparse(part) for part in given.elts)
        for name, given in pairs
        if isinstance(name, ast.Name) and name.id == "purpose" and isinstance(given, ast.Tuple)
    ]


def compare(registry, trees):
    """In what the registry and the code differ."""
    calls, makers = find_calls(trees)
    listed = {call for entry in registry["draws"] for call in entry["calls"]}
    wrong = [f"not in docs/purposes.yaml: {call}" for call in sorted(set(calls) - listed)]
    wrong += [f"not in the code: {call}" for call in sorted(listed - set(calls))]
    for entry in registry["draws"]:
        own = [call for call in entry["calls"] if call in makers]
        if len(own) > 1 and "shared" not in entry:
            wrong.append(f"{entry['draw']} is drawn in several places: {own}")
        if not own:
            wrong.append(f"{entry['draw']} is drawn nowhere")
        words = set(re.findall(r"[A-Za-z][\w -]*[\w]", PLACEHOLDER.sub("", entry["draw"])))
        wrong += [f"{entry['draw']}: no call has {word!r}" for word in words if not has_word(word, entry["calls"])]
    return wrong


def has_word(word, calls):
    constants = ("PURPOSE",)  # whose value is in the module
    return any(word in call or any(name in call for name in constants) for call in calls)


def unify(first, second, kinds):
    """Whether one part of a text may be another one: words, or words and places for what a kind says."""
    if first == second or not (PLACEHOLDER.search(first) or PLACEHOLDER.search(second)):
        return first == second
    if PLACEHOLDER.search(first) and PLACEHOLDER.search(second):
        whole = [PLACEHOLDER.fullmatch(part) for part in (first, second)]
        if all(whole):
            names = {match[1] for match in whole}
            return not ("split" in names and names & {"seed", "number"})
        heads = [PLACEHOLDER.split(part)[0] for part in (first, second)]
        return heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])
    pattern, word = (first, second) if PLACEHOLDER.search(first) else (second, first)
    parts = PLACEHOLDER.split(pattern)
    regex = "".join(f"(?:{kinds[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.fullmatch(regex, word) is not None


def may_be_alike(first, second, kinds):
    """Whether two draws can have one text. No value of a kind holds a slash, so their parts can be compared in turn."""
    parts = first.split("/"), second.split("/")
    return len(parts[0]) == len(parts[1]) and all(unify(a, b, kinds) for a, b in zip(*parts, strict=True))


def find_alike(registry):
    apart = {(entry["draw"], entry["apart_from"]) for entry in registry["draws"] if "apart_from" in entry}
    pairs = itertools.combinations([entry["draw"] for entry in registry["draws"]], 2)
    alike = [pair for pair in pairs if may_be_alike(*pair, registry["kinds"])]
    return [pair for pair in alike if pair not in apart and pair[::-1] not in apart]


def test_every_draw_of_the_code_stands_in_the_registry_once():
    assert compare(read_registry(), parse_files()) == []


def test_no_two_purposes_can_be_one_text():
    assert find_alike(read_registry()) == []
    assert not any(
        re.fullmatch(kind, text) for kind in read_registry()["kinds"].values() for text in ("a/b", "1/2", "/")
    )


def test_names_that_a_config_gives_hold_no_slash():
    from workflow_scripts.experiment.runs import RUN_NAME

    assert RUN_NAME.fullmatch("method@group~variant")
    for part in ("me/thod", "method@gr/oup", "method~var/iant"):
        assert not RUN_NAME.fullmatch(part)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("numpy_generator(seed, 'new')", "not in docs/purposes.yaml: training/new.py: seed, 'new'"),
        ("views.sample(objects, PAIR, seed, 'pairs', step)", "training/new.py: seed, 'pairs', step"),
        ("fit_probe(b, 1, s, seed, 'class')", "training/new.py: 'class'"),
        ("fit_probe(b, 1, s, seed, purpose='class')", "training/new.py: 'class'"),
    ],
)
def test_a_draw_that_nobody_registered_is_found(code, wrong):
    found = compare(read_registry(), {**parse_files(), "training/new.py": ast.parse(code)})
    assert len(found) == 1
    assert wrong in found[0]


def test_one_text_in_two_places_is_found():
    draws = read_registry()["draws"]
    own = next(entry for entry in draws if entry["draw"] == "<seed>/encoder")
    call = "training/new.py: seed, 'encoder'"
    twice = {**read_registry(), "draws": [*(e for e in draws if e is not own), {**own, "calls": [*own["calls"], call]}]}
    code = ast.parse("torch_generator(seed, 'encoder')")
    assert "is drawn in several places" in compare(twice, {**parse_files(), "training/new.py": code})[0]


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("<seed>/a/<name>", "<seed>/a/b", True),
        ("<seed>/a/<number>", "<seed>/a/b", False),
        ("<seed>/a <name>", "<seed>/a b", True),
        ("<seed>/a/<name>/<number>", "<seed>/a/<name>", False),
        ("<seed>/a/<split>", "<seed>/a/<number>", False),
        ("<seed>/a <name>", "<seed>/b <name>", False),
    ],
)
def test_texts_that_can_be_alike_are_found(first, second, alike):
    assert may_be_alike(first, second, read_registry()["kinds"]) == alike


def test_the_slash_that_joins_parts_does_not_tell_them_apart():
    """Why no part may hold one: the seeds that stored runs were drawn with stay as they are."""
    assert derive_seed("a", "b/c") == derive_seed("a/b", "c")
    assert derive_seed(0, "encoder") == 7946862923975751782
    assert derive_seed(3, "object order", 2) == 529818943249390946
