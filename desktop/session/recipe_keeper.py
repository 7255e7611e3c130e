"""Logs every reply with its recipe, and keeps recipes: on a thread of its own, because adapters are hashed there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from desktop.api import LoaderError, Lora
from desktop.library.adapters import list_adapters
from desktop.library.hashes import ContentHashes
from desktop.library.home import Home
from desktop.library.recipe_making import adapters_of, base_of, machine_here, parts_of, segments_of, versions_of
from desktop.library.recipe_matching import Here, Matched, differences, match_adapters, segments_in_words
from desktop.library.recipes import (
    RecipeError,
    export_recipe,
    find_recipe,
    import_recipe,
    list_recipes,
    read_recipe_file,
    save_recipe,
)
from desktop.library.replies import (
    BaseReply,
    LoggedReply,
    ReplyNotFound,
    append_reply,
    find_reply,
    new_id,
    time_now,
)
from desktop.library.settings import Settings
from desktop.prompting.recipe import Asked, Holding, Recipe, RecipeBase, RecipeFile

from .lane import Lane
from .plans import Answer, Loaded, PromptPlan, Side
from .recipe_plans import RecipeLook, plan_of, reproduction_of, with_plan


class RecipeKeeper(QObject):
    """The verbs return at once; the signals come from the keeper's thread."""

    #: The saved recipes: a list of RecipeEntry.
    recipes_listed = Signal(list)
    #: A recipe was compared with what is here: RecipeLook.
    recipe_seen = Signal(object)
    #: A reply can be made again: Reproduction.
    reproduction_found = Signal(object)
    #: The JSON of a reply's recipe.
    recipe_read = Signal(str)
    #: Something was done: a sentence.
    told = Signal(str)
    #: Something can't be done: a sentence.
    refused = Signal(str)

    def __init__(self, home: Home, settings: Settings, parent: QObject | None = None) -> None:
        """Nothing is read yet."""
        super().__init__(parent)
        self._home = home
        self._settings = settings
        self._hashes = ContentHashes(home.cache)
        self._loaded: Loaded | None = None
        self._mode = "exact"
        self._base: tuple[Loaded, RecipeBase] | None = None
        self._lane = Lane("recipes", self)
        self.lanes = (self._lane,)

    @Slot(object)
    def know_loaded(self, loaded: Loaded) -> None:
        """A model was loaded; what is recorded from now on was made by it."""
        self._loaded, self._mode = loaded, "exact"

    @Slot(str)
    def know_mode(self, mode: str) -> None:
        """The stack is computed in another mode."""
        self._mode = mode

    @Slot()
    def forget_loaded(self) -> None:
        """No model is loaded any more."""
        self._loaded = None

    def record(self, answer: Answer, problem: str = "") -> Answer:
        """Log an answer that has ended, with why it did so early; the answer with the id it has in the log."""
        loaded = self._loaded
        if loaded is None or not answer.model:
            return answer
        answer = msgspec.structs.replace(answer, id=new_id())
        logged = msgspec.structs.replace(answer, problem=problem or answer.problem)
        self._lane.submit(lambda: self._record(logged, loaded))
        return answer

    @Slot()
    def list_recipes(self) -> None:
        """Read the folder of recipes anew."""
        self._submit(self._list)

    @Slot(str, str)
    def save_reply(self, reply_id: str, name: str) -> None:
        """Save a reply's recipe, with its prompt and its tokens, under a name."""
        self._submit(lambda: self._save(name, self._file(reply_id)))

    @Slot(str)
    def read_reply(self, reply_id: str) -> None:
        """Read a reply's recipe."""
        self._submit(lambda: self.recipe_read.emit(self._file(reply_id).to_json()))

    @Slot(str)
    def reproduce(self, reply_id: str) -> None:
        """Find everything a reply needs to be made again."""
        loaded = self._loaded
        self._submit(lambda: self._reproduce(reply_id, loaded))

    def save_stack(self, name: str, plan: PromptPlan, rows: Sequence[Lora]) -> None:
        """Save the present stack, template and sampling under a name."""
        loaded, kept = self._loaded, tuple(rows)
        self._submit(lambda: self._save_stack(name, plan, kept, loaded))

    @Slot(str)
    def look_at(self, name: str) -> None:
        """Compare a saved recipe with what is here."""
        loaded = self._loaded
        self._submit(lambda: self._look(name, loaded))

    @Slot(str)
    def take_in(self, path: str) -> None:
        """Import a recipe from a file."""
        self._submit(lambda: self._import(Path(path)))

    @Slot(str, str)
    def give_out(self, name: str, path: str) -> None:
        """Export a recipe to a file, in the place of what is there: the user was asked."""
        self._submit(lambda: self._export(name, Path(path)))

    def shut_down(self) -> None:
        """Write what is submitted, then end the thread; waits for it."""
        for lane in self.lanes:
            lane.shut_down()

    def _submit(self, work: Callable[[], None]) -> None:
        self._lane.submit(lambda: self._try(work))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (RecipeError, ReplyNotFound, LoaderError) as error:
            self.refused.emit(str(error))

    def _record(self, answer: Answer, loaded: Loaded) -> None:
        try:
            append_reply(self._home.conversations, self._reply(answer, loaded))
        except LoaderError as error:
            words = self.tr("The reply is kept, but its recipe could not be logged: {reason}")
            self.refused.emit(words.format(reason=error))
        except OSError as error:
            words = self.tr(
                "The reply is kept, but could not be logged ({reason}: {folder}). Free some space or mend the folder."
            )
            self.refused.emit(words.format(reason=error.strerror, folder=self._home.conversations))

    def _reply(self, answer: Answer, loaded: Loaded) -> LoggedReply:
        side, plan = answer.with_stack, answer.plan
        stack, parts = parts_of(side.stack, side.segments, side.tokens)
        recipe = msgspec.structs.replace(
            with_plan(self._recipe(loaded, answer.template, stack), plan, answer.seed),
            mode=side.mode,
            cached_prefix=side.cached_tokens,
            segments=segments_of(parts, self._hashes.of),
        )
        return LoggedReply(
            id=answer.id,
            time=time_now(),
            recipe=recipe,
            asked=Asked(
                prompt=plan.prompt,
                input=plan.input,
                system=plan.system,
                before=plan.before[answer.dropped :],
                start=plan.start,
            ),
            tokens=side.token_ids,
            text=side.text,
            places=tuple(row.path for row in stack),
            finish_reason=side.finish_reason,
            problem=answer.problem,
            base=_base_reply(answer.base) if answer.base is not None else None,
        )

    def _recipe(self, loaded: Loaded, template: str, rows: Sequence[Lora]) -> Recipe:
        plan = loaded.plan
        return Recipe(
            base=self._base_of(loaded),
            holding=Holding(dtype=plan.dtype, bits=plan.bits, device=plan.device),
            adapters=adapters_of(rows, self._hashes.of),
            template=template,
            versions=versions_of(loaded.info),
            machine=machine_here(loaded.info.device),
        )

    def _base_of(self, loaded: Loaded) -> RecipeBase:
        if self._base is None or self._base[0] is not loaded:
            self._base = (loaded, base_of(loaded.plan.name, loaded.info, loaded.loader.name, loaded.plan.settings))
        return self._base[1]

    def _file(self, reply_id: str) -> RecipeFile:
        """A reply's recipe without what is the log's own."""
        reply = find_reply(self._home.conversations, reply_id)
        return RecipeFile(**{name: getattr(reply, name) for name in RecipeFile.__struct_fields__})

    def _list(self) -> None:
        self.recipes_listed.emit(list_recipes(self._home.recipes))

    def _save(self, name: str, file: RecipeFile) -> None:
        path = save_recipe(self._home.recipes, name, file)
        self.told.emit(self.tr("The recipe {name} was saved.").format(name=path.stem))
        self._list()

    def _save_stack(self, name: str, plan: PromptPlan, rows: tuple[Lora, ...], loaded: Loaded | None) -> None:
        if loaded is None:
            raise RecipeError(self.tr("A recipe names its base model. Load one, then save the recipe."))
        recipe = with_plan(self._recipe(loaded, plan.template, rows), plan, plan.sampling.seed)
        recipe = msgspec.structs.replace(recipe, mode=self._mode)
        self._save(name, RecipeFile(recipe=recipe, places=tuple(row.path for row in rows)))

    def _look(self, name: str, loaded: Loaded | None) -> None:
        entry = next((entry for entry in list_recipes(self._home.recipes) if entry.name == name), None)
        if entry is None:
            raise RecipeError(self.tr("The recipe {name} is not there any more.").format(name=name))
        if entry.problem:
            raise RecipeError(entry.problem)
        file = read_recipe_file(Path(entry.path))
        matched = self._match(file)
        told = (*matched.in_words(), *self._differences(file.recipe, loaded))
        self.recipe_seen.emit(RecipeLook(entry=entry, plan=plan_of(file), rows=matched.rows, told=told))

    def _match(self, file: RecipeFile) -> Matched:
        entries = list_adapters(self._home, self._settings)
        return match_adapters(file.recipe.adapters, entries, self._hashes.of, file.places)

    def _differences(self, recipe: Recipe, loaded: Loaded | None) -> tuple[str, ...]:
        if loaded is None:
            words = self.tr("No model is loaded; the recipe was made with {name}.")
            return (words.format(name=recipe.base.name),)
        return differences(recipe, self._here(loaded))

    def _here(self, loaded: Loaded) -> Here:
        device = loaded.info.device
        machine = machine_here(device)
        return Here(base=self._base_of(loaded), versions=versions_of(loaded.info), machine=machine, mode=self._mode)

    def _reproduce(self, reply_id: str, loaded: Loaded | None) -> None:
        file = self._file(reply_id)
        recipe = file.recipe
        if loaded is None or self._base_of(loaded).fingerprint != recipe.base.fingerprint:
            words = self.tr("This reply was made with {name}. Load that model, then reproduce it.")
            raise RecipeError(words.format(name=recipe.base.name))
        matched = self._match(file)
        if matched.missing:
            raise RecipeError(" ".join(matched.in_words()))
        # The mode is changed to the recipe's before the reply is made.
        here = msgspec.structs.replace(self._here(loaded), mode=recipe.mode)
        told = (*matched.in_words(), *differences(recipe, here), segments_in_words(recipe))
        self.reproduction_found.emit(reproduction_of(file, matched.rows, tuple(words for words in told if words)))

    def _import(self, source: Path) -> None:
        name = import_recipe(self._home.recipes, source)
        self.told.emit(self.tr("The recipe {name} was imported.").format(name=name))
        self._list()

    def _export(self, name: str, path: Path) -> None:
        export_recipe(read_recipe_file(find_recipe(name, self._home.recipes)), path)
        self.told.emit(self.tr("The recipe {name} was exported to {path}.").format(name=name, path=path))


def _base_reply(side: Side) -> BaseReply:
    return BaseReply(text=side.text, tokens=side.token_ids, finish_reason=side.finish_reason)
