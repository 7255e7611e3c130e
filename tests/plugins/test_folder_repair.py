"""Model folders of one transformers as another reads them."""

import json

import pytest

from loader_kit import folder_repair


@pytest.mark.parametrize(
    ("rope", "found"),
    [
        ({"rope_type": "default", "rope_theta": 1e5}, {"rope_theta": 1e5}),
        (
            {"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5},
            {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        ),
    ],
)
def test_transformers_4_is_told_the_rotary_base_where_it_looks(tmp_path, monkeypatch, rope, found):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "rope_parameters": rope}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(folder_repair, "_transformers_4", lambda: True)
    assert folder_repair.repaired_files(tmp_path) == {"config.json": config | found}
    monkeypatch.setattr(folder_repair, "_transformers_4", lambda: False)
    assert folder_repair.repaired_files(tmp_path) == {}
