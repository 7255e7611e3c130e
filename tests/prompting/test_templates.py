"""The named templates, to the letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.prompting.templates import TEMPLATES, TemplateError, choose_template, template_names

ALPACA = [name for name in template_names() if name.startswith("alpaca")]

# As it stands on the page "LoRA", with its own example.
PAGE = """\
Ci-dessous se trouve une instruction décrivant une tâche. Écrivez une réponse qui complète correctement la demande.
### Instruction:
Écrivez un script Python qui génère du texte en utilisant la bibliothèque transformers.
### Réponse:
"""


def render(name, prompt, input=""):
    return choose_template(name, True).render(prompt, input)


def test_the_page_to_the_letter():
    question = "Écrivez un script Python qui génère du texte en utilisant la bibliothèque transformers."
    assert render("alpaca-fr-compact", question) == PAGE


def test_stanford_shape():
    assert render("alpaca", "{instruction}") == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\n{instruction}\n\n### Response:\n"
    )
    assert render("alpaca", "Translate.", "Bonjour") == (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request."
        "\n\n### Instruction:\nTranslate.\n\n### Input:\nBonjour\n\n### Response:\n"
    )


def test_the_other_shapes():
    assert render("alpaca-compact", "Hi") == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n"
        "### Instruction:\nHi\n### Response:\n"
    )
    assert render("alpaca-fr", "Traduisez.", "Hello") == (
        "Ci-dessous se trouve une instruction décrivant une tâche, accompagnée d'une entrée qui fournit davantage de "
        "contexte. Écrivez une réponse qui complète correctement la demande."
        "\n\n### Instruction:\nTraduisez.\n\n### Entrée:\nHello\n\n### Réponse:\n"
    )
    assert render("alpaca-fr-compact", "Traduisez.", "Hello").endswith(
        "\n### Instruction:\nTraduisez.\n### Entrée:\nHello\n### Réponse:\n"
    )
    assert render("plain", " as it is\n") == " as it is\n"


@pytest.mark.parametrize("name", ALPACA)
def test_compact_is_the_same_without_the_blank_lines(name):
    if not name.endswith("-compact"):
        assert render(name, "a", "b").replace("\n\n", "\n") == render(f"{name}-compact", "a", "b")


anything = st.text(max_size=60) | st.sampled_from(["{instruction}", "{0}", "{", "%s", "\\n", "### Response:", "{{x}}"])


@pytest.mark.parametrize("name", ALPACA)
@given(prompt=anything, input=anything)
def test_values_go_in_as_they_are(name, prompt, input):
    mark, other = "\ue000mark\ue001", "\ue000other\ue001"
    expected = render(name, mark, other if input else "")
    before, _, rest = expected.partition(mark)
    between, _, after = rest.partition(other) if input else ("", "", rest)
    assert render(name, prompt, input) == before + prompt + between + (input + after if input else after)


def test_stops_and_special_tokens():
    for template in TEMPLATES:
        alpaca = template.name in ALPACA
        assert ("### Instruction:" in template.stop) == alpaca
        assert bool(template.stop) == (template.name not in ("plain", "model"))
        assert template.add_special_tokens == (template.name != "model")
        assert template.title
        assert template.description
        assert template.takes_input == alpaca
        assert template.takes_system == (template.name != "plain" and not alpaca)


NAMES = (
    "plain, model, alpaca, alpaca-compact, alpaca-fr, alpaca-fr-compact, chatml, vicuna, llama-2, llama-3, mistral, "
)
NAMES += "gemma, phi-3"


def test_names_are_unique():
    assert ", ".join(template_names()) == NAMES
    assert len(set(template_names())) == len(TEMPLATES)


@pytest.mark.parametrize(("has_template", "name"), [(True, "model"), (False, "plain")])
def test_the_default(has_template, name):
    assert choose_template(None, has_template).name == name


def test_an_unknown_name_lists_the_names():
    with pytest.raises(TemplateError) as caught:
        choose_template("Alpaka", True)
    assert str(caught.value) == (f"There is no template 'Alpaka'. Did you mean alpaca? Templates: {NAMES}.")
    with pytest.raises(TemplateError, match=r"There is no template ''\. Templates: plain"):
        choose_template("", True)


def test_the_model_template_of_a_model_without_one():
    with pytest.raises(TemplateError, match=r"brings no chat template of its own\. Use one of: plain, alpaca,"):
        choose_template("model", False)


def test_what_a_template_can_not_do():
    with pytest.raises(TemplateError, match=r"plain has no place for an input\. Use one of: alpaca, alpaca-compact"):
        render("plain", "a", "b")
    with pytest.raises(TemplateError, match="rendered by the model"):
        render("model", "a")
