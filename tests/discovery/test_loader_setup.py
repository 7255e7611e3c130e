"""Making an interpreter for a loader: all or nothing, and what works is never touched."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from desktop.discovery import setup, virtual_environment
from desktop.discovery.describer import Found
from desktop.discovery.entry_points import registered_loaders
from desktop.discovery.loaders import Loaders
from desktop.discovery.setup import Environment, check, make_interpreter, requirements_of, resolved_python
from desktop.discovery.virtual_environment import MARKER, SetupError, check_can_make_environments, finish, new_folder
from desktop.engine.messages import LoaderRef
from desktop.library.settings import Settings, read_settings_file, write_settings_file
from tests.discovery.conftest import make_bare_environment


def make_wheel(name: str, folder: Path) -> None:
    """Pack an installed distribution into a wheel again, so that pip needs no network."""
    installed = distribution(name)
    tag = next(line for line in installed.read_text("WHEEL").splitlines() if line.startswith("Tag: "))
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-{tag[5:]}.whl", "w") as wheel:
        for file in installed.files:
            if ".." not in file.parts and file.suffix != ".pyc" and file.name not in {"INSTALLER", "REQUESTED"}:
                wheel.write(file.locate(), file.as_posix())


@pytest.fixture
def requirements(tmp_path):
    """A requirements file that pip can follow without a network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("msgspec", "pluggy"):
        make_wheel(name, wheels)
    file = tmp_path / "requirements.txt"
    file.write_text(f"--no-index\n--find-links {wheels.as_posix()}\n")
    return file


@pytest.fixture
def echo(third_party):
    """The entry point of the stranger's loader."""
    third_party("stranger")
    (ref,) = registered_loaders().loaders
    return ref


@pytest.fixture
def quick(monkeypatch):
    """Environments without pip, into which nothing is installed: for what happens before and after."""
    monkeypatch.setattr(setup, "make_environment", lambda folder, python, tell: make_bare_environment(folder))
    monkeypatch.setattr(setup, "install", lambda python, arguments, tell: None)


def folders(home):
    return sorted(entry.name for entry in home.engines.iterdir() if entry.is_dir())


def test_an_environment_is_made_checked_and_recorded_and_a_failure_leaves_it_alone(home, echo, requirements):
    told: list[str] = []
    found = make_interpreter(home, echo, Environment(requirements), told.append)
    python = str(virtual_environment.python_in(home.engines / "echo-1"))
    assert found.interpreter == python
    assert found.info.title == "echo"
    assert read_settings_file(home.settings_file).interpreters == {"echo": python}
    assert not (home.engines / "echo-1" / MARKER).exists()
    assert any(line.startswith("Successfully installed") for line in told)
    with Loaders(home, read_settings_file(home.settings_file)) as loaders:
        assert loaders.found()[0].interpreter == python

    requirements.write_text(requirements.read_text() + "no-such-package-anywhere==1.0\n")
    with pytest.raises(SetupError, match="No matching distribution found for no-such-package-anywhere"):
        make_interpreter(home, echo, Environment(requirements), told.append)
    assert folders(home) == ["echo-1"]
    assert read_settings_file(home.settings_file).interpreters == {"echo": python}
    with Loaders(home, read_settings_file(home.settings_file), refresh=True) as loaders:
        assert not loaders.found()[0].error


def test_a_loader_that_fails_its_check_is_not_recorded(home, echo, requirements, quick):
    with pytest.raises(SetupError, match=r"echo can't run in .*No module named"):
        make_interpreter(home, echo, Environment(requirements), print)
    assert folders(home) == []
    assert not home.settings_file.exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("LoaderInfo(title='x', available=False, reason='It needs an NVIDIA card.')", "It needs an NVIDIA card."),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_the_check_refuses_a_loader_that_cannot_run_there(home, make_plugin, hooks, answer, words):
    make_plugin("needy", f"{hooks}\n@hookimpl\ndef describe():\n    return {answer}\n")
    (ref,) = registered_loaders().loaders
    with pytest.raises(SetupError, match=words):
        check(home, ref, sys.executable)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_setup_leaves_nothing(home, echo, requirements, quick, monkeypatch, interruption):
    def interrupt(python, arguments, tell):
        raise interruption

    monkeypatch.setattr(setup, "install", interrupt)
    with pytest.raises(interruption):
        make_interpreter(home, echo, Environment(requirements), print)
    assert folders(home) == []


def test_what_a_killed_setup_left_is_removed_by_the_next_and_nothing_else(home):
    home.engines.mkdir(parents=True)
    for name, files in {
        "echo-1": ["bin/python"],
        "echo-2": [MARKER, "bin/python", "lib/x.py"],
        "other-1": [MARKER],
        "echo-fast-1": [MARKER],
        "echo-mine": ["notes.txt"],
    }.items():
        for file in files:
            (home.engines / name / file).parent.mkdir(parents=True, exist_ok=True)
            (home.engines / name / file).write_text("")
    with new_folder(home.engines, "echo") as folder:
        assert folder == home.engines / "echo-2"
        assert [entry.name for entry in folder.iterdir()] == [MARKER]
        finish(folder)
    assert folders(home) == ["echo-1", "echo-2", "echo-fast-1", "echo-mine", "other-1"]


def test_two_setups_of_one_loader_do_not_meet(home):
    with new_folder(home.engines, "echo"):
        with new_folder(home.engines, "other"):
            pass
        with pytest.raises(SetupError, match="Another setup of echo is running"), new_folder(home.engines, "echo"):
            pass
    assert folders(home) == []


@pytest.mark.parametrize("name", ["../../evil", "/etc/x", "..", "a b\n", "C:\\x"])
def test_a_name_cannot_lead_out_of_the_folder(home, name):
    with new_folder(home.engines, name) as folder:
        assert folder.resolve().parent == home.engines.resolve()
        finish(folder)


def test_the_package_to_install_is_named_where_venv_is_missing(tmp_path):
    if sys.platform == "win32":
        pytest.skip("the fake interpreter is a shell script")
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        'case "$*" in *ensurepip*) echo "ModuleNotFoundError: No module named \'ensurepip\'"; exit 1;; esac\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(SetupError) as error:
        check_can_make_environments(str(python))
    assert f"sudo apt install python{version}-venv" in str(error.value)
    assert "No module named 'ensurepip'" in str(error.value)


def test_an_old_python_is_refused(tmp_path):
    if sys.platform == "win32":
        pytest.skip("the fake interpreter is a shell script")
    python = tmp_path / "python3.8"
    python.write_text("#!/bin/sh\necho 3.8\n")
    python.chmod(0o755)
    with pytest.raises(SetupError, match=r"is Python 3\.8; an engine needs 3\.11 or newer"):
        check_can_make_environments(str(python))


def test_an_interpreter_may_be_given_as_a_path_a_folder_or_a_command(other_interpreter, monkeypatch, tmp_path):
    prefix = Path(other_interpreter).parent.parent
    assert resolved_python(str(prefix)) == other_interpreter
    assert resolved_python(other_interpreter) == other_interpreter
    monkeypatch.setenv("PATH", str(prefix / "bin"))
    if sys.platform != "win32":
        assert resolved_python("python") == other_interpreter
    monkeypatch.chdir(prefix.parent)
    assert resolved_python(str(Path(other_interpreter).relative_to(prefix.parent))) == other_interpreter


REQUIRING = "@hookimpl\ndef describe():\n    return LoaderInfo(title='x', requirements={!r})\n"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("", "names no requirements file"),
        ("loader_kit/../../secrets.txt", "which is not there"),
        ("loader_kit/missing.txt", "which is not there"),
        ("nowhere_at_all/x.txt", "which is not there"),
        ("/etc/passwd", "which is not there"),
    ],
)
def test_a_requirements_file_lies_inside_a_package(home, make_plugin, hooks, named, words):
    make_plugin("needs", hooks + REQUIRING.format(named))
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("needs")
    with pytest.raises(SetupError, match=words):
        requirements_of(found)


def test_the_requirements_file_of_a_built_in_loader_is_found(home, own_loaders):
    with Loaders(home, Settings()) as loaders:
        found = loaders.find("transformers")
    assert requirements_of(found).name == "requirements.txt"


def test_a_loader_with_several_engines_has_a_list_for_each(home, own_loaders):
    with Loaders(home, Settings()) as loaders:
        found, other = loaders.find("autogptq"), loaders.find("transformers")
    assert requirements_of(found).name == "requirements-auto_gptq.txt"
    for engine in ("auto_gptq", "gptqmodel"):
        file = requirements_of(found, engine)
        assert file.name == f"requirements-{engine}.txt"
        assert any(line.startswith(engine.replace("_", "-") + "==") for line in file.read_text().splitlines())
    with pytest.raises(SetupError, match="autogptq has no requirements file for an engine vllm"):
        requirements_of(found, "vllm")
    with pytest.raises(SetupError, match=r"has no requirements file for an engine \.\./x"):
        requirements_of(found, "../x")
    with pytest.raises(SetupError, match="transformers has no requirements file for an engine gptqmodel"):
        requirements_of(other, "gptqmodel")


def test_a_plugin_that_fails_can_still_be_set_up_with_a_file():
    with pytest.raises(SetupError, match=r"can't say what it needs: No module named 'x'. Give one with --requirements"):
        requirements_of(Found(LoaderRef("needs", "needs"), None, "No module named 'x'."))


def test_other_settings_survive(home, echo, other_interpreter):
    write_settings_file(home.settings_file, Settings(loader="a", interpreters={"b": "/b"}, folders=("/c",)))
    setup.use_interpreter(home, echo, other_interpreter)
    assert read_settings_file(home.settings_file) == Settings(
        loader="a", interpreters={"b": "/b", "echo": other_interpreter}, folders=("/c",)
    )
    assert setup.use_own(home, "echo") == other_interpreter
    assert read_settings_file(home.settings_file).interpreters == {"b": "/b"}
