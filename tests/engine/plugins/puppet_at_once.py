"""The puppet with the optional `set_stack`: all or nothing by its own means."""

from puppet import apply_lora, body, describe, load, remove_lora  # noqa: F401 - hooks

from desktop.api import AttachReceipt, hookimpl


@hookimpl
def set_stack(model, loras):
    before = model.loras
    receipts = [AttachReceipt(id=lora.id, name=lora.name, weight=lora.effective_weight) for lora in loras]
    model.loras = []
    for lora in loras:
        when, _, code = lora.name.partition(": ")
        try:
            if when == "before":
                body("model, lora", code)(model, lora)
        except BaseException:
            model.loras = before
            raise
        model.loras.append(lora)
        if when == "after":
            receipts = body("model, receipts", code)(model, receipts)
    return receipts
