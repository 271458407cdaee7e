import json
import shutil

import pytest
import torch
import transformers
from huggingface_hub import constants
from tokenizers import Tokenizer, models, pre_tokenizers

from cal.data import pretrained
from cal.data.pretrained import Pretrained
from cal.errors import ModelError

SIZES = {"vocab_size": 4, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("whole")
    backend = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **tokens).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(transformers.BertConfig(**SIZES, max_position_embeddings=8)).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """One of a test's own."""
    return shutil.copytree(whole, tmp_path / "model")


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# --- where a model is


def test_a_folder_is_found_from_where_one_stands(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for name in (str(folder), "model", "./model", "../" + folder.parent.name + "/model"):
        found = Pretrained.find(name)
        assert found.folder == folder.resolve()
        assert found.name == name


def test_a_folder_in_the_home_folder_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert Pretrained.find("~/model").folder == folder.resolve()


def test_a_folder_of_a_package_is_found(folder, tmp_path, monkeypatch):
    package = tmp_path / "some_package_of_models"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it is not imported')")
    shutil.copytree(folder, package / "inner" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    assert Pretrained.find("pkg://some_package_of_models/inner/model").folder == package / "inner" / "model"


@pytest.mark.parametrize("name", ["pkg://no_such_package/model", "pkg://cal/no_such_folder", "pkg://", "pkg://a.b/c"])
def test_a_package_or_folder_that_is_not_installed_is_said(name):
    with pytest.raises(ModelError, match=r"no package '.*' with a folder '.*' is installed here\. Install it\."):
        Pretrained.find(name)


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "~/nowhere", "../nowhere"])
def test_a_folder_that_is_not_there_is_said(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"There is no folder .*nowhere|There is no folder a/b/c") as caught:
        Pretrained.find(name)
    assert f"relative to {tmp_path}" in str(caught.value)


def test_a_folder_without_a_model_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"holds no model: it has no config\.json\. Give a folder that"):
        Pretrained.find(str(tmp_path))


# --- the hub


@pytest.fixture
def hub(monkeypatch, folder):
    """What is asked of the hub's client, which answers with the folder or an error."""
    asked = []

    def make(answer=folder, online=True):
        def download(name, **options):
            asked.append((name, options))
            if isinstance(answer, Exception):
                raise answer
            return str(answer)

        monkeypatch.setattr(pretrained, "reachable", lambda: online)
        monkeypatch.setattr("huggingface_hub.snapshot_download", download)
        return asked

    return make


def test_a_name_that_the_cache_lacks_is_said_at_once_when_offline():
    assert constants.HF_HUB_OFFLINE
    with pytest.raises(ModelError, match=r"'nobody/nothing' is not a folder, .*it cannot be reached.*model=FOLDER"):
        Pretrained.find("nobody/nothing")


def test_a_name_that_the_hub_does_not_know_is_said_with_its_words(hub):
    hub(RuntimeError("404: no such\n  repository."))
    with pytest.raises(
        ModelError, match=r"'nobody/nothing'.*: 404: no such repository\. Check the name, or give"
    ) as caught:
        Pretrained.find("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_a_name_alone_is_one_of_the_hub(hub, folder):
    asked = hub()
    assert Pretrained.find("bert-base-uncased").folder == folder
    assert asked[0][0] == "bert-base-uncased"


@pytest.mark.parametrize("online", [True, False])
def test_a_model_of_the_hub_is_asked_for_by_its_revision(hub, folder, online):
    asked = hub(online=online)
    model = Pretrained.find("some/one", "v2")
    assert (model.name, model.folder) == ("some/one", folder)
    assert [name for name, _ in asked] == ["some/one"]
    assert asked[0][1]["revision"] == "v2"
    assert asked[0][1]["local_files_only"] is not online


def test_weights_in_the_old_format_are_fetched_only_where_there_are_no_others(hub, folder):
    asked = hub()
    Pretrained.find("some/one")
    assert len(asked) == 1
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    Pretrained.find("some/one")
    assert len(asked) == 3
    assert not any("bin" in pattern for pattern in asked[1][1]["allow_patterns"])
    assert any("bin" in pattern for pattern in asked[2][1]["allow_patterns"])


def test_a_folder_goes_before_the_hub(hub, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    asked = hub()
    Pretrained.find("model")
    assert asked == []


# --- what is read of it


def test_the_fingerprint_is_of_configuration_and_weights(folder, tmp_path):
    first = Pretrained.find(str(folder)).fingerprint
    moved = shutil.copytree(folder, tmp_path / "moved")
    (moved / "README.md").write_text("of no matter")
    assert Pretrained.find(str(moved)).fingerprint == first
    change(moved / "config.json", layer_norm_eps=1e-5)
    second = Pretrained.find(str(moved)).fingerprint
    shutil.copy(folder / "config.json", moved / "config.json")
    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (moved / "model.safetensors").write_bytes(weights)
    assert len({first, second, Pretrained.find(str(moved)).fingerprint}) == 3


def test_weights_are_those_that_transformers_reads(folder):
    model, info = Pretrained.find(str(folder)).load("AutoModel")
    expected = transformers.AutoModel.from_pretrained(folder).state_dict()
    assert not info["missing_keys"]
    for name, values in model.state_dict().items():
        assert torch.equal(values, expected[name])


def test_weights_in_half_precision_are_read_as_float32(folder):
    transformers.AutoModel.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    model, _ = Pretrained.find(str(folder)).load("AutoModel")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_what_is_not_pretrained_is_named(folder):
    _, info = Pretrained.find(str(folder)).load("AutoModelForSequenceClassification", num_labels=3)
    assert set(info["missing_keys"]) == {"classifier.weight", "classifier.bias"}


def test_reading_draws_from_no_global_generator_and_says_nothing(folder, capfd):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    verbosity = transformers.logging.get_verbosity()
    Pretrained.find(str(folder)).load("AutoModelForSequenceClassification", num_labels=3)
    assert torch.equal(torch.rand(3), expected)
    assert transformers.logging.get_verbosity() == verbosity
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"nonsense" * 40, lambda b: b""])
def test_damaged_weights_are_said(folder, damage):
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=r"^The weights of .* cannot be (used|read): .*[^.]\. \w") as caught:
        Pretrained.find(str(folder)).load("AutoModel")
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there_are_said(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"The weights of .* cannot be"):
        Pretrained.find(str(folder)).load("AutoModel")


def test_a_damaged_configuration_is_said(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"The configuration of .* cannot be"):
        Pretrained.find(str(folder)).config()


def test_a_model_that_transformers_does_not_know_is_said(folder):
    change(folder / "config.json", model_type="no_such_model", architectures=["NoSuchModel"])
    with pytest.raises(ModelError, match=r"The configuration of .* cannot be"):
        Pretrained.find(str(folder)).config()


def test_a_model_without_a_classifier_in_transformers_is_said(folder):
    change(folder / "config.json", model_type="clip_text_model", architectures=["CLIPTextModel"])
    with pytest.raises(ModelError, match=r"The weights of .* cannot be .*BERT, RoBERTa, DeBERTa or ModernBERT"):
        Pretrained.find(str(folder)).load("AutoModelForSequenceClassification", num_labels=2)


def test_a_tokenizer_that_is_not_there_is_said(folder):
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(ModelError, match=r"The tokenizer of .* cannot be|The tokenizer of .* has no"):
        Pretrained.find(str(folder)).tokenizer()


def test_a_tokenizer_without_padding_is_said(folder):
    change(folder / "tokenizer_config.json", pad_token=None)
    with pytest.raises(ModelError, match=r"has no padding token, .*Choose an encoder .* or set tokenizer\.pad_token"):
        Pretrained.find(str(folder)).tokenizer()
