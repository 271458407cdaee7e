"""The paper's claims, each with what is measured here and with the released code's faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from faults import Faulty
from legacy import FAULTS
from measures import CORPORA, FEWEST, NAMES, OURS, Difference, Places, Runs, batches, corpora_of, difference, shown

ABOVE = [("LC", "Rand."), ("Ent.", "Rand."), ("BALD", "Rand."), ("CAL", "Rand.")]


@dataclass(frozen=True)
class Claim:
    """A claim about a difference.

    Args:
        text: what the paper says.
        source: where it says so.
        corpus: name of the corpus.
        claimed: `above`, `not above` or `not below`.
        found: the difference here.
        pair: strategies of the difference, to find it again with faults; empty for none.
    """

    text: str
    source: str
    corpus: str
    claimed: str
    found: Difference
    pair: tuple[str, ...] = ()


def claims(places: Places) -> str:
    """Every claim with its verdict, by the rule in README.md."""
    faulty, rows = Faulty(places.runs), []
    for claim in stated(places):
        verdict = claim.found.verdict(claim.claimed)
        row = [claim.text, claim.source, CORPORA[claim.corpus].partition(",")[0], str(claim.found), verdict]
        rows.append([*row, *with_faults(claim, faulty)])
    columns = ["claim", "source", "corpus", "here", "verdict", "with all faults", "which"]
    return shown("Claims", pd.DataFrame(rows, columns=columns))


def stated(places: Places) -> Iterator[Claim]:
    """The claims about corpora with finished runs."""
    for corpus, _, found in corpora_of(places.runs):

        def between(a: str, b: str, found: Runs = found) -> Difference:
            return difference(found.scores(OURS[a]), found.scores(OURS[b]))

        for a, b in ABOVE:
            yield Claim(f"{a} above {b}", "5, Fig. 3", corpus, "above", between(a, b), (OURS[a], OURS[b]))
        yield Claim("DAL not above Rand.", "5, Fig. 3", corpus, "not above", between("DAL", "Rand."), ("dal", "random"))
        yield Claim("CAL above DAL", "Table 2", corpus, "above", between("CAL", "DAL"), ("cal", "dal"))
        if corpus == "ag_news_10k":
            yield Claim("CAL above BALD", "Table 2", corpus, "above", between("CAL", "BALD"))
        for rival in ("LC", "Ent."):
            pair = ("cal", OURS[rival])
            yield Claim(f"CAL not below {rival}", "Table 2", corpus, "not below", between("CAL", rival), pair)
        yield from of_thresholds(corpus, found)
        finals, full = found.scores("cal", "final"), found.full_scores()
        if corpus == "trec":
            yield Claim("CAL's last above all data", "5", corpus, "above", difference(finals, full), ("full",))
        else:
            share = {seed: 0.99 * accuracy for seed, accuracy in full.items()}
            yield Claim("CAL's last at 99 % of all data", "5", corpus, "not below", difference(finals, share))
        mixed = found.scores(OURS["DAL+CAL"], "final")
        yield Claim("DAL+CAL not above CAL, last", "5", corpus, "not above", difference(mixed, finals))
        yield from of_batches(corpus, found)


def of_thresholds(corpus: str, found: Runs) -> Iterator[Claim]:
    """Table 3: .2 is the best threshold."""
    best = found.scores("cal", "final")
    for threshold in (0.0, 0.4, 0.6, 0.8):
        other = found.scores(f"cal(threshold={threshold})", "final")
        if threshold < 0.8 or corpus != "trec":
            yield Claim(f"threshold .2 above {threshold}, last", "Table 3", corpus, "above", difference(best, other))


def of_batches(corpus: str, found: Runs) -> Iterator[Claim]:
    """Figure 4: how variable what is acquired is."""

    def of(strategy: str, column: str, first: int, last: int) -> dict[int, float]:
        means = batches(found, first, last)[column]
        return {int(seed): float(value) for (name, seed), value in means.items() if name == strategy}

    for a in ("cal", "least_confidence"):
        for b in ("random", "dal"):
            apart = difference(of(a, "variability", 1, 29), of(b, "variability", 1, 29))
            yield Claim(f"{NAMES[a]} acquires more variable than {NAMES[b]}", "Fig. 4", corpus, "above", apart)
    late = difference(of("least_confidence", "variability", 16, 29), of("least_confidence", "variability", 1, 5))
    yield Claim("LC: less variable at the start", "Fig. 4", corpus, "above", late)
    early = difference(of("dal", "variability", 1, 5), of("dal", "variability", 16, 29))
    yield Claim("DAL: more variable at the start", "Fig. 4", corpus, "above", early)
    easy = difference(of("dal", "correctness", 16, 29), of("cal", "correctness", 16, 29))
    yield Claim("DAL acquires easier than CAL later", "Fig. 4", corpus, "above", easy)


def with_faults(claim: Claim, faulty: Faulty) -> tuple[str, str]:
    """The verdict with all faults, and which fault alone brings the claim about or, left out, undoes it."""
    if not claim.pair or claim.corpus != "trec" or "all" not in faulty.found:
        return "", ""

    def again(setting: str) -> Difference:
        return faulty.over_full_data(setting) if claim.pair == ("full",) else faulty.difference(setting, *claim.pair)

    def holds(setting: str) -> bool | None:
        return again(setting).verdict(claim.claimed) == "confirmed" if again(setting).n >= FEWEST else None

    alone = [fault for fault in FAULTS if holds(f"only_{fault}")]
    undone = [fault for fault in FAULTS if holds(f"without_{fault}") is False]
    which = [f"alone: {', '.join(alone)}"] if alone and not holds("none") else []
    which += [f"not without: {', '.join(undone)}"] if undone and holds("all") else []
    found = again("all")
    return f"{found.verdict(claim.claimed)}: {found}" if found.n else "", "; ".join(which)
