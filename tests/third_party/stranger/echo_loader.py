"""A stranger's loader: the smallest that does something, with its state in plain sight."""

from desktop.api import AttachReceipt, Chunk, LoadRequest, Model, Reply, hookimpl


class EchoModel(Model):
    """Answers with the prompt, word by word, each word followed by what its adapters say."""

    def __init__(self):
        self.loras = {}

    def generate(self, request):
        for number, word in enumerate(request.prompt.split()[: request.max_new_tokens]):
            said = "".join(f"<{lora.name}:{lora.effective_weight:g}>" for lora in self.loras.values())
            yield Chunk(text=word + said + " ", tokens=(number,))
        return Reply(finish_reason="stop", prompt_tokens=len(request.prompt.split()))


@hookimpl
def load(request: LoadRequest, progress):
    if not request.path.endswith(".echo"):
        return None
    progress("Listening", 0.5)
    return EchoModel()


@hookimpl
def apply_lora(model, lora):
    model.loras[lora.id] = lora
    weight = lora.effective_weight
    return AttachReceipt(id=lora.id, name=lora.name, weight=weight, modules_matched=1, modules_targeted=1)


@hookimpl
def remove_lora(model, lora):
    del model.loras[lora.id]
