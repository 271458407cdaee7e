"""What a data map shows of itself: in words, as a figure, as a page and in a notebook."""

import base64
import re

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from cal.dynamics.data_map import DataMap
from cal.dynamics.jsonl import write_epoch
from cal.dynamics.recorder import DynamicsRecorder
from cal.dynamics.training_dynamics import TrainingDynamics
from cal.errors import AnalysisError, DataError
from cal.maps.coordinates import td_metrics
from cal.maps.read import read_logs, read_map

LOGITS = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0))  # (run, epoch, instance, class)
IDS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def data_map():
    dynamics = TrainingDynamics.from_logits(LOGITS, torch.tensor([0, 1, 0, 1, 0]).repeat(2, 1))
    texts = ["</script><b>How?</b>", "Who?", "", "Where is it?", "When?"]
    return DataMap.of(dynamics, IDS, name="tiny", texts=texts, label_names=["no", "yes"], seeds=[3, 4])


def test_a_map_is_one_line_and_its_summary_four(data_map):
    assert repr(data_map) == "DataMap 'tiny': 5 instances, 3 epochs, 2 runs"
    assert repr(data_map.run(0)[[0]]) == "DataMap 'tiny': 1 instance, 3 epochs, 1 run"
    assert str(data_map).splitlines()[0] == "tiny: 5 instances, 3 epochs, capture end, mean over seeds 3, 4."
    assert len(str(data_map).splitlines()) == 4


def test_a_plot_is_a_figure(data_map):
    assert isinstance(data_map.plot(), Figure)
    assert isinstance(data_map.run(0)[[0, 1]].plot(), Figure)


def test_a_page_needs_no_network_and_is_written_as_it_is_returned(data_map, tmp_path):
    page = data_map.page(tmp_path / "map.html")
    assert (tmp_path / "map.html").read_text(encoding="utf-8") == page
    tags = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)  # Plotly names addresses it does not ask for
    assert not re.search(r"""(src|href)=|url\(|https?://""", tags)
    assert "</script><b>How?" not in page


def test_a_notebook_shows_the_picture_and_a_line(data_map):
    html = data_map._repr_html_()
    assert "tiny: 5 instances" in html
    assert base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).startswith(b"\x89PNG")


def test_what_is_saved_is_loaded(data_map, tmp_path):
    data_map.save(tmp_path / "map")
    data_map.save(tmp_path / "map.csv")
    again = DataMap.load(tmp_path / "map")
    pd.testing.assert_frame_equal(again.to_frame(), data_map.to_frame(), check_exact=True)
    assert (again.ids, again.texts, str(again), repr(again)) == (IDS, data_map.texts, str(data_map), repr(data_map))
    table = DataMap.load(tmp_path / "map.csv").to_frame()
    spread = [name for name in again.to_frame() if name.endswith("_spread")]
    pd.testing.assert_frame_equal(table, again.to_frame().drop(columns=spread), check_exact=True)


def test_a_filtered_map_keeps_its_regions_in_a_folder(data_map, tmp_path):
    some = data_map[[4, 0]]
    some.save(tmp_path / "map")
    assert DataMap.load(tmp_path / "map").regions().tolist() == data_map.regions()[[4, 0]].tolist()


def test_logs_of_files_and_of_a_recorder_are_the_same_map(tmp_path):
    gold = [0, 1, 0, 1, 0]
    recorder = DynamicsRecorder(folder=tmp_path / "store" / "mine")
    for epoch, logits in enumerate(LOGITS[0]):
        write_epoch(tmp_path / "files" / "mine", epoch, IDS, logits, gold)
        recorder.record(IDS, logits, torch.tensor(gold))
        recorder.end_epoch()
    files, store = read_map(tmp_path / "files" / "mine"), read_logs(tmp_path / "store" / "mine")
    assert (files.name, files.capture, store.capture) == ("mine", "during", "end")
    torch.testing.assert_close(files.confidence, store.confidence)
    assert store.curves.shape == (3, 5)
    assert torch.equal(recorder.data_map().class_curves, store.class_curves)


def test_coordinates_are_a_map_without_what_they_do_not_hold(data_map, tmp_path):
    (tmp_path / "coordinates.jsonl").write_bytes(b"".join(td_metrics(data_map.run(0).to_frame())))
    read, expected = read_map(tmp_path / "coordinates.jsonl"), data_map.run(0)
    torch.testing.assert_close(read.confidence, expected.confidence, rtol=0, atol=1e-10)
    assert (read.ids, read.name) == (IDS, "coordinates")
    assert read.ranking("forgetting").tolist()[:1] == expected.ranking("forgetting").tolist()[:1]
    assert isinstance(read.plot(), Figure)
    assert "Correct at the end" not in str(read)
    with pytest.raises(AnalysisError, match="has no aum"):
        read.ranking("aum")


@pytest.mark.parametrize("name", ["none", "map.csv", "folder"])
def test_what_holds_no_map_is_refused_by_name(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=name):
        read_map(tmp_path / name)
