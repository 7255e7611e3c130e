"""The user's own templates: Jinja in `templates/*.jinja`."""

from __future__ import annotations

from pathlib import Path

from desktop.prompting.jinja_templates import stops_of_jinja
from desktop.prompting.templates import Template, template_names

from .places import printable
from .prompt_files import PromptFileError, delete_file, list_files, read_text, safe_name, write_text

SUFFIX = ".jinja"


def read_templates(folder: Path) -> tuple[Template, ...]:
    """Every template in the folder, by name; one that can't be used with what is wrong. Raises PromptFileError."""
    found = []
    for path in list_files(folder, SUFFIX):
        name = printable(path.name.removesuffix(SUFFIX))
        try:
            safe_name(name, template_names())
            found.append(_template(name, read_text(path)))
        except PromptFileError as error:
            if name not in template_names():
                found.append(Template(name=name, title=name, description=str(error), jinja="", problem=str(error)))
    return tuple(found)


def save_template(folder: Path, name: str, source: str) -> str:
    """Write a template under a name, in the place of one of that name; the name. Raises PromptFileError."""
    name = safe_name(name, template_names())
    write_text(folder / f"{name}{SUFFIX}", source)
    return name


def delete_template(folder: Path, name: str) -> None:
    """Delete a template. Raises PromptFileError."""
    delete_file(folder / f"{safe_name(name, template_names())}{SUFFIX}")


def _template(name: str, source: str) -> Template:
    words = f"Your own, in {name}{SUFFIX}."
    return Template(name=name, title=name, description=words, jinja=source, stop=stops_of_jinja(source))
