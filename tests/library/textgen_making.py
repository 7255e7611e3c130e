"""Folders as text-generation-webui leaves them, in both layouts, with whole, damaged and oddly named things in them."""

from __future__ import annotations

import json

from tests.library.making import make_adapter, make_model

NEW_TEMPLATE = """instruction_template: |-
  {%- for message in messages -%}
  {%- if message['role'] == 'user' -%}
  {{- 'Q: ' + message['content'] + '\\n' -}}
  {%- else -%}
  {{- 'A: ' + message['content'] + '\\n' -}}
  {%- endif -%}
  {%- endfor -%}
  {%- if add_generation_prompt -%}{{- 'A:' -}}{%- endif -%}
"""
OLD_TEMPLATE = (
    'user: "### Human:"\nbot: "### Bot:"\n'
    'turn_template: "<|user|>\\n<|user-message|>\\n\\n<|bot|> <|bot-message|></s>\\n\\n"\n'
    'context: "A talk.\\n\\n"\n'
)
PRESET = "temperature: 0.7\ntop_p: 0.9\nrepetition_penalty: 1.15\ntop_k: 20\ntfs: 0.95\nmirostat_mode: 0\n"


def make_textgen(root, *, newer):
    """One whole thing of every kind, in the older layout or in the newer one."""
    data = root / "user_data" if newer else root
    make_model(data / "models" / "llama é")
    (data / "models" / "config-user.yaml").write_text("llama$:\n  loader: ExLlama\n")
    make_adapter(data / "loras" / "pirate v1.5")
    (data / "loras" / "place-your-loras-here.txt").write_text("")
    write(data / "training" / "datasets" / "sea.json", json.dumps([{"instruction": "Hi", "output": "Ahoy"}]))
    write(data / "training" / "datasets" / "put-trainer-datasets-here.txt", "put them here")
    write(data / "training" / "formats" / "sailor.json", json.dumps({"instruction,output": "%instruction% %output%"}))
    write(data / "presets" / "simple-1.yaml", PRESET)
    write(data / "instruction-templates" / "Talk.yaml", NEW_TEMPLATE if newer else OLD_TEMPLATE)
    for sign in ("server.py", "download-model.py"):
        (root / sign).write_text("print('not ours')\n")
    return root


def write(path, text):
    """A text in a folder made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
