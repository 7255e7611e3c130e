"""The other side of the comparison: transformers and PEFT by themselves, in a plain Python process.

Run as `python -m tests.benchmarks.bare` it reads one JSON object a line, {"do": name, ...}, and answers each with one.
It measures itself, so that the way to it does not count.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"


class Bare:
    """A model as the libraries' own documentation has it."""

    def __init__(self) -> None:
        self.model: Any = None
        self.tokenizer: Any = None

    def warm(self) -> None:
        """Import what loading, generating and attaching need."""
        import peft  # noqa: F401
        import torch  # noqa: F401
        import transformers.generation.utils
        import transformers.models.auto.modeling_auto
        import transformers.models.auto.tokenization_auto
        import transformers.models.llama.modeling_llama  # noqa: F401

    def load(self, path: str, bits: int = 16) -> float:
        """Seconds that the model and its tokenizer take."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

        quantised = {
            8: BitsAndBytesConfig(load_in_8bit=True),
            4: BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16),
        }
        started = perf_counter()
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.bfloat16, quantization_config=quantised.get(bits)
        ).eval()
        return perf_counter() - started

    def generate(self, prompt: str, count: int) -> dict[str, Any]:
        """A greedy answer: seconds, and its tokens."""
        import torch

        ids = self.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        started = perf_counter()
        with torch.no_grad():
            output = self.model.generate(**ids, do_sample=False, max_new_tokens=count)
        seconds = perf_counter() - started
        return {"seconds": seconds, "tokens": output[0, ids["input_ids"].shape[1] :].tolist()}

    def attach(self, name: str, path: str) -> float:
        """Seconds that PEFT takes to attach an adapter, and to make all that are attached act."""
        from peft import PeftModel

        started = perf_counter()
        if isinstance(self.model, PeftModel):
            self.model.load_adapter(path, name)
        else:
            self.model = PeftModel.from_pretrained(self.model, path, name)
        self.model.base_model.set_adapter(list(self.model.peft_config))
        return perf_counter() - started

    def reweight(self, name: str, weight: float) -> float:
        """Seconds that changing a weight takes."""
        from peft.tuners.lora import LoraLayer

        started = perf_counter()
        for module in self.model.modules():
            if isinstance(module, LoraLayer):
                module.set_scale(name, weight)
        return perf_counter() - started

    def detach(self) -> float:
        """Seconds until the bare model is back."""
        started = perf_counter()
        self.model = self.model.unload()
        seconds = perf_counter() - started
        if hasattr(self.model, "peft_config"):
            del self.model.peft_config  # or PEFT takes the next adapter for a second one
        return seconds


def main() -> None:
    """Answer until the input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bare = Bare()
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(bare, asked.pop("do"))(**asked)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
