"""Input modes: exact batches of tiny data sets, the order of examples, and the held-out inputs."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatialgraph.train.checks import SettingError
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.inputs import INPUT_MODES, Batches, InputMode, evaluation, input_mode

CPU = torch.device("cpu")


def dataset(name, train, test, classes=3, pixels=2, base=0):
    """Return a data set whose images tell which example they are: the first pixel counts, the second is 200 − it."""

    def part(count, start):
        number = np.arange(start, start + count)
        images = np.column_stack([number, 200 - number, *[number] * (pixels - 2)]).astype(np.uint8)
        return Examples(images, number % classes)

    return Dataset(name, part(train, base), part(test, base + 50), classes, (1, pixels))


THREE = [dataset("a", 12, 5, 3, base=1), dataset("b", 5, 3, 2, base=20), dataset("c", 7, 4, 4, base=30)]


def numbers(inputs, tasks=3):
    """Return the number of the example of each task that concatenated inputs show; 0 is none."""
    return torch.stack([inputs[..., 2 * task] * 255 for task in range(tasks)], dim=-1).round().long()


def epoch_numbers(mode, datasets, batch, seed, epoch):
    """Return the number and the label of each task in every input of an epoch: ``(examples, tasks)`` twice."""
    # A sequential input is laid out as a concatenated one here, so that it tells the task.
    batches = Batches(mode, datasets, batch, CPU)
    inputs, labels = zip(*batches.epoch([seed], epoch), strict=True)
    return numbers(torch.cat(inputs, dim=1)[0], len(datasets)), torch.cat(labels, dim=1)[0]


@pytest.fixture
def apart(monkeypatch):
    """Register a mode that shows one task at a time, each in its own place."""
    monkeypatch.setattr(INPUT_MODES, "_functions", dict(INPUT_MODES._functions))
    monkeypatch.setattr(INPUT_MODES, "_facts", dict(INPUT_MODES._facts))

    @INPUT_MODES.register("apart", None)
    def mode(datasets):
        """Show tasks in another way."""
        together = input_mode("concatenate", datasets)
        return InputMode(together.inputs, together=False, combine=together.combine)


@pytest.mark.parametrize(("mode", "inputs", "steps"), [("concatenate", 6, 2), ("mix", 2, 2), ("sequential", 2, 7)])
def test_shapes_types_and_ranges(mode, inputs, steps):
    batches = Batches(mode, THREE, 5, CPU)
    assert (batches.inputs, batches.steps) == (inputs, steps)
    made = list(batches.epoch([3, 1, 3, 2], 0))
    assert len(made) == steps
    for x, y in made:
        assert x.shape == (4, 5, inputs)
        assert x.dtype == torch.float32
        assert y.shape == (4, 5, 3)
        assert y.dtype == torch.int64
        assert x.min() >= 0
        assert x.max() <= (3 if mode == "mix" else 1)
        assert y.min() >= -1


def test_concatenated_inputs_show_the_examples_of_their_labels():
    for inputs, labels in Batches("concatenate", THREE, 4, CPU).epoch([0, 1], 2):
        shown = numbers(inputs)
        assert torch.equal(labels, shown % torch.tensor([3, 2, 4]))
        for task, start in enumerate((1, 20, 30)):
            assert (shown[..., task] >= start).all()
            assert torch.equal((inputs[..., 2 * task + 1] * 255).round().long(), 200 - shown[..., task])


def test_mixed_inputs_are_the_sum_of_the_concatenated_ones():
    pairs = zip(
        Batches("mix", THREE, 4, CPU).epoch([5], 1), Batches("concatenate", THREE, 4, CPU).epoch([5], 1), strict=True
    )
    for (mixed, labels), (side_by_side, same_labels) in pairs:
        torch.testing.assert_close(mixed, side_by_side.view(1, 4, 3, 2).sum(dim=2))
        assert torch.equal(labels, same_labels)


def test_sums_of_bright_pixels_are_not_cut_off():
    white = Examples(np.full((2, 1), 255, np.uint8), np.zeros(2, np.int64))
    datasets = [Dataset(name, white, white, 1, (1, 1)) for name in "abc"]
    (inputs, _), *_ = Batches("mix", datasets, 2, CPU).epoch([0], 0)
    assert inputs.flatten().tolist() == pytest.approx([3.0, 3.0])
    held_out = evaluation("mix", datasets)
    assert held_out.inputs.dtype == np.uint16
    np.testing.assert_allclose(held_out.values(held_out.inputs), 3.0, rtol=1e-6)


def test_sequential_inputs_show_one_task():
    shown_of = {0: range(1, 13), 1: range(20, 25), 2: range(30, 37)}
    for inputs, labels in Batches("sequential", THREE, 4, CPU).epoch([0, 1, 2], 0):
        assert ((labels >= 0).sum(dim=-1) == 1).all()
        task = (labels >= 0).long().argmax(dim=-1)
        shown = (inputs[..., 0] * 255).round().long()
        assert torch.equal((inputs[..., 1] * 255).round().long(), 200 - shown)
        assert torch.equal(labels.max(dim=-1).values, shown % torch.tensor([3, 2, 4])[task])
        assert all(number in shown_of[k] for number, k in zip(shown.flatten().tolist(), task.flatten().tolist()))  # noqa: B905


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_the_order_depends_on_the_seed_and_the_epoch_alone(mode):
    def made(seeds, epoch, batches):
        return [torch.cat(parts, dim=1) for parts in zip(*batches.epoch(seeds, epoch), strict=True)]

    batches = Batches(mode, THREE, 4, CPU)
    inputs, labels = made([4, 9, 4], 1, batches)
    made([9], 3, batches)  # what was asked for before changes nothing
    again = made([9], 1, Batches(mode, THREE, 4, CPU))
    torch.testing.assert_close((inputs[1:2], labels[1:2]), tuple(again), rtol=0, atol=0)
    torch.testing.assert_close((inputs[0], labels[0]), (inputs[2], labels[2]), rtol=0, atol=0)
    assert not torch.equal(inputs[0], inputs[1])
    assert not torch.equal(inputs, made([4, 9, 4], 2, batches)[0])


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_the_order_is_the_same_however_many_threads_draw_it(mode):
    seeds = range(40)
    one, many = (Batches(mode, THREE, 4, device).order(seeds, 1) for device in (CPU, torch.device("meta")))
    assert one.shape[1:] == (3, 40 * 4)
    assert torch.equal(one, many)


def test_an_epoch_shows_the_longest_set_once_and_the_shorter_ones_equally_often():
    total = Counter()
    first, _ = epoch_numbers("concatenate", THREE, 6, seed=8, epoch=0)
    assert set(Counter(first[:, 1].tolist()).values()) == {2, 3}
    assert set(Counter(first[:, 2].tolist()).values()) == {1, 2}
    for epoch in range(35):  # 35 · 12 inputs are whole passes through 5 and through 7 examples
        shown, _ = epoch_numbers("concatenate", THREE, 6, seed=8, epoch=epoch)
        assert sorted(shown[:, 0].tolist()) == list(range(1, 13))
        total += Counter(shown.flatten().tolist())
        for start, count in ((20, 5), (30, 7)):  # no example is ever two ahead of another of its task
            so_far = [total[number] for number in range(start, start + count)]
            assert max(so_far) - min(so_far) <= 1
    assert {total[k] for k in range(1, 13)} == {35}
    assert {total[k] for k in range(20, 25)} == {84}
    assert {total[k] for k in range(30, 37)} == {60}


def test_a_shorter_set_repeats_in_a_fresh_order():
    shown, _ = epoch_numbers("concatenate", [dataset("a", 12, 1), dataset("b", 6, 1)], 12, seed=0, epoch=0)
    once, again = shown[:6, 1].tolist(), shown[6:, 1].tolist()
    assert sorted(once) == sorted(again)
    assert once != again


def test_tasks_are_not_shuffled_alike():
    same = [dataset(name, 40, 1, base=1) for name in "ab"]
    shown, _ = epoch_numbers("concatenate", same, 40, seed=0, epoch=0)
    assert (shown[:, 0] == shown[:, 1]).float().mean() < 0.3


@pytest.mark.usefixtures("apart")
def test_tasks_take_turns_equally_often_and_every_example_of_one_is_shown_equally_often():
    total = Counter()
    for epoch in range(35):
        shown, labels = epoch_numbers("apart", THREE, 4, seed=1, epoch=epoch)
        assert torch.equal(shown > 0, labels >= 0)
        assert (labels >= 0).sum(dim=0).tolist() == [12, 12, 12]
        assert sorted(shown[:, 0][shown[:, 0] > 0].tolist()) == list(range(1, 13))
        total += Counter(shown[shown > 0].tolist())
    # 35 · 12 inputs of each task are whole passes through 12, through 5 and through 7 examples.
    assert {total[k] for k in range(1, 13)} == {35}
    assert {total[k] for k in range(20, 25)} == {84}
    assert {total[k] for k in range(30, 37)} == {60}


@pytest.mark.usefixtures("apart")
def test_tasks_do_not_take_turns_in_a_fixed_order():
    _, labels = epoch_numbers("apart", THREE, 4, seed=1, epoch=0)
    turns = (labels >= 0).long().argmax(dim=1).tolist()
    _, labels = epoch_numbers("apart", THREE, 4, seed=1, epoch=1)
    assert turns != (labels >= 0).long().argmax(dim=1).tolist()
    assert turns[:12] != [0] * 12


def test_the_last_examples_are_dropped_if_they_fill_no_batch():
    batches = Batches("concatenate", THREE, 5, CPU)
    assert batches.steps == 2
    dropped = set()
    for epoch in range(12):
        shown, _ = epoch_numbers("concatenate", THREE, 5, seed=0, epoch=epoch)
        assert len(shown) == len(set(shown[:, 0].tolist())) == 10
        dropped |= set(range(1, 13)) - set(shown[:, 0].tolist())
    assert len(dropped) > 6  # others in every epoch


def test_a_mode_may_make_any_numbers(monkeypatch):
    monkeypatch.setattr(INPUT_MODES, "_functions", dict(INPUT_MODES._functions))
    monkeypatch.setattr(INPUT_MODES, "_facts", dict(INPUT_MODES._facts))

    @INPUT_MODES.register("mean", None)
    def mean(datasets):
        """Show tasks in another way."""
        return InputMode(2, together=True, combine=lambda images: torch.stack(list(images)).float().mean(dim=0))

    (inputs, _), *_ = Batches("mean", THREE, 12, CPU).epoch([0], 0)
    (mixed, _), *_ = Batches("mix", THREE, 12, CPU).epoch([0], 0)
    torch.testing.assert_close(inputs, mixed / 3)
    held_out = evaluation("mean", THREE)
    assert held_out.inputs.dtype == held_out.probes["a"].dtype == np.float32
    mixed_values = evaluation("mix", THREE)
    np.testing.assert_allclose(
        held_out.values(held_out.inputs), mixed_values.values(mixed_values.inputs) / 3, rtol=1e-6
    )


@pytest.mark.parametrize("mode", ["mix", "sequential"])
def test_different_numbers_of_pixels_are_refused_where_they_do_not_fit(mode):
    unlike = [dataset("a", 4, 4), dataset("b", 4, 4, pixels=3)]
    text = f"inputs: '{mode}' expects data sets with the same number of pixels, found a with 2, b with 3"
    for refused in (lambda: Batches(mode, unlike, 2, CPU), lambda: evaluation(mode, unlike)):
        with pytest.raises(SettingError) as error:
            refused()
        assert str(error.value) == text
    assert Batches("concatenate", unlike, 2, CPU).inputs == 5


def test_a_batch_larger_than_an_epoch_and_an_unknown_mode_are_refused():
    with pytest.raises(SettingError, match=r"^batch_size: expected at most 12, the examples of an epoch, found 13$"):
        Batches("mix", THREE, 13, CPU)
    with pytest.raises(ValueError, match=r"^unknown input mode 'mixed'; known: concatenate, mix, sequential$"):
        Batches("mixed", THREE, 2, CPU)


def test_held_out_inputs_show_every_test_example_and_score_it_once():
    held_out = evaluation("concatenate", THREE)
    assert held_out.inputs.dtype == np.uint8
    assert held_out.inputs[:, 0].tolist() == [51, 52, 53, 54, 55]
    assert held_out.inputs[:, 2].tolist() == [70, 71, 72, 70, 71]
    assert held_out.inputs[:, 4].tolist() == [80, 81, 82, 83, 80]
    assert held_out.labels.tolist() == [[0, 0, 0], [1, 1, 1], [2, 0, 2], [0, -1, 3], [1, -1, -1]]
    np.testing.assert_array_equal(evaluation("mix", THREE).inputs[:, 0], held_out.inputs[:, ::2].sum(axis=1))
    np.testing.assert_array_equal(evaluation("mix", THREE).labels, held_out.labels)


def test_held_out_sequential_inputs_follow_one_another():
    held_out = evaluation("sequential", THREE)
    assert held_out.inputs[:, 0].tolist() == [51, 52, 53, 54, 55, 70, 71, 72, 80, 81, 82, 83]
    assert held_out.labels[:, 0].tolist() == [0, 1, 2, 0, 1, *[-1] * 7]
    assert held_out.labels[:, 1].tolist() == [*[-1] * 5, 0, 1, 0, *[-1] * 4]
    assert held_out.labels[:, 2].tolist() == [*[-1] * 8, 0, 1, 2, 3]


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_values_of_training_and_of_held_out_inputs_are_on_one_scale(mode):
    same = [Dataset(d.name, d.test, d.test, d.classes, d.image_shape) for d in THREE]
    held_out = evaluation(mode, same)
    known = {tuple(row) for row in held_out.values(held_out.inputs).tolist()}
    if mode == "sequential":
        rows = [x[0].tolist() for x, _ in Batches(mode, same, 1, CPU).epoch([0], 0)]
        assert all(tuple(row) in known for row in sum(rows, []))  # noqa: RUF017
    assert held_out.values(held_out.inputs).max() == pytest.approx(held_out.inputs.max() / 255)
    assert held_out.scale == pytest.approx(1 / 255)


def test_a_probe_varies_one_task_and_holds_the_others():
    held_out = evaluation("concatenate", [dataset("a", 4, 90), dataset("b", 4, 40), dataset("c", 4, 30)])
    assert {name: probe.shape for name, probe in held_out.probes.items()} == {
        "a": (16, 64, 6),
        "b": (16, 40, 6),
        "c": (16, 30, 6),
    }
    for task, probe in enumerate(held_out.probes.values()):
        for place in range(3):
            pixel = probe[:, :, 2 * place]
            if place == task:
                assert all(len(set(row)) == len(row) for row in pixel.tolist())
            else:
                assert (pixel == pixel[:, :1]).all()
                assert len(set(pixel[:, 0].tolist())) == 16


def test_a_probe_of_small_sets_has_fewer_groups_and_examples():
    probes = evaluation("mix", THREE).probes
    assert {name: probe.shape for name, probe in probes.items()} == {"a": (3, 5, 2), "b": (4, 3, 2), "c": (3, 4, 2)}


def test_a_sequential_probe_is_one_group_of_the_tasks_own_examples():
    probes = evaluation("sequential", THREE).probes
    for name, first, count in (("a", 51, 5), ("b", 70, 3), ("c", 80, 4)):
        assert sorted(probes[name][0, :, 0].tolist()) == list(range(first, first + count))
    large = [dataset("a", 2, 1500), dataset("b", 2, 3)]
    assert evaluation("sequential", large).probes["a"].shape == (1, 1024, 2)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_an_evaluation_is_always_the_same(mode):
    one, other = evaluation(mode, THREE), evaluation(mode, THREE)
    np.testing.assert_array_equal(one.inputs, other.inputs)
    for name, probe in one.probes.items():
        np.testing.assert_array_equal(probe, other.probes[name])


def test_modes_say_which_images_an_input_is_made_of():
    two = THREE[:2]
    shapes = [dataset.image_shape for dataset in two]
    assert list(input_mode("concatenate", two).images) == shapes
    same = [replace(two[0], name=name) for name in ("one", "other")]
    for mode in ("mix", "sequential"):
        assert input_mode(mode, same).images == (two[0].image_shape,)
    rows, columns = two[0].image_shape
    turned = replace(two[0], name="turned", image_shape=(rows * columns, 1))
    assert input_mode("mix", [two[0], turned]).images == ()
