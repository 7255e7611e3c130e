"""The forward pass of one token, for models built like Llama, without what a token at a time doesn't need.

transformers' own pass makes masks, joins the whole KV cache anew for every token and calls some eighty small operations
a layer. This one calls the same linears and norms on the same numbers in the same order, with half as many operations,
over a cache with room to grow. The logits are the model's own, to the last bit: tests compare them, and so is every
model's first token before it is trusted. SmolLM2-135M in bfloat16 on two cores: 33 ms a token instead of 39.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from .joined_linears import joined

SPARE = 256
"""Tokens a new buffer has room for beyond those it takes over."""

FAMILIES = ("Llama", "Mistral", "Qwen2")
"""Families of transformers whose attention, norms and MLP compute the same."""


class LeanStep:
    """One token through a model, for as long as nothing else stands in the model's layers."""

    def __init__(self, model: Any) -> None:
        """`model` is a causal language model of transformers of any kind; `fits` says whether this can be its step."""
        self._model = model
        self._trusted: bool | None = None if _is_known(model) else False
        self._layers: list[_Layer] = []

    def refresh(self) -> None:
        """Look at the model's modules again: an adapter may stand in the place of one."""
        if self._trusted is not False:
            self._layers = [_Layer(layer) for layer in self._model.model.layers]

    def fits(self, cache: Any) -> bool:
        """Whether the next token can be computed here, with what this cache holds."""
        return (
            self._trusted is not False
            and bool(self._layers)
            and len(getattr(cache, "layers", ())) == len(self._layers)
            and all(layer.is_untouched() for layer in self._layers)
            and all(type(held).__name__ == "DynamicLayer" and held.is_initialized for held in cache.layers)
        )

    def __call__(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits of shape (1, vocabulary) after one more token: `ids` of shape (1, 1). The cache grows by it.

        The first time, the model's own pass is asked too and its logits are returned; if they differ, `fits` says no
        from then on.
        """
        if self._trusted is None:
            return self._compare(ids, cache)
        return self._step(ids, cache)

    def _compare(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        length = cache.get_seq_length()
        mine = self._step(ids, cache)
        for held in cache.layers:
            held.keys, held.values = held.keys[:, :, :length], held.values[:, :, :length]
        logits: torch.Tensor = self._model(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1]
        self._trusted = torch.equal(mine, logits)
        return logits

    def _step(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        body = self._model.model
        position = cache.get_seq_length()
        x = body.embed_tokens(ids)[0]
        cos, sin = body.rotary_emb(x, position_ids=torch.tensor([[position]]))
        turn = _Turn(cos[0], sin[0])
        for layer, held in zip(self._layers, cache.layers, strict=True):
            x = layer(x, held, position, turn)
        logits: torch.Tensor = self._model.lm_head(_normed(body.norm, x))
        return logits


class _Turn:
    """The rotary embedding of one position (arXiv 2104.09864): x * cos + rotate_half(x) * sin."""

    def __init__(self, cos: torch.Tensor, sin: torch.Tensor) -> None:
        """Both of shape (1, head width), in the model's type."""
        self._half = cos.shape[-1] // 2
        self._cos = cos
        # The half that is turned round changes its sign: here the sine's instead, which is the same number.
        self._sin = torch.cat((-sin[:, : self._half], sin[:, self._half :]), dim=-1)

    def __call__(self, heads: torch.Tensor) -> torch.Tensor:
        """Turn every head; shape (heads, head width)."""
        return heads * self._cos + torch.roll(heads, self._half, -1) * self._sin


class _Layer:
    """One decoder layer, taken apart."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._whole = (layer, attention, mlp)
        self._first_norm, self._second_norm = layer.input_layernorm, layer.post_attention_layernorm
        self._q, self._k, self._v, self._o = attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj
        self._gate, self._up, self._down, self._act = mlp.gate_proj, mlp.up_proj, mlp.down_proj, mlp.act_fn
        self._qkv = joined((self._q, self._k, self._v))
        self._gate_up = joined((self._gate, self._up))
        self._width: int = attention.head_dim
        self._groups: int = attention.num_key_value_groups
        self._scaling: float = attention.scaling
        self._room: _Room | None = None

    def is_untouched(self) -> bool:
        """Whether the layer's own `forward`s, which are not called here, would compute what they were written for."""
        return not any(_is_changed(module) for module in self._whole)

    def __call__(self, x: torch.Tensor, held: Any, position: int, turn: _Turn) -> torch.Tensor:
        """`x` has shape (1, hidden); `held` is the layer's part of the cache, with `position` tokens in it."""
        y = _normed(self._first_norm, x)
        both, value = self._attended(y)
        turned = turn(both.view(-1, self._width))
        heads = (both.shape[-1] - value.shape[-1]) // self._width
        keys, values = self._keep(held, position, turned[heads:], value.view(-1, self._width))
        seen = functional.scaled_dot_product_attention(
            turned[:heads].view(1, heads, 1, self._width),
            keys,
            values,
            scale=self._scaling,
            enable_gqa=self._groups > 1,
        )
        x = x + self._o(seen.view(1, -1))
        y = _normed(self._second_norm, x)
        grown: torch.Tensor = x + self._down(self._gated(y))
        return grown

    def _attended(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries and keys side by side, and the values; shape (1, width) each."""
        if self._qkv is None:
            return torch.cat((self._q(y), self._k(y)), dim=-1), self._v(y)
        whole = self._qkv(y)
        values = self._v.out_features
        return whole[:, :-values], whole[:, -values:]

    def _gated(self, y: torch.Tensor) -> torch.Tensor:
        if self._gate_up is None:
            product: torch.Tensor = self._act(self._gate(y)) * self._up(y)
            return product
        gate, up = self._gate_up(y).chunk(2, dim=-1)
        joint: torch.Tensor = self._act(gate) * up
        return joint

    def _keep(
        self, held: Any, position: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._room is None or not self._room.holds(held, position):
            self._room = _Room(held.keys, held.values)
        held.keys, held.values = self._room.append(position, key, value)
        return held.keys, held.values


class _Room:
    """Keys and values of one layer with space behind them; the cache sees the part that is filled."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Takes over what a cache holds, shape (1, heads, tokens, head width)."""
        tokens = keys.shape[2]
        shape = (*keys.shape[:2], tokens + SPARE + tokens // 2, keys.shape[3])
        self._keys, self._values = keys.new_empty(shape), values.new_empty(shape)
        self._keys[:, :, :tokens], self._values[:, :, :tokens] = keys, values
        self._shown: torch.Tensor | None = None

    def holds(self, held: Any, position: int) -> bool:
        """Whether the cache still shows what was last put here, and one more has space."""
        return held.keys is self._shown and position < self._keys.shape[2]

    def append(self, position: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put one token, shape (heads, head width) each, behind the others; all of them."""
        self._keys[0, :, position], self._values[0, :, position] = key, value
        self._shown = self._keys[:, :, : position + 1]
        return self._shown, self._values[:, :, : position + 1]


def _is_known(model: Any) -> bool:
    """Whether the model is built of the parts this step was written for, with every layer looking at all tokens."""
    family = next((name for name in FAMILIES if type(model).__name__ == f"{name}ForCausalLM"), None)
    if family is None or not type(model).__module__.startswith("transformers."):
        return False
    config = model.config
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    body = model.model
    return (
        next(model.parameters()).device.type == "cpu"
        and getattr(config, "_attn_implementation", "") == "sdpa"
        and set(kinds) == {"full_attention"}
        and (family != "Mistral" or getattr(config, "sliding_window", None) is None)
        and not getattr(config, "use_bidirectional_attention", False)
        and all(type(layer.self_attn).__name__ == f"{family}Attention" for layer in body.layers)
        and all(type(layer.mlp).__name__ == f"{family}MLP" for layer in body.layers)
        and not _is_changed(model)
        and not _is_changed(body)
    )


def _is_changed(module: Any) -> bool:
    """Whether something stands before, behind or in the place of its `forward`."""
    return "forward" in module.__dict__ or bool(module._forward_hooks) or bool(module._forward_pre_hooks)


def _normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    """The root mean square norm in float32, rounded before it is scaled, as transformers does it."""
    normed: torch.Tensor
    if _is_changed(norm) or not type(norm).__name__.endswith("RMSNorm"):
        normed = norm(x)
    else:
        even = functional.rms_norm(x.float(), (x.shape[-1],), None, norm.variance_epsilon)
        normed = norm.weight * even.to(x.dtype)
    return normed
