import math

import pytest
import torch

from cal.streams import Draws, Keyed, Streams, stream

PURPOSES = ["seed_set", "classifier/init", "classifier/shuffle", "classifier/dropout", "discriminator/init", "ties"]


def draw(seed: int, purpose: str, round: int) -> tuple[float, ...]:
    return tuple(torch.rand(8, generator=stream(seed, purpose, round), dtype=torch.float64).tolist())


def test_one_name_gives_the_same_numbers_whatever_was_drawn_before():
    before = draw(3, "ties", 2)
    torch.rand(1000, generator=stream(4, "ties", 2))
    torch.rand(1000)
    assert draw(3, "ties", 2) == before


def test_seed_purpose_and_round_each_change_the_numbers():
    names = [(seed, purpose, round) for seed in (0, 1, 398048) for purpose in PURPOSES for round in (0, 1, 12)]
    names += [(1, "1x1", 1), (11, "x1", 1), (1, "1x", 11)]  # the parts of a name must not run into each other
    assert len({draw(*name) for name in names}) == len(names)


def test_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    draws = Streams([1, 2], 0).start("x")
    draws.uniform(9)
    draws.permutation(9)
    draws.keep(0.5, 9)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("kind", ["uniform", "permutation", "keep"])
def test_each_run_draws_as_if_it_were_alone(kind):
    def draws(seeds):
        draws = Streams(seeds, 5).start("p")
        calls = {
            "uniform": lambda: draws.uniform(3, 7),
            "permutation": lambda: draws.permutation(21),
            "keep": lambda: draws.keep(0.7, 3, 7),
        }
        return torch.stack([calls[kind]() for _ in range(3)], dim=1)  # successive draws

    together = draws([8, 2, 8, 5])
    for run, seed in enumerate([8, 2, 8, 5]):
        assert torch.equal(together[run], draws([seed])[0])


def test_order_of_runs_permutes_the_draws():
    forward, backward = (Streams(seeds, 1).uniform("p", 6) for seeds in ([1, 2, 3], [3, 2, 1]))
    assert torch.equal(forward.flip(0), backward)


def test_some_of_the_runs_keep_their_draws():
    streams = Streams([4, 9, 4, 7], 2)
    assert torch.equal(streams[[3, 0]].uniform("p", 6), streams.uniform("p", 6)[[3, 0]])


def test_starting_again_repeats_and_going_on_does_not():
    streams = Streams([4], 2)
    first = streams.start("p")
    one, two = first.uniform(6), first.uniform(6)
    assert torch.equal(streams.start("p").uniform(6), one)
    assert not torch.equal(one, two)


def test_permutation_holds_every_position_once():
    order = Streams([1, 2], 0).start("p").permutation(50)
    assert torch.equal(order.sort(dim=1).values, torch.arange(50).expand(2, 50))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.7, 0.9, 0.999])
def test_keep_keeps_at_its_rate(probability):
    n = 400_000
    rate = Streams([1], 0).start("keep").keep(probability, n).double().mean().item()
    # Five standard deviations, and the steps of 2^-16: a fixed seed, so this fails always or never.
    assert abs(rate - probability) < 5 * math.sqrt(probability * (1 - probability) / n) + 2**-16


def test_keep_of_nearly_all_is_nearly_all():
    assert Streams([1], 0).start("keep").keep(1 - 1e-6, 10_000).all()


def test_keep_is_independent_between_positions_and_runs():
    n = 100_000
    kept = Streams([1, 2], 0).start("keep").keep(0.5, n).double() - 0.5
    lags = [(kept[0, :-lag] * kept[0, lag:]).mean().item() * 4 for lag in (1, 2, 3, 4)]
    assert max(map(abs, [*lags, (kept[0] * kept[1]).mean().item() * 4])) < 5 / math.sqrt(n)


def test_keep_has_its_rate_at_every_position():
    """Each 64-bit draw makes four masks: none of the four may be favoured."""
    kept = Streams([3], 0).start("keep").keep(0.7, 100_000, 4).double()[0]
    assert (kept.mean(dim=0) - 0.7).abs().max() < 5 * math.sqrt(0.21 / 100_000)


def test_keep_of_some_shape_is_that_of_its_flat_length():
    flat, shaped = (Streams([6], 0).start("keep").keep(0.6, *shape) for shape in ((35,), (5, 7)))
    assert torch.equal(flat.view(1, 5, 7), shaped)


def test_words_are_those_of_splitmix64():
    """The published first numbers for the seed 1234567, and the plain recurrence in Python's integers after them."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    draws = Draws([1234567, 2**64 - 3], torch.tensor([0, 1]))
    words = torch.cat([*draws._words(4), *draws._words(40_000)], dim=1)
    assert [word % 2**64 for word in words[0, :4].tolist()] == published
    for row, key in enumerate((1234567, 2**64 - 3)):
        state, expected = key, []
        for _ in range(40_004):
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            word = state
            word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
            word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
            expected.append(word ^ (word >> 31))
        assert [word % 2**64 for word in words[row].tolist()] == expected


def test_uniform_numbers_are_uniform():
    numbers = Streams([3], 0).uniform("p", 200_000)[0]
    assert 0 <= numbers.min() < numbers.max() < 1
    counts = torch.histc(numbers, 100, 0, 1)
    assert ((counts - 2000) ** 2 / 2000).sum() < 99 + 5 * math.sqrt(2 * 99)  # chi squared, five standard deviations


def test_all_orders_of_four_are_equally_likely():
    draws = Streams([3], 0).start("p")
    orders = torch.cat([draws.permutation(4) for _ in range(12_000)])
    counts = (orders * torch.tensor([1, 4, 16, 64])).sum(dim=1).bincount()
    counts = counts[counts > 0]
    assert len(counts) == 24
    assert ((counts - 500) ** 2 / 500).sum() < 23 + 5 * math.sqrt(2 * 23)


# --- masks that belong to keys

KEYS = Keyed.of(Streams([8, 2, 5], 4), "dropout")


def test_keys_are_of_seed_purpose_and_round():
    names = [(seed, purpose, round) for seed in (1, 2) for purpose in ("dropout", "mc_dropout") for round in (0, 1)]
    keys = [Keyed.of(Streams([seed], round), purpose).keys.item() for seed, purpose, round in names]
    assert len(set(keys)) == 8
    assert KEYS.keys[[2, 1]].tolist() == Keyed.of(Streams([5, 2], 4), "dropout").keys.tolist()


def test_a_mask_of_a_key_is_that_of_the_key_alone():
    """Also where so many are drawn that it happens in parts, which depend on the number of keys."""
    for n in (7, 70_001):
        alone = [KEYS[torch.tensor([row])].keep(0.7, n)[0] for row in (2, 0)]
        assert torch.equal(KEYS[torch.tensor([2, 0])].keep(0.7, n), torch.stack(alone))


@pytest.mark.parametrize("n", [0, 1, 5, 4096, 65_536])
def test_a_longer_mask_begins_with_the_shorter(n):
    assert torch.equal(KEYS.keep(0.7, 70_001)[:, :n], KEYS.keep(0.7, n))


def test_a_derived_key_is_of_one_key_and_one_number():
    numbers = torch.tensor([4, 0, 4])
    derived = KEYS.derived(numbers).keys
    single = [KEYS[torch.tensor([row])].derived(int(numbers[row])).keys.item() for row in range(3)]
    assert derived.tolist() == single
    assert derived[[0, 2]].tolist() == KEYS.derived(4).keys[[0, 2]].tolist()


def test_derived_keys_are_all_different():
    many = KEYS.derived(torch.arange(3)).keys.tolist()
    for epoch in range(20):
        many += KEYS[torch.tensor([1])].derived(epoch).derived(torch.arange(2000)).keys.tolist()
    assert len(set(many)) == 3 + 20 * 2000


def test_derived_keys_are_words_of_splitmix64():
    """Number k gives word k of the stream that begins at the key."""
    derived = Keyed(torch.tensor([1234567])).derived(torch.arange(4)).keys
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [word % 2**64 for word in derived.tolist()] == published


def test_masks_of_neighbouring_numbers_are_independent():
    """Masks of instance, module and epoch must not be one mask shifted: their keys are hashes, not sums."""
    n = 50_000
    kept = KEYS[torch.tensor([0])].derived(torch.arange(4)).keep(0.5, n).double() - 0.5
    bound = 5 / math.sqrt(n)
    for shift in range(5):
        together = kept[:, shift:] @ kept[:, : n - shift].T * 4 / n
        assert (together - torch.diag(together.diagonal()) * (shift == 0)).abs().max() < bound


def test_derived_masks_have_their_rate_at_every_place():
    kept = KEYS[torch.tensor([0])].derived(torch.arange(40_000)).keep(0.7, 8).double()
    assert (kept.mean(dim=0) - 0.7).abs().max() < 5 * math.sqrt(0.21 / 40_000)
