"""WSC as multiple choice: which rows go together, and what becomes of them."""

import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from cal.data import hub_connection
from cal.data.columns import read_documents
from cal.data.hub import Hub
from cal.data.tables import RawTable
from cal.data.wsc import with_choices
from cal.errors import DataError

TEXT = 'Ann told Mary that "she" was late, as Jane knew.'
NAMES = ["text", "span1_text", "span1_index", "span2_text", "span2_index", "label"]
ROWS = [
    (TEXT, "Mary", 2, "she", 4, "False"),
    (TEXT, "Ann", 0, "she", 4, "True"),
    (TEXT, "Jane", 8, "she", 4, "False"),
]


def table(rows) -> RawTable:
    return RawTable("wsc", {name: list(values) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)})


def choices(rows):
    return read_documents(*with_choices(table(rows)))


def test_each_right_candidate_meets_each_wrong_one_in_the_order_of_the_text():
    documents = choices(ROWS)
    before, after = 'Ann told Mary that "', '" was late, as Jane knew.'
    assert documents.sequences == [
        ((before, f"Ann{after}"), (before, f"Mary{after}")),
        ((before, f"Ann{after}"), (before, f"Jane{after}")),
    ]
    assert (documents.labels, documents.ids) == (["1", "1"], ["1-0", "1-2"])


def test_the_right_candidate_may_be_the_second():
    documents = choices([(TEXT, "Ann", 0, "she", 4, "False"), (TEXT, "Mary", 2, "she", 4, "True")])
    assert documents.labels == ["2"]


@pytest.mark.parametrize(
    "alone",
    [
        ("Bob met Al before he left.", "Bob", 0, "he", 4, "True"),  # no wrong candidate
        (TEXT, "Ann", 0, "she", 5, "False"),  # the pronoun is elsewhere
        (TEXT, "Ann", 0, "she", 99, "False"),
        (TEXT, "ann ", 0, "she", 4, "False"),  # the right candidate again
        (TEXT, "Jane", 8, "she", 4, None),  # nobody labelled this
        ("A_B saw him.", "A_B", 0, "him", 2, "True"),  # a blank of its own
    ],
    ids=["alone", "other word", "no word", "same candidate", "unlabelled", "blank"],
)
def test_a_row_without_a_partner_is_left_out_and_counted(alone, caplog):
    with caplog.at_level(logging.WARNING):
        documents = choices([*ROWS, alone])
    assert len(documents.ids) == 2
    assert caplog.messages == ["wsc: 1 of 4 rows have no partner for a choice and are left out."]


def test_a_split_in_which_nothing_goes_together_is_refused():
    with pytest.raises(DataError, match="in 2 rows no pronoun has both a right and a wrong candidate"):
        choices([ROWS[0], ROWS[2]])


def test_wsc_of_the_hub_is_multiple_choice_and_a_test_set_for_winogrande(monkeypatch):
    features = Features(
        {name: Value("int32" if name.endswith("index") else "string") for name in NAMES[:-1]}
        | {"label": ClassLabel(names=["False", "True"])}
    )
    second = [("Bo fed Al as he begged.", "Bo", 0, "he", 4, 0), ("Bo fed Al as he begged.", "Al", 2, "he", 4, 1)]
    rows = [*((*row[:5], int(row[5] == "True")) for row in ROWS), *second]
    wsc = Dataset.from_dict({name: list(values) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)})
    cloze = {"sentence": ["The _ fell.", "A _ ran."], "option1": ["cup", "cat"], "option2": ["jar", "dog"]}
    winogrande = Dataset.from_dict({**cloze, "answer": ["1", "2"]})
    loaded = {
        "aps/super_glue": DatasetDict({"train": wsc.cast(features), "validation": wsc.cast(features)}),
        "allenai/winogrande": DatasetDict({"train": winogrande, "validation": winogrande}),
    }
    monkeypatch.setattr(hub_connection, "load", lambda hub_id, *given: loaded[hub_id])
    alone = Hub("aps/super_glue", config="wsc", task="wsc", test_split="validation", name="wsc").read()
    assert sorted(alone.train.ids) == ["wsc-train-1-0", "wsc-train-1-2", "wsc-train-3-4"]
    assert (alone.train.shape, alone.label_names) == ((2, 2), ["1", "2"])
    both = Hub(
        "allenai/winogrande",
        test_split="validation",
        task="winogrande",
        text_column="sentence",
        choice_columns=["option1", "option2"],
        blank="_",
        label_column="answer",
        tests={"wsc": {"hub_id": "aps/super_glue", "config": "wsc", "split": "validation", "task": "wsc"}},
    ).read()
    test_set = both.tests["wsc"]
    assert dict(zip(test_set.split.ids, test_set.split.gold.tolist(), strict=True)) == {
        "wsc-1-0": 0,
        "wsc-1-2": 0,
        "wsc-3-4": 1,
    }
