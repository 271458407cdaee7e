"""Misspellings: which rare words are taken for another."""

import pytest

from cal.doubtful_texts.misspellings import one_spelling
from cal.doubtful_texts.word_sets import WordSets

USUAL = ["the capital of France", "the capital of Chile", "the capital of Peru", "a weather report"]


def spelled(*texts):
    """The words of the last text, as they are taken."""
    sets = one_spelling(WordSets.of([*USUAL, *texts]))
    return sets.at(len(USUAL) + len(texts) - 1)


@pytest.mark.parametrize("word", ["captial", "capitl", "capitaal", "capitol", "capitals", "Capttal"])
def test_a_rare_word_one_letter_from_a_frequent_one_is_taken_for_it(word):
    assert spelled(f"the {word}") == {"the", "capital"}


@pytest.mark.parametrize("word", ["kapital", "capitoll", "catpial", "capital2", "cap"])
def test_other_words_stay(word):
    assert spelled(f"the {word}") == {"the", word}


def test_two_rare_words_are_one_only_if_no_third_is_like_them():
    assert spelled("in Yugoslavia", "in Yugoslvaia") == {"in", "yugoslavia"}
    assert spelled("part qxkda", "part qxkdb", "part qxkdc") == {"part", "qxkdc"}


def test_a_text_may_have_both_spellings():
    sets = one_spelling(WordSets.of([*USUAL, "captial capital"]))
    assert sets.at(4) == {"capital"}
    assert set(sets.has.data.tolist()) == {1}


def test_the_order_of_the_texts_makes_no_difference():
    texts = [*USUAL, "in Yugoslavia", "in Yugoslvaia", "the captial"]
    there, back = one_spelling(WordSets.of(texts)), one_spelling(WordSets.of(texts[::-1]))
    assert [there.at(k) for k in range(len(texts))] == [back.at(len(texts) - 1 - k) for k in range(len(texts))]
