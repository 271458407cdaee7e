"""Which labelling configurations the backend serves, and what it says about the others."""

import pytest

from cal.errors import DataError
from cal.exchange.label_studio_config import labelling_config
from cal.exchange.losses import Losses
from cal.exchange.records import LabelSet
from cal.label_studio.labelling import EXAMPLE, labelling_of

TWO = '<Choice value="A"/><Choice value="B"/>'
SECOND = f'<Choices name="tone" toName="text">{TWO}</Choices>'


def config(choices="", inner=TWO, text='<Text name="text" value="$text"/>', more=""):
    return f'<View>{text}<Choices name="label" toName="text" {choices}>{inner}</Choices>{more}</View>'


def test_the_configuration_that_we_write_is_served():
    found = labelling_of(labelling_config(["HUM", 'has "quotes" & <tags>'], LabelSet(), Losses("tasks.json")))
    assert (found.control, found.shown, found.field) == ("label", "text", "text")
    assert found.labels == ("HUM", 'has "quotes" & <tags>')
    marked = [*found.result("HUM"), {"from_name": "cal_action", "value": {"choices": ["exclude"]}}]
    assert found.label_of(marked) is None


def test_names_fields_and_aliases_are_read():
    found = labelling_of(
        '<View><Header value="?"/><View><Text name="q" value="$question"/></View>'
        '<Choices name="kind" toName="q" choice="single-radio"><Choice value="A thing" alias="thing"/>'
        '<Choice value="A person"/></Choices><TextArea name="why" toName="q"/></View>'
    )
    assert (found.control, found.shown, found.field, found.labels) == ("kind", "q", "question", ("thing", "A person"))
    assert found.result("thing", 0.75) == [
        {"from_name": "kind", "to_name": "q", "type": "choices", "value": {"choices": ["thing"]}, "score": 0.75}
    ]
    assert found.text_of({"question": " \n"}) is None
    assert found.text_of({"question": True}) is None
    assert found.text_of({"question": 7}) == "7"
    assert found.text_of({"$undefined$": "half \ud83d"}) == "half ?"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("<View>", "is not XML"),
        ("", "is not XML"),
        ("\ud800", "is not XML"),
        ("<View/>", "offers no choices"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;</View>", "declares a document type"),
        ("x" * (2**20 + 1), "1,048,577 characters"),
        (config('choice="multiple"'), 'Make it choice="single"'),
        (config('perRegion="true"'), "about parts of a text"),
        (config('value="$options"', ""), "come from each task"),
        (config(inner='<Choice value="A"/>'), "two labels or more"),
        (config(inner='<Choice value="A"/><Choice value="A"/>'), "all different"),
        (config(inner=f'<Choice value="A">{TWO}</Choice>'), "choices within them"),
        (config(text='<Text name="text" value="fixed"/>'), "not a field"),
        (config(text='<Image name="text" value="$image"/>'), "about 'text', not about a text"),
        (f'<View><Text name="text" value="$text"/><Choices toName="text">{TWO}</Choices></View>', "have no name"),
        (config(more=SECOND).replace('"label"', '"topic"'), "question=topic"),
    ],
)
def test_what_cannot_be_served_says_why(given, told):
    with pytest.raises(DataError) as refused:
        labelling_of(given)
    assert told in str(refused.value)


def test_of_several_questions_one_can_be_named():
    several = config(more=SECOND)
    assert labelling_of(several).control == "label"
    assert labelling_of(several, "tone").control == "tone"
    with pytest.raises(DataError, match="It has: 'label' and 'tone'"):
        labelling_of(several, "mood")
    assert labelling_of(EXAMPLE, "label").labels == ("HUM", "LOC")
