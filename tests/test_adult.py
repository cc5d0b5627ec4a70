"""UCI Adult: both forms of the data, against each other and by hand, and what damaged files say."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.readers.adult import CATEGORIES, COPY, open_reader, read_copy, read_official
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit
ROWS = [
    "39, State-gov, 77516, Bachelors, 13, Divorced, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, Cuba, <=50K",
    "50, Private, 83311, HS-grad, 9, Divorced, ?, Unmarried, Black, Female, 0, 0, 13, United-States, >50K",
    "28, Private, 1, Masters, 14, Divorced, Sales, Wife, Other, Female, 0, 1902, 60, India, >50K",
]  # fmt: skip


@pytest.fixture
def official(tmp_path):
    (tmp_path / "adult.data").write_text("\n".join([*ROWS, ""]))
    test = [row + "." for row in ROWS[:2]]
    (tmp_path / "adult.test").write_text("\n".join(["|1x3 Cross validator", *test, ""]))
    return tmp_path


def test_official_files_by_hand(official):
    table = read_official(official)
    assert table.label.tolist() == ["<=50K", ">50K", ">50K", "<=50K", ">50K"]
    assert table.splits.tolist() == [0, 0, 0, 1, 1]
    assert table.features["gender"].tolist() == ["Male", "Female", "Female", "Male", "Female"]
    assert table.features["occupation"].tolist()[:3] == ["Adm-clerical", "?", "Sales"]
    assert table.features["capital-loss"].tolist()[:3] == [0, 0, 1902]
    assert "fnlwgt" not in table.features
    reader = open_reader(official)
    assert reader.classes == ("<=50K", ">50K")
    assert reader.labels.tolist() == [0, 1, 1, 0, 1]


def test_the_copy_is_turned_back_into_categories(official, tmp_path):
    table = read_official(official)
    frame = table.features.rename(columns={"gender": "sex"}).assign(salary=table.label)
    coded = pd.get_dummies(frame, columns=[*CATEGORIES, "salary"], dtype=int)
    with zipfile.ZipFile(tmp_path / COPY, "w") as archive:
        archive.writestr("adult.csv", coded.to_csv(index=False))
    copy = read_copy(tmp_path / COPY)
    pd.testing.assert_frame_equal(copy.features, table.features, check_dtype=False)
    assert copy.label.tolist() == table.label.tolist()
    assert "official split is lost" in copy.caveat


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "line 2: .* values .* truncated"),
        (lambda text: text.replace("39,", "old,"), "row 0 has no number as age"),
        (lambda text: text.replace(">50K", "much"), "line 2: 15 values that end in 'much'"),
    ],
)
def test_damaged_files_are_one_sentence(official, damage, said):
    path = official / "adult.data"
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=said):
        open_reader(official)


def test_a_missing_file_is_one_sentence(official):
    (official / "adult.test").unlink()
    with pytest.raises(UserError, match=r"adult\.test is missing"):
        open_reader(official)


def test_a_damaged_copy_is_one_sentence(tmp_path):
    (tmp_path / COPY).write_bytes(b"no zip")
    with pytest.raises(UserError, match="not a readable table"):
        open_reader(tmp_path)
    with zipfile.ZipFile(tmp_path / COPY, "w") as archive:
        archive.writestr("adult.csv", "age\n3\n")
    with pytest.raises(UserError, match="lacks the feature 'education-num'"):
        open_reader(tmp_path)


def test_real_files(shared_data):
    table = read_official(shared_data / "adult")
    assert np.bincount(table.splits).tolist() == [32561, 16281]
    assert (table.label[:32561] == ">50K").sum() == 7841  # as adult.names says: 24.08 % of the training rows
    assert table.features["gender"].nunique() == 2
