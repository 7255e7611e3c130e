"""The stack changed while an answer runs: at the next token where the loader allows it, else after the answer."""

import pytest

from desktop.engine.jobs import JobFailed
from tests.engine.puppets import SOON, generate, load, row, start_load

UNTIL_ATTACHED = (
    "deadline = time.monotonic() + 10\n"
    "while not model.loras and time.monotonic() < deadline:\n"
    "    yield Chunk(text='.', tokens=(1,))\n"
    "    time.sleep(0.001)\n"
    "yield Chunk(text=str([lora.weight for lora in model.loras]), tokens=(2,))\n"
)
A_WHILE = "for i in range(200):\n    time.sleep(0.001)\n    yield Chunk(text=str(len(model.loras)), tokens=(i,))\n"


@pytest.fixture
def live(new_engine):
    """An engine whose loader allows live changes."""
    engine = new_engine("live_puppet")
    engine.start()
    load(engine)
    return engine


def test_a_change_acts_on_the_next_token_and_the_answer_tells_its_segments(live):
    job = generate(live, UNTIL_ATTACHED)
    next(job.events(SOON))
    change = live.apply_lora(row("a", 0.5))
    assert change.result(SOON).id == "a"
    text = "".join(chunk.text for chunk in job.events(SOON))
    result = job.result(SOON)
    assert text.endswith("[0.5]")
    assert result.stack == ()
    first, second = result.segments
    assert (first.first_token, first.stack) == (0, ())
    assert second.stack == (row("a", 0.5),)
    assert 0 < second.first_token < result.generated_tokens


def test_tokens_are_counted_while_an_answer_runs(live):
    job = generate(live, A_WHILE)
    next(job.events(SOON))
    assert live.count_tokens("one two three").result(SOON) == 3
    assert job.result(SOON).segments == ()


def test_a_change_that_fails_leaves_the_answer_and_the_stack_alone(live):
    job = generate(live, A_WHILE)
    next(job.events(SOON))
    with pytest.raises(JobFailed, match="no such adapter"):
        live.apply_lora(row("bad", code="before: raise LoaderError('no such adapter')")).result(SOON)
    assert job.result(SOON).generated_tokens == 200
    assert live.stack == ()


def test_a_job_that_came_before_a_change_is_not_overtaken(live):
    job = generate(live, A_WHILE)
    second = generate(live, A_WHILE)
    change = live.apply_lora(row("a"))
    # The change was asked for after the second answer, so it is none of the first one's business.
    assert set("".join(chunk.text for chunk in job.events(SOON))) == {"0"}
    assert set("".join(chunk.text for chunk in second.events(SOON))) == {"1"}
    change.result(SOON)


def test_a_loader_that_does_not_allow_it_changes_after_the_answer(loaded):
    job = generate(loaded, A_WHILE)
    change = loaded.apply_lora(row("a"))
    assert set("".join(chunk.text for chunk in job.events(SOON))) == {"0"}
    assert job.result(SOON).segments == ()
    change.result(SOON)
    assert [lora.id for lora in loaded.stack] == ["a"]


def test_a_describe_that_fails_allows_nothing_and_the_model_loads(new_engine, tmp_path):
    from desktop.engine.process import Launch
    from tests.engine.puppets import LAUNCH

    broken = tmp_path / "dumb_puppet.py"
    broken.write_text(
        "from puppet import apply_lora, load, remove_lora\nfrom desktop.api import hookimpl\n"
        "@hookimpl\ndef describe(): raise RuntimeError('no words')\n"
    )
    engine = new_engine("dumb_puppet", launch=Launch(LAUNCH.python, {**LAUNCH.packages, "dumb_puppet": str(broken)}))
    engine.start()
    assert start_load(engine).result(SOON).architecture == "Puppet"
