"""Empty and broken texts: every rule finds what it is for, and is silent about real text of many kinds."""

import pandas as pd
import pytest

from cal.doubtful_texts.broken_texts import CONTROL, ENCODING, MARKUP, REPEATED, broken
from cal.doubtful_texts.empty_texts import why_empty
from cal.doubtful_texts.scripts import SCRIPTS, scripts_of
from cal.doubtful_texts.unusual_texts import cut_off, in_another_script, very_long

SOUND = """
这个产品什么时候可以发货？
今日はいい天気ですね。ラーメンを食べに行きましょう！
한국어 문장도 문제없이 읽혀야 합니다.
أين تقع مكتبة المدينة؟ أريد أن أقرأ كتابًا.
می‌خواهم کتاب بخوانم، اما وقت ندارم.
היכן נמצאת הספרייה העירונית?
हिन्दी में लिखा हुआ एक साधारण वाक्य।
ภาษาไทยไม่มีช่องว่างระหว่างคำ
Где находится городская библиотека? Ещё чаю!
Πού είναι η δημοτική βιβλιοθήκη;
Tiếng Việt có rất nhiều dấu: ỡ, ặ, Ấ, Ậ.
NÃO É POSSÍVEL, DISSE A IRMÃ: “AMANHÔ… “LÔ.
Déjà vu… «Où est la crème brûlée ?» — l’été à 20 €
Die Straße heißt „Äußere Größe“, sagt der Fuß“ und die Maß”.
CAFÉ… VOILÀ“, PÂTÉ™, À—É… â la carte, Île-de-France
Þórður sagði: ðað er Ísland. Reykjavíkurflugvöllur
ÀÉÎÕÜ are letters; so is Å. Ångström × 10⁻¹⁰ ± 0,5 °C; 5‰; ½ cup
I ❤️ it 😀😀 👩‍👩‍👧 🇩🇪 so much!!! :-)
if (a < b && c > d) { x <<= 2; y = &z; vector<int> v; List<String> s; printf("%d", &n); }
SELECT * FROM t WHERE a <> 'b' AND c <= 3; -- done
def f(x): return x**2  # comment #42; #1 fan; issue #123, C#; F#
Use cmd <input> <output> [--label <name>] or mail <me@example.com>
AT&T, R&D; Q&A; Marks & Spencer; rock&roll; a&b=c
x ∈ ℝ, ∑ᵢ xᵢ² ≤ ε ⇒ ‖x‖ → 0, if a<b>c then ∀y ∃z
C:\\users\\name\\new and \\url{https://example.com}, \\u is short
http://www.example.com/a?b=1&c=2&copy=3#top;
ha ha ha, that was very very very good
no no no no
wow!!!!!!!!!!!!!!!!!!!!!!!!!!
äääääääh nein
""".strip().splitlines()
BROKEN = {
    "A cafÃ© in Paris": (ENCODING, "Ã©"),
    "ZÃ¼rich": (ENCODING, "Ã¼"),
    "It costs Â£5": (ENCODING, "Â£"),
    "Donâ€™t": (ENCODING, "â€"),
    "Ð¿Ñ€Ð¸Ð²ÐµÑ‚": (ENCODING, "Ð¿Ñ€Ð¸Ð²ÐµÑ‚"),
    "ä½\xa0å¥½ hello": (ENCODING, "ä½\xa0å¥½"),
    "Ïðèâåòèêè, ìèð": (ENCODING, "Ïðèâåòèêè"),
    "so funny ðŸ˜€": (ENCODING, "ðŸ˜"),
    "It\x92s his": (ENCODING, "\x92"),
    "na\ufffdve": (ENCODING, "\ufffd"),
    "ï»¿id": (ENCODING, "ï»¿"),
    "a\x00b": (CONTROL, "\\x00"),
    "a \uf0b7 bullet": (CONTROL, "\\uf0b7"),
    "Tom &amp; Jerry": (MARKUP, "&amp;"),
    "It #39;s over": (MARKUP, "#39;"),
    "a  quot;crude mockery quot; of it": (MARKUP, "quot;"),
    "caf&eacute; &#8217;": (MARKUP, "&eacute;"),
    "one<br>two<BR />three": (MARKUP, "<br>"),
    'a <a href="x.html">link</a>': (MARKUP, '<a href="x.html">'),
    "<p>One</p>": (MARKUP, "<p>"),
    "don\\u2019t": (MARKUP, "\\u2019"),
    "test test test test test": (REPEATED, "test"),
    "Buy now! Buy now! Buy now! Buy now! Buy now!": (REPEATED, "Buy now!"),
    "aaaaaaaaaaaaaaaaaaaaaaaaa": (REPEATED, "a"),
}


@pytest.mark.parametrize("text", SOUND)
def test_real_text_of_any_kind_is_sound(text):
    assert broken(text) is None
    assert why_empty(text) == ""


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_named_with_an_example(text):
    reason, example = BROKEN[text]
    found = broken(text)
    assert found is not None
    assert found.reason == reason
    assert f"“{example}”" in found.why
    assert 0 < found.share <= 1


@pytest.mark.parametrize("text", ["café", "Zürich", "naïve", "it’s “so” — £5 … ™", "привет", "日本語", "😀"])
@pytest.mark.parametrize("as_if", ["cp1252", "latin-1"])
def test_utf8_that_was_read_as_something_else_is_seen(text, as_if):
    misread = text.encode().decode(as_if, errors="replace")
    assert broken(f"One word is {misread} here").reason == ENCODING


NO_WORD = ["", "  \n", "\u200b\ufeff", "\u00a0\u3000", "?!", "...", "---", "??? ???", "'\"'", "* _ *", "====", "。。。"]
SHORT = [
    "Nana",
    "null and void",
    "none of them",
    "42",
    "1.5",
    ":-)",
    ":(",
    "^_^",
    "-_-",
    "♥",
    "👍",
    "∑",
    "é",
    "を",
    "?x",
]


@pytest.mark.parametrize("text", NO_WORD)
def test_texts_without_a_word_are_empty(text):
    assert why_empty(text)


@pytest.mark.parametrize("text", ["nan", "NaN", " NULL ", "None", "N/A", "#N/A", "<NA>", "[deleted]", "[removed]"])
def test_words_for_a_missing_text_are_empty(text):
    assert repr(text.strip()) in why_empty(text)


@pytest.mark.parametrize("text", SHORT)
def test_short_texts_are_not_empty(text):
    assert why_empty(text) == ""


def test_each_script_is_told():
    texts = {"Latin": "How far", "Cyrillic": "Кто там", "Greek": "Πού είναι", "Arabic": "أين تقع"}
    texts |= {"Hebrew": "היכן זה", "Thai": "ภาษาไทย", "Devanagari": "हिन्दी में"}
    texts |= {"Korean": "한국어 문장", "Chinese or Japanese": "今日はいい"}
    assert [SCRIPTS[k] for k in scripts_of([*texts.values()])] == [*texts]
    assert scripts_of(["α + β = γ", "2 × 3", "", "OK 👍", "π"]).tolist() == [-1] * 5


def test_a_text_in_another_script_is_named_only_where_nearly_all_share_one():
    latin, cyrillic = ["How far is it?"] * 60, ["Кто там?"] * 60
    assert list(in_another_script([*latin, cyrillic[0]])) == [60]
    assert list(in_another_script([*cyrillic, latin[0], "α + β = γ"])) == [60]
    assert in_another_script([*latin, *cyrillic]) == {}
    assert in_another_script([*latin[:10], cyrillic[0]]) == {}


def test_a_text_far_longer_than_all_others_is_named():
    usual = [f"text {'word ' * (5 + k % 40)}" for k in range(200)]
    assert list(very_long([*usual, "word " * 5000])) == [200]
    assert very_long([*usual, "word " * 100]) == {}
    lengths = pd.Series(range(1, 400)) ** 1.5
    assert very_long(["x" * int(length) for length in lengths]) == {}


def test_texts_of_one_form_are_not_cut_off():
    assert cut_off([f"Your order {k:05} is on its way and will be with you in three days" for k in range(100)]) == {}
    numbers = [f"{'word ' * (k % 9)}" for k in range(100)]
    same_end = [f"Order {k:03} {'of yours ' * 6} has been sent to the address that you gave us" for k in range(30)]
    assert cut_off([*numbers, *same_end]) == {}
