"""What is checked: every loader in each way in which it can compute."""

from __future__ import annotations

import msgspec


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One loader with one engine."""

    name: str
    loader: str
    model: str = "packed"
    """Its folder on the shelf, or a file in it."""
    request: dict[str, object] = {}
    packages: tuple[str, ...] = ()
    """What must be importable besides the program's own."""
    near: float = 0.02
    """Largest difference of logits from the reference's in float16, as a share of the reference's largest; bfloat16,
    which has three bits less, may be eight times as far off. 0 compares nothing."""
    card: bool = False
    """Whether it computes on a card only."""
    exact: bool = True
    """Whether the same pass gives the same bits twice; some kernels add in no fixed order."""


BARE = "bare/tiny-4bit-128g.safetensors"

CASES = (
    Case(name="gptq.ours", loader="autogptq", request={"settings": {"engine": "ours"}}),
    Case(
        name="gptq.gptqmodel", loader="autogptq", request={"settings": {"engine": "gptqmodel"}},
        packages=("gptqmodel",), exact=False,
    ),
    Case(
        name="gptq.auto_gptq", loader="autogptq", request={"settings": {"engine": "auto_gptq"}},
        packages=("auto_gptq",), exact=False,
    ),
    Case(name="gptq_llama", loader="gptq_llama", model=BARE),
    Case(
        name="exllamav2", loader="exllama", request={"settings": {"engine": "exllamav2"}}, packages=("exllamav2",),
        card=True, exact=False,
    ),
    Case(
        name="exllama", loader="exllama", request={"settings": {"engine": "exllama"}}, packages=("exllama",), card=True,
        exact=False,
    ),
    Case(name="transformers.16bit", loader="transformers", model="plain", near=0.0),
    Case(name="transformers.8bit", loader="transformers", model="plain", request={"bits": 8}, near=0.0),
    Case(name="transformers.4bit", loader="transformers", model="plain", request={"bits": 4}, near=0.0),
)  # fmt: skip
"""The first comes first: it is the one a failure of the others is held against."""

REFERENCE = {"loader": "autogptq", "model": "packed", "request": {"dtype": "float32", "settings": {"engine": "ours"}}}
"""Our GPTQ linear in float32, on the same device."""
