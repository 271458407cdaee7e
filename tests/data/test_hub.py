import socket
import threading
import urllib.request
from urllib.error import HTTPError, URLError

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value, config, load_dataset
from huggingface_hub import constants

from cal.data import hub_connection
from cal.data.hub import Hub
from cal.data.local_files import LocalFiles
from cal.errors import DataError, HubError


@pytest.fixture(autouse=True)
def online_mode(monkeypatch):
    """The tests find out themselves that there is no connection, whatever the environment says."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(config, "HF_HUB_OFFLINE", False)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "hub")
    return tmp_path / "hub"


def loaded(labels=("DESC", "ABBR", "DESC")) -> DatasetDict:
    names = ClassLabel(names=["ABBR", "ENTY", "DESC"])
    features = Features({"text": Value("string"), "coarse_label": names})
    train = Dataset.from_dict({"text": ["one", "two", "three"], "coarse_label": list(labels)}, features)
    test = Dataset.from_dict({"text": ["four"], "coarse_label": ["ABBR"]}, features)
    return DatasetDict({"train": train, "test": test})


def give(monkeypatch, splits: DatasetDict) -> None:
    """Stands in for the one function that talks to the hub."""
    monkeypatch.setattr(hub_connection, "load", lambda *given: splits)


def test_label_numbers_become_the_names_of_the_hub(monkeypatch):
    give(monkeypatch, loaded())
    corpus = Hub("owner/trec", label_column="coarse_label", label_names=["ABBR", "DESC"], name="trec").read()
    names = {i: corpus.label_names[gold] for i, gold in zip(corpus.train.ids, corpus.train.gold, strict=True)}
    assert names == {"trec-train-0": "DESC", "trec-train-1": "ABBR", "trec-train-2": "DESC"}
    assert corpus.test.ids == ["trec-test-0"]


def test_a_document_nobody_labelled_is_an_error(monkeypatch):
    give(monkeypatch, loaded(("DESC", -1, "ABBR")))
    with pytest.raises(DataError, match=r"owner/trec \(train\), row 2: column 'coarse_label' has no label"):
        Hub("owner/trec", label_column="coarse_label").read()


def test_a_split_that_is_not_there_is_an_error(monkeypatch):
    give(monkeypatch, loaded())
    with pytest.raises(HubError, match=r"no split 'validation'; set dataset.dev_split to train or test"):
        Hub("owner/trec", label_column="coarse_label", dev_split="validation").read()


def test_local_files_are_read_instead(write):
    content = "text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(10))
    path = write("a.csv", content)
    corpus = Hub("owner/trec", label_column="coarse_label", label_names=["b", "a"], path=path).read()
    assert corpus.name == "trec"
    assert corpus.fingerprint == LocalFiles(path=path, label_names=["b", "a"]).read().fingerprint


@pytest.mark.parametrize("failure", ["name unknown", "name hangs", "connection refused"])
def test_without_a_connection_the_way_out_is_named_at_once(monkeypatch, empty_cache, failure):
    answered = threading.Event()

    def fail(*args: object, **kwargs: object) -> None:
        if failure == "name hangs":
            answered.wait()  # for ever, if anybody waits for it
        raise socket.gaierror("unknown") if failure == "name unknown" else ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    with pytest.raises(HubError, match=r"dataset\.path=FOLDER"):
        Hub("owner/nothing").read()
    answered.set()


def test_offline_mode_is_respected(monkeypatch, empty_cache):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: pytest.fail("the network was asked"))
    with pytest.raises(HubError, match="cannot be reached"):
        Hub("owner/nothing").read()


@pytest.mark.parametrize(
    ("error", "reachable"),
    [
        (None, True),
        (HTTPError("https://x", 503, "busy", None, None), True),
        (URLError(hub_connection.SSLError("own certificate")), True),
        (URLError(OSError("Tunnel connection failed: 403 Forbidden")), False),
        (TimeoutError(), False),
    ],
)
def test_any_answer_counts_as_a_connection(monkeypatch, error, reachable):
    class Answer:
        def close(self) -> None: ...

    def urlopen(*args: object, **kwargs: object) -> Answer:
        if error:
            raise error
        return Answer()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert hub_connection.reachable() is reachable


def test_without_a_connection_the_cache_of_the_hub_is_used(monkeypatch, empty_cache, write):
    rows = "text,label\nfirst,a\nsecond,b\n"
    files = {"train": write("train.csv", rows), "test": write("test.csv", rows)}
    load_dataset("csv", data_files=files, cache_dir=str(empty_cache))
    (built,) = (empty_cache / "csv").iterdir()
    (version,) = (path for path in built.iterdir() if path.is_dir())
    target = empty_cache / "owner___kept" / "default"
    target.mkdir(parents=True)
    version.rename(target / version.name)
    for info in target.rglob("dataset_info.json"):
        info.write_text(info.read_text().replace('"csv"', '"kept"'))
    for arrow in target.rglob("csv-*.arrow"):
        arrow.rename(arrow.with_name(arrow.name.replace("csv-", "kept-")))
    monkeypatch.setattr(hub_connection, "reachable", lambda: False)
    assert sorted(Hub("owner/kept").read().train.texts) == ["first", "second"]
    assert config.HF_HUB_OFFLINE is False
