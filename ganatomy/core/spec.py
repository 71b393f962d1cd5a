"""What recipes are made of: registered callables with their settings, checked when declared, built when needed."""

import contextlib
import dataclasses
import inspect
import math
import re
import types
import typing
from abc import ABC
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Union

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from ganatomy.core.errors import GanatomyError, near, one_line
from ganatomy.core.registry import parts

UNIONS = (Union, types.UnionType)
USE = "use"  # the key under which a recipe file names the part


@dataclasses.dataclass(frozen=True, init=False)
class Spec:
    """A registered callable (a part) and values of all its keyword-only parameters (its settings), defaults included.

    Positional parameters are no settings: they are given to `build`.

    >>> from ganatomy.engine.optimizers import Adam
    >>> Spec(Adam, lr=1e-4).settings["lr"]
    0.0001
    """

    part: Callable[..., Any]
    settings: Mapping[str, Any]

    def __init__(self, part: Callable[..., Any], /, **settings: Any) -> None:
        if parts.get(part.__name__) is not part:
            raise GanatomyError(unregistered(part.__name__))
        declared = declared_settings(part)
        checked = {}
        for name in settings:
            if name not in declared:
                raise no_setting(part, name)
        for name, setting in declared.items():
            if name in settings:
                checked[name] = checked_value(f"{part.__name__}.{name}", setting.annotation, settings[name])
            elif setting.default is inspect.Parameter.empty:
                raise GanatomyError(f"{part.__name__} needs the setting '{name}'.")
            else:
                checked[name] = as_spec(setting.default)
        object.__setattr__(self, "part", part)
        object.__setattr__(self, "settings", types.MappingProxyType(checked))

    @property
    def name(self) -> str:
        return self.part.__name__

    def build(self, *handed_over: Any, **named: Any) -> Any:
        """Call the part with these arguments and its settings; settings that are Specs are built first."""
        settings = {name: built(value) for name, value in self.settings.items()}
        return self.part(*handed_over, **named, **settings)

    def replace(self, **settings: Any) -> "Spec":
        """The same part with some settings changed."""
        return Spec(self.part, **{**self.settings, **settings})

    def __hash__(self) -> int:
        return hash((self.name, str(to_plain(self))))


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting's declaration; `default` is `inspect.Parameter.empty` if it has none."""

    annotation: Any
    default: Any


@cache
def declared_settings(part: Callable[..., Any]) -> dict[str, Setting]:
    """A registered callable's settings: its keyword-only parameters, with resolved annotations.

    A class whose constructor takes `**rules` has the settings of its base class, too.
    """
    function = part.__init__ if isinstance(part, type) else part  # type: ignore[misc]
    hints = typing.get_type_hints(function, include_extras=True)
    settings: dict[str, Setting] = {}
    for parameter in inspect.signature(part).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            settings[parameter.name] = Setting(hints.get(parameter.name, Any), parameter.default)
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD and isinstance(part, type):
            settings = {**declared_settings(part.__mro__[1]), **settings}
    return settings


def no_setting(part: Callable[..., Any], name: str, where: str = "") -> GanatomyError:
    """The error for an unknown setting; it names parts that do have it, and near names."""
    others, own = ", ".join(relatives_with(part, name)), declared_settings(part)
    return GanatomyError(
        f"{part.__name__} has no setting '{name}'{where}. "
        + (f"These have it: {others}. " if others else "")
        + (near(name, own) if own else f"{part.__name__} has no settings at all.")
    )


def relatives_with(part: Callable[..., Any], setting: str) -> list[str]:
    """The names of parts of the same kind, such as other losses, that have a setting."""

    def kinds(one: Any) -> set[type]:
        return {base for base in one.__mro__ if base.__module__.startswith("ganatomy") or ABC in base.__bases__}

    if not isinstance(part, type):
        return []
    classes = [(name, there) for name, there in parts.items() if isinstance(there, type)]
    return [n for n, there in classes if kinds(there) & kinds(part) and setting in declared_settings(there)]


@cache
def handed_over(part: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a part's positional parameters, which `Spec.build` is given."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in inspect.signature(part).parameters.values() if p.kind in kinds)


def as_spec(value: Any) -> Any:
    """The Spec that builds a registered dataclass instance, also within tuples; other values as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Spec)) and type(value).__name__ in parts:
        fields = {name: getattr(value, name) for name in declared_settings(type(value))}
        return Spec(type(value), **fields)
    if isinstance(value, (tuple, list)):
        return tuple(as_spec(item) for item in value)
    return value


def built(value: Any) -> Any:
    """A Spec's object, also within tuples; other values as they are."""
    if isinstance(value, Spec):
        return value.build()
    if isinstance(value, tuple):
        return tuple(built(item) for item in value)
    return value


def checked_value(where: str, annotation: Any, value: Any) -> Any:
    """The value converted to its annotation. Raises GanatomyError, whose text begins with `where`."""
    value = as_spec(from_plain(value))
    kinds = alternatives(annotation)
    if value is None and type(None) in kinds:
        return None
    fitting = fitting_parts(annotation)
    if isinstance(value, Spec):
        if value.part not in fitting and not admits_anything(annotation):
            options = ", ".join(p.__name__ for p in fitting)
            raise GanatomyError(
                f"{where}: {value.name} does not belong here. "
                + (f"What does: {options}." if options else "It takes no part.")
            )
        return (value,) if takes_tuples(annotation) and fitting else value
    if isinstance(value, tuple) and (fitting or any(isinstance(item, Spec) for item in value)):
        element = next((a for a in typing.get_args(annotation) if a is not Ellipsis), Any)
        return tuple(checked_value(where, element, item) for item in value)
    if isinstance(value, str):
        named = next((p for p in fitting if p.__name__.lower() == value.lower()), None)
        if named is not None:
            return (Spec(named),) if takes_tuples(annotation) else Spec(named)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        raise GanatomyError(f"{where}: {unregistered(type(value).__name__)}")
    problem: str | None = None
    if fitting:
        problem = near(str(value), [p.__name__ for p in fitting])
    elif isinstance(value, bool) and bool not in kinds and not admits_anything(annotation):
        problem = "a number is wanted, not a truth value"
    elif isinstance(value, float) and not math.isfinite(value):
        problem = "a finite number is wanted"
    if problem is None:
        try:
            return adapter(annotation).validate_python(value)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
    raise GanatomyError(f"{where}={value}: {one_line(problem)}")


class Loader(yaml.SafeLoader):
    """YAML 1.2 booleans, true and false only: in version 1.1 `on` is one, and here it is a setting."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as PyYAML has it)
        first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$", re.IGNORECASE), list("tTfF"))


def read_yaml(text: str) -> Any:
    """YAML as plain values, loaded safely.

    >>> read_yaml("{use: Consistency, on: fake, flip: true}")
    {'use': 'Consistency', 'on': 'fake', 'flip': True}
    """
    return yaml.load(text, Loader)


def parsed(where: str, annotation: Any, text: str) -> Any:
    """A setting parsed from a command line's text: as YAML or, if that does not fit the annotation, as a string."""
    readings: list[Any] = []
    if text.strip().lower() in ("none", "null", "~"):
        nothing = () if is_tuple(annotation) and type(None) not in members(annotation) else None
        readings += [nothing, text]  # normalization=none is a word, average=none and penalties=none are nothing
    else:
        listed = "," in text and not text.lstrip().startswith(("[", "{"))
        with contextlib.suppress(yaml.YAMLError):
            readings.append(read_yaml(f"[{text}]" if listed else text))
        if readings and (readings[0] is None or (isinstance(readings[0], str) and text[:1] not in ("'", '"'))):
            readings.clear()  # YAML would drop what follows a # in a path
        readings.append(text)
        if takes_tuples(annotation) and not isinstance(readings[0], list):
            wrapped = [[reading] for reading in readings]
            readings = wrapped if is_tuple(annotation) else [*readings, wrapped[0]]  # errors are of what is meant
    failure: GanatomyError | None = None
    for reading in readings:
        try:
            return checked_value(where, annotation, reading)
        except GanatomyError as error:
            failure = failure or error
    assert failure is not None
    raise GanatomyError(one_line(failure).replace(f"={from_plain(readings[0])}:", f"={text}:", 1))


def overridden(key: str, path: list[str], value: Any, text: str, annotation: Any = Any) -> Any:
    """A Spec, or a mapping or tuple of Specs, with the setting at `path` parsed from `text`; errors name `key`."""
    name, rest = path[0], path[1:]
    if isinstance(value, Spec):
        declared = declared_settings(value.part)
        if name not in declared:
            raise no_setting(value.part, name, f" (of '{key}')")
        if rest:
            return value.replace(**{name: overridden(key, rest, value.settings[name], text)})
        return value.replace(**{name: parsed(key, declared[name].annotation, text)})
    if isinstance(value, tuple) and value and all(isinstance(item, Spec) for item in value):
        names = [item.name for item in value]
        if name not in names:
            raise GanatomyError(f"No '{name}' in '{key}'. {near(name, names)}")
        if not rest:
            raise GanatomyError(f"'{key}' is a part: set one of its settings, {', '.join(value[0].settings)}.")
        place = names.index(name)
        return (*value[:place], overridden(key, rest, value[place], text), *value[place + 1 :])
    if isinstance(value, Mapping):
        if name not in value:
            raise GanatomyError(f"No '{name}' in '{key}'. {near(name, value)}")
        if rest:
            return {**value, name: overridden(key, rest, value[name], text)}
        return {**value, name: parsed(key, typing.get_args(annotation)[1], text)}
    raise GanatomyError(f"'{key}': {value!r} has no settings of its own.")


def key_and_value(assignment: str) -> tuple[str, str]:
    """The two sides of `KEY=VALUE`."""
    key, equals, text = assignment.partition("=")
    if not equals:
        raise GanatomyError(f"'{assignment}' is not KEY=VALUE, such as optimizers.D.lr=1e-4.")
    return key.strip(), text.strip()


@cache
def adapter(annotation: Any) -> TypeAdapter[Any]:
    """pydantic's validator of an annotation."""
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a dataclass brings its own configuration and refuses another
        return TypeAdapter(annotation)


def unregistered(name: str) -> str:
    """The error text for a part without the decorator."""
    return f"'{name}' is not registered: put @part above it so that a recipe file can name it."


@cache
def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation admits: members of unions and tuples, without `Annotated`."""
    origin = typing.get_origin(annotation)
    if origin in UNIONS:
        return tuple(a for member in typing.get_args(annotation) for a in alternatives(member))
    if origin is typing.Annotated:
        base, *kinds = typing.get_args(annotation)
        return tuple(kinds) if base is Spec else alternatives(base)  # Annotated[Spec, Game]: a part of the kind Game
    if origin is tuple:
        return tuple(a for one in typing.get_args(annotation) if one is not Ellipsis for a in alternatives(one))
    return (annotation,)


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone; without `Annotated`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return members(typing.get_args(annotation)[0])
    return typing.get_args(annotation) if typing.get_origin(annotation) in UNIONS else (annotation,)


def takes_tuples(annotation: Any) -> bool:
    """Whether an annotation admits tuples, so that `64` on the command line may mean `(64,)`."""
    return any(typing.get_origin(member) is tuple for member in members(annotation))


def is_tuple(annotation: Any) -> bool:
    """Whether an annotation admits nothing but tuples, or None."""
    return all(member is type(None) or typing.get_origin(member) is tuple for member in members(annotation))


def admits_anything(annotation: Any) -> bool:
    """Whether any value or any part fits an annotation."""
    kinds = alternatives(annotation)
    return Any in kinds or Spec in kinds


def fitting_parts(annotation: Any) -> list[Callable[..., Any]]:
    """The registered parts that fit an annotation; none if it does not ask for parts of some kind."""
    kinds = tuple(a for a in alternatives(annotation) if isinstance(a, type) and a.__module__ != "builtins")
    if not kinds or admits_anything(annotation):
        return []
    return [one for one in parts.values() if isinstance(one, type) and issubclass(one, kinds)]


def to_plain(value: Any) -> Any:
    """Specs, mappings and tuples as dicts and lists, which YAML and JSON can hold."""
    if isinstance(value, Spec):
        return {USE: value.name, **{name: to_plain(v) for name, v in value.settings.items()}}
    if isinstance(value, Mapping):
        return {name: to_plain(v) for name, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value


def from_plain(value: Any) -> Any:
    """The reverse of `to_plain`: a mapping that names a part becomes its Spec, a list a tuple."""
    if isinstance(value, Mapping) and not isinstance(value, Spec):
        if any(not isinstance(name, str) for name in value):
            raise GanatomyError(f"Settings have names, not numbers: {', '.join(map(str, value))}.")
        settings = {name: from_plain(v) for name, v in value.items() if name != USE}
        if not isinstance(value.get(USE, ""), str):
            raise GanatomyError(f"'{USE}' names a part by a word, not by {value[USE]}.")
        return Spec(parts[value[USE]], **settings) if USE in value else settings
    if isinstance(value, list):
        return tuple(from_plain(item) for item in value)
    return value
