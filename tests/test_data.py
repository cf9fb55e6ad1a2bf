"""El relato y sus ventanas frente a `Tensor.unfold`, y el orden de los lotes frente al de numpy."""

import hashlib
import random

import numpy as np
import pytest
import torch

from gpt_course import data
from gpt_course.data import WindowDataset, load_story, make_loader
from gpt_course.tokenizer import load_gpt2_tokenizer

SIZES = [(20, 4, 4), (21, 4, 4), (22, 4, 3), (11, 10, 1), (50, 7, 1), (50, 3, 10), (9, 8, 5), (2, 1, 1)]


def collect(loader):
    return [(x.tolist(), y.tolist()) for x, y in loader]


def test_story_is_frozen():
    raw = data.STORY.read_bytes()
    assert hashlib.sha256(raw).hexdigest() == data.STORY_SHA256
    assert load_story() == raw.decode("utf-8")
    assert b"\r" not in raw and len(raw) > 10_000


def test_story_survives_the_tokenizer():
    tokenizer = load_gpt2_tokenizer()
    assert tokenizer.decode(tokenizer.encode(load_story())) == load_story()


def test_story_has_its_licence_beside_it():
    assert "dominio público" in (data.STORY.parent / "LICENSE").read_text(encoding="utf-8").lower()


def test_missing_story(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "STORY", tmp_path / "relato.txt")
    with pytest.raises(OSError, match=r"No se puede leer .*relato\.txt.*git checkout -- gpt_course/"):
        load_story()


@pytest.mark.parametrize("damage", [lambda raw: raw[:1000], lambda raw: raw.replace(b"\n", b"\r\n")])
def test_damaged_story(tmp_path, monkeypatch, damage):
    path = tmp_path / "relato.txt"
    path.write_bytes(damage(data.STORY.read_bytes()))
    monkeypatch.setattr(data, "STORY", path)
    with pytest.raises(ValueError, match=rf"dañado.*{path.stat().st_size} bytes.*git checkout"):
        load_story()


@pytest.mark.parametrize(("count", "length", "stride"), SIZES)
def test_windows_are_those_of_unfold(count, length, stride):
    ids = torch.randint(50257, (count,), generator=torch.Generator().manual_seed(count))
    dataset = WindowDataset(ids, length, stride)
    expected = ids.unfold(0, length + 1, stride)  # x y el token que sigue, de una vez
    assert len(dataset) == len(expected)
    for (x, y), window in zip(dataset, expected, strict=True):
        assert torch.equal(x, window[:-1]) and torch.equal(y, window[1:])
        assert x.dtype == y.dtype == torch.int64


def test_windows_are_plain_slices_of_the_list():
    ids = load_gpt2_tokenizer().encode(load_story())
    dataset = WindowDataset(ids, context_length=32, stride=16)
    for index in (0, 1, 7, len(dataset) - 1):
        x, y = dataset[index]
        assert x.tolist() == ids[16 * index : 16 * index + 32]
        assert y.tolist() == ids[16 * index + 1 : 16 * index + 33]


def test_last_window_uses_the_last_token_and_no_window_is_cut():
    x, y = WindowDataset(list(range(9)), 4, 4)[-1]
    assert (x.tolist(), y.tolist()) == ([4, 5, 6, 7], [5, 6, 7, 8])
    assert len(WindowDataset(list(range(8)), 4, 4)) == 1  # falta el 8: la segunda no se llena


def test_with_stride_equal_to_length_each_token_is_predicted_once():
    targets = [token for _, y in WindowDataset(list(range(41)), 8, 8) for token in y.tolist()]
    assert targets == list(range(1, 41))


@pytest.mark.parametrize("index", [3, -4])
def test_index_out_of_range(index):
    with pytest.raises(IndexError, match=f"de la 0 a la 2; se pidió la {index}"):
        WindowDataset(list(range(13)), 4, 4)[index]


@pytest.mark.parametrize("index", [True, 1.0, None, slice(2), "0"])
def test_a_window_is_asked_with_an_integer(index):
    with pytest.raises(IndexError, match="de la 0 a la 2; se pidió la"):
        WindowDataset(list(range(13)), 4, 4)[index]


def test_small_numbers_of_numpy_do_not_overflow():
    """np.int8(100) + 100 da -56 en NumPy."""
    dataset = WindowDataset(np.arange(400), np.int8(100), np.int8(100))
    assert [x[0].item() for x, _ in dataset] == [0, 100, 200]
    batches = [make_loader(dataset, np.int8(2), seed=seed) for seed in (np.uint8(3), 3)]
    assert collect(batches[0]) == collect(batches[1])


@pytest.mark.parametrize(
    "convert", [list, tuple, np.array, torch.tensor, lambda ids: torch.tensor(ids).int()]
)
def test_accepts_lists_and_tensors(convert):
    x, y = WindowDataset(convert([5, 6, 7]), 2, 1)[0]
    assert torch.equal(x, torch.tensor([5, 6])) and torch.equal(y, torch.tensor([6, 7]))


@pytest.mark.parametrize(
    ("ids", "length", "stride", "message"),
    [
        ([1, 2, 3, 4], 4, 1, "al menos 5 tokens.*llegaron 4"),
        ([], 1, 1, "al menos 2 tokens.*llegaron 0"),
        ([1, 2, 3], 2, 0, "stride debe ser un entero mayor o igual que 1; llegó 0"),
        ([1, 2, 3], 2, -1, "stride.*llegó -1"),
        ([1, 2, 3], 2, 1.0, r"stride.*llegó 1\.0"),
        ([1, 2, 3], 0, 1, "context_length.*llegó 0"),
        ([1, 2, 3], True, 1, "context_length.*llegó True"),
        ([1, 2.0, 3], 2, 1, r"entre ellos llegó 2\.0"),
        ([1, "a", 3], 2, 1, "entre ellos llegó 'a'"),
        ([True, 2, 3], 2, 1, "entre ellos llegó True"),
        ("El perro", 2, 1, "llegó str.*tokenizador"),
        (7, 2, 1, "llegó int"),
        (None, 2, 1, "llegó NoneType"),
        (torch.zeros(2, 3, dtype=torch.int64), 2, 1, r"forma \(2, 3\)"),
        (torch.zeros(5), 2, 1, r"torch\.float32"),
        (torch.ones(5, dtype=torch.bool), 2, 1, r"torch\.bool"),
        (torch.ones(5, dtype=torch.uint8), 2, 1, r"torch\.uint8"),
        (np.ones(5, dtype=bool), 2, 1, "entre ellos llegó"),
        (np.ones((3, 3), dtype=int), 2, 1, "entre ellos llegó"),
        ([1, -2, 3], 2, 1, "entre ellos llegó -2"),
        ([1, 2**63, 3], 2, 1, "entre ellos llegó 9223372036854775808"),
        ([1, -(2**70), 3], 2, 1, "entre ellos llegó -1180591620717411303424"),
        (np.array([1, 2**63, 3], dtype=np.uint64), 2, 1, "entre ellos llegó"),
        (torch.tensor([1, -2, 3]), 2, 1, "entre ellos llegó -2"),
        (torch.tensor([1, -2, 3]).int(), 2, 1, "entre ellos llegó -2"),
        (torch.zeros(5, dtype=torch.int64, device="meta"), 2, 1, "meta"),
        (torch.ones(5, dtype=torch.int64).to_sparse(), 2, 1, "disperso"),
        (b"El perro", 2, 1, "llegó bytes.*usa list"),  # el encode de str, no el del tokenizador
        ({1, 2, 3}, 1, 1, "llegó set"),
        ({1: 2, 3: 4}, 1, 1, "llegó dict"),
    ],
)
def test_windows_refuse_what_cannot_be_cut(ids, length, stride, message):
    with pytest.raises(ValueError, match=message):
        WindowDataset(ids, length, stride)


@pytest.mark.parametrize("seed", [None, 0, 123])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_cover_every_window_once(seed, batch_size):
    dataset = WindowDataset(list(range(50)), 4, 2)
    batches = list(make_loader(dataset, batch_size, seed=seed))
    xs, ys = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert sorted(xs[:, 0].tolist()) == list(dataset.starts)
    assert torch.equal(ys, xs + 1)  # los tokens son 0, 1, 2…
    assert {len(x) for x, _ in batches[:-1]} <= {batch_size}


def test_without_seed_the_order_is_that_of_the_text():
    dataset = WindowDataset(list(range(50)), 4, 4)
    assert torch.cat([x for x, _ in make_loader(dataset, 3)])[:, 0].tolist() == list(dataset.starts)


def test_two_loaders_with_one_seed_agree_in_every_round():
    dataset = WindowDataset(list(range(400)), 4, 4)
    first, second, other = (make_loader(dataset, 8, seed=seed) for seed in (123, 123, 124))
    rounds = [collect(first), collect(first)]
    torch.manual_seed(999)  # el generador global no cuenta
    assert rounds == [collect(second), collect(second)]
    assert rounds[0] != rounds[1]
    assert rounds[0] != collect(other)


@pytest.mark.parametrize("seed", [0, 123, 2**31])
def test_order_is_fisher_yates_on_a_mersenne_twister(seed):
    words = np.random.RandomState(seed)._bit_generator
    order = list(range(61))
    for i in range(60):
        j = i + words.random_raw() % (61 - i)
        order[i], order[j] = order[j], order[i]
    dataset = WindowDataset(list(range(62)), 1, 1)
    assert [x.item() for x, _ in make_loader(dataset, 1, seed=seed)] == order


@pytest.mark.parametrize("seed", [None, 5])
def test_loading_leaves_the_global_generators_alone(seed):
    torch.manual_seed(1)
    random.seed(1)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    collect(make_loader(WindowDataset(list(range(30)), 4, 4), 2, seed=seed))
    assert torch.equal(states[0], torch.get_rng_state()) and states[1] == random.getstate()
    assert np.array_equal(states[2], np.random.get_state()[1])


def test_drop_last_leaves_out_the_batch_that_is_not_full():
    dataset = WindowDataset(list(range(22)), 1, 1)  # 21 ventanas
    assert [len(x) for x, _ in make_loader(dataset, 5)] == [5, 5, 5, 5, 1]
    assert [len(x) for x, _ in make_loader(dataset, 5, drop_last=True)] == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size.*llegó 0"),
        ({"batch_size": 2.0}, r"batch_size.*llegó 2\.0"),
        ({"batch_size": 2, "seed": -1}, "seed.*llegó -1"),
        ({"batch_size": 2, "seed": "a"}, "seed.*llegó 'a'"),
        ({"batch_size": 2, "seed": 2**64}, "seed debe caber en 64 bits"),
        ({"batch_size": 2, "drop_last": "no"}, "drop_last debe ser True o False; llegó 'no'"),
        ({"batch_size": 9, "drop_last": True}, "no queda ningún lote: hay 3 ventanas"),
    ],
)
def test_loader_refuses_what_makes_no_batch(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_loader(WindowDataset(list(range(13)), 4, 4), **arguments)


def test_the_last_good_values():
    dataset = WindowDataset([0, 2**63 - 1, 7, 8, 9], 2, 1)  # el token menor y el mayor
    assert dataset[0][0].tolist() == [0, 2**63 - 1]
    assert [dataset[-place][0].tolist() for place in (3, 1)] == [
        dataset[place][0].tolist() for place in (0, 2)
    ]
    assert WindowDataset(torch.tensor([0, 1]), 1, 1)[0][1].tolist() == [1]
    (x, _), *rest = make_loader(dataset, len(dataset), seed=2**64 - 1, drop_last=True)
    assert len(x) == 3 and not rest  # el lote justo no se deja fuera


def test_an_empty_tensor_is_too_short():
    with pytest.raises(ValueError, match=r"al menos 2 tokens.*llegaron 0"):
        WindowDataset(torch.zeros(0, dtype=torch.int64), 1, 1)


@pytest.mark.parametrize("ids", [[1, -2, 3], torch.tensor([1, -2, 3])], ids=["lista", "tensor"])
def test_a_foreign_token_is_explained(ids):
    with pytest.raises(ValueError, match=r"llegó -2\. Un token es un entero de 0 a 2\*\*63 - 1: revisa"):
        WindowDataset(ids, 2, 1)


@pytest.mark.parametrize("seed", [None, 5])
def test_a_loader_knows_how_many_batches_it_gives(seed):
    assert len(make_loader(WindowDataset(list(range(22)), 1, 1), 5, seed=seed)) == 5


def test_the_order_is_drawn_on_the_cpu_whatever_the_default_device():
    loader = make_loader(WindowDataset(list(range(22)), 1, 1), 5, seed=3)
    expected = list(make_loader(WindowDataset(list(range(22)), 1, 1), 5, seed=3).sampler)
    with torch.device("meta"):
        assert list(loader.sampler) == expected


@pytest.mark.parametrize("ids", ["El perro", [1, "a"], torch.zeros(5), torch.tensor([-1, 2])], ids=str)
def test_the_error_says_what_was_expected(ids):
    with pytest.raises(ValueError, match=r"^Se esperaba una lista de enteros, como la que da encode, o un"):
        WindowDataset(ids, 1, 1)


@pytest.mark.parametrize("ids", [[5, 6, 7], torch.tensor([5, 6, 7]).int()], ids=["lista", "int32"])
def test_tokens_are_int64_on_the_cpu_whatever_the_default_device(ids):
    with torch.device("meta"):
        x, _ = WindowDataset(ids, 2, 1)[0]
    assert (x.dtype, x.device.type, x.tolist()) == (torch.int64, "cpu", [5, 6])
