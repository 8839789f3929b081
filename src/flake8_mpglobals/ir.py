"""The intermediate form of one module: what its functions load, store and call.

Lowering (:mod:`flake8_mpglobals.lower`) turns a tree into these values once;
every later stage works on them.  A *value* is a symbolic answer to "what can
this expression be": it names where the object comes from (a global, a
parameter, an item of another value, the result of a call) without deciding yet
what that is.  Deciding is the evaluator's work.

Values compare by content; modules, functions, classes, calls and displays
compare by identity.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal

from flake8_mpglobals.records import field, frozen, mutable
from flake8_mpglobals.source import Source

MOST_SURPLUS = 6
"""How many items of ``*args`` are told apart."""

MAX_DEPTH = 8
"""Access paths longer than this are unknown: a bound on every later walk."""

MAX_VALUES = 24
"""An expression that can be more things than this is unknown."""


@frozen(packed=True)
class Unknown:
    """Anything: nothing is concluded from it."""


@frozen(packed=True)
class Scalar:
    """A constant or other immutable plain value; ``kind`` is its type's name."""

    kind: str


@frozen(packed=True)
class Imported:
    """What a dotted name means outside this module (``builtins.`` for builtins)."""

    name: str


@frozen(packed=True)
class ModuleValue:
    """A module of the project, known by its file; ``path`` is empty for a namespace package.

    ``importer``, ``name`` and ``level`` say which import means it, where no file does.
    """

    path: str
    name: str
    importer: str = ""
    level: int = 0


@frozen(packed=True)
class FunctionValue:
    """A function or lambda of a project module, not bound to anything."""

    function: Function


@frozen(packed=True)
class ClassValue:
    """A class of a project module."""

    cls: Class


@frozen(packed=True)
class Fresh:
    """The object that a display or comprehension makes each time it runs."""

    display: Display


@frozen(packed=True)
class Global:
    """Whatever a module global holds."""

    module: Module
    name: str


@frozen(packed=True)
class Seen:
    """A module global as the module body sees it at one point: the bindings that reach it."""

    place: Global
    slot: Slot


@frozen(packed=True)
class Cell:
    """Whatever a function's variable holds when a nested function looks at it."""

    function: Function
    name: str


@frozen(packed=True)
class Phi:
    """A local that a loop body changes: what it held before, or after an earlier round."""

    slot: Slot


Index = int | str
"""A parameter, by its position (``self`` is 0), or what a call passes besides: a keyword that
goes into ``**kwargs``, or ``*1`` for the item 1 of ``*args``.
"""


@frozen(packed=True)
class Param:
    """What a caller passes for parameter ``index``."""

    function: Function
    index: Index

    @property
    def name(self) -> str:
        """What the function calls it."""
        if isinstance(self.index, int):
            return self.function.params[self.index]
        kind, key = ("*", self.index[1:]) if self.index.startswith("*") else ("**", self.index)
        index = self.function.vararg if kind == "*" else self.function.kwarg
        return f"{self.function.params[index]}[{key if kind == '*' else repr(key)}]"


@frozen(packed=True)
class Attr:
    """An attribute of another value."""

    base: Value
    name: str


@frozen(packed=True)
class Item:
    """An item of another value; ``key`` is the constant it was asked by, or None."""

    base: Value
    key: str | int | None = None


@frozen(packed=True)
class Element:
    """What iterating over another value gives."""

    base: Value


@frozen(packed=True)
class Entered:
    """What ``with value as name`` binds."""

    base: Value


@frozen(packed=True)
class Copied:
    """A new object of the same type with the same elements (``x[1:]``)."""

    base: Value


@frozen(packed=True)
class Result:
    """What a call returns."""

    call: Call


@frozen(packed=True)
class SuperOf:
    """``super()`` inside a method of ``cls``, bound to parameter 0 of ``function``."""

    cls: Class
    function: Function


@frozen(packed=True)
class Instance:
    """Some instance of a class that an annotation names (a value of the reader's word);
    ``holds`` stands for what it says that a container holds.
    """

    of: Value
    holds: Display | None = None


@frozen(packed=True)
class Handed:
    """The worker's copy of ``base``, a place of the parent: what came with ``param``."""

    param: Param
    base: Value


Value = (
    Unknown
    | Scalar
    | Imported
    | ModuleValue
    | FunctionValue
    | ClassValue
    | Fresh
    | Global
    | Seen
    | Cell
    | Phi
    | Param
    | Attr
    | Item
    | Element
    | Entered
    | Copied
    | Result
    | SuperOf
    | Instance
    | Handed
)
Values = frozenset[Value]
Guards = frozenset[Global | Param]
"""The globals and parameters that the tests around an event look at."""

UNKNOWN = Unknown()
NOTHING: Values = frozenset()
ANYTHING: Values = frozenset((UNKNOWN,))

OPERATOR = "operator"
"""The kind of the display that stands for what an operator makes of arrays, its elements."""


@mutable(eq=False)
class Slot:
    """The values that reach one point; that of a loop is filled once its body is lowered."""

    values: Values = NOTHING


@mutable(eq=False)
class Display:
    """One list, tuple, set or dict display, or a comprehension, with what it holds.

    ``whole``: ``items`` are all that it holds when it is made.
    """

    kind: str
    elements: set[Value] = field(default_factory=set)
    items: dict[str | int, Values] = field(default_factory=dict)
    whole: bool = False


StoreHow = Literal[
    "bind",
    "augment",
    "inplace",
    "unbind",
    "item",
    "augment item",
    "del item",
    "attr",
    "augment attr",
    "del attr",
]


@frozen(eq=False)
class Load:
    """A read.  ``direct``: the global's own name stands there, not an alias.

    ``argument``: it stands alone as an argument of the next call of the block,
    which decides what is done with it.  ``shallow``: a loop goes over it, and what that
    does with the items is seen on its own.
    """

    values: Values
    node: ast.AST
    direct: bool
    argument: bool
    guards: Guards
    shallow: bool = False


@frozen(eq=False)
class Store:
    """A write: ``bind``/``augment``/``unbind`` on the variable itself, else on what it holds.

    ``inplace`` is an augmented assignment to a local name for the object.
    ``targets`` are the variables or the objects written into, ``key`` the
    attribute or constant item key, ``values`` what is stored, ``guards`` what the
    tests around this statement look at.
    """

    how: StoreHow
    targets: Values
    key: str | int | None
    values: Values
    node: ast.AST
    guards: Guards
    function: Function


@mutable(eq=False)
class Call:
    """A call: what is called, with which values, and whether the result is used.

    ``node`` is the call; for special methods that a statement implies
    (``__enter__``), the expression whose value they are called on.

    ``children`` are the blocks that a child process runs after this call (``os.fork``).
    ``args`` holds one entry per positional argument (``starred`` the index of the
    first ``*args``, or -1), ``keywords`` the named ones, ``rest`` what ``**kwargs``
    passes.
    """

    node: ast.expr
    function: Function
    callee: Values
    args: tuple[Values, ...]
    keywords: dict[str, Values]
    starred: int
    rest: Values
    guards: Guards
    used: bool = True
    children: list[Function] = field(default_factory=list)


@frozen(eq=False)
class Exit:
    """Control leaves here: ``return``, ``raise``, ``break``, ``continue``."""

    how: Literal["return", "raise", "break", "continue"]


@frozen(eq=False)
class Branch:
    """One of several blocks runs."""

    blocks: tuple[Block, ...]


@frozen(eq=False)
class Loop:
    """A block runs any number of times, also not at all."""

    body: Block


@frozen(eq=False)
class Try:
    """``body`` may stop anywhere and go on in one of ``handlers``; ``final`` always runs."""

    body: Block
    handlers: tuple[Block, ...]
    orelse: Block
    final: Block


@frozen(eq=False)
class Make:
    """A display makes its object here."""

    display: Display


Event = Load | Store | Call | Exit | Branch | Loop | Try | Make
Block = list[Event]


@mutable(eq=False)
class Function:
    """One function, lambda or module body (``node`` is then the module).

    A function with a ``block`` is a part of another that only a forked child runs: it
    begins at that statement, and shares the names of its ``outer``.

    ``params`` are the parameter names in order (positional, ``*args``,
    keyword-only, ``**kwargs``), with ``vararg``/``kwarg`` the indices of the
    starred ones or -1, and ``positional`` the number of positional ones.
    """

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module
    name: str
    qualname: str
    cls: Class | None = None
    outer: Function | None = None
    params: tuple[str, ...] = ()
    positional: int = 0
    vararg: int = -1
    kwarg: int = -1
    defaults: dict[Index, Values] = field(default_factory=dict)
    annotations: dict[Index, Values] = field(default_factory=dict)
    decorators: tuple[Values, ...] = ()
    static: bool = False
    classmethod: bool = False
    is_property: bool = False
    context_manager: bool = False
    kept: bool = False
    body: Block = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    returns: set[Value] = field(default_factory=set)
    yields: set[Value] = field(default_factory=set)
    cells: dict[str, set[Value]] = field(default_factory=dict)
    block: ast.stmt | None = None

    @property
    def is_module(self) -> bool:
        """Whether this is the body of the module."""
        return isinstance(self.node, ast.Module) and self.block is None

    @property
    def start(self) -> ast.AST:
        """The node at which it begins."""
        return self.node if self.block is None else self.block

    @property
    def has_self(self) -> bool:
        """Whether parameter 0 is the instance or the class."""
        return self.cls is not None and not self.static and bool(self.params)


Contents = dict[str, dict[str | int | None, set[Value]]]
"""What is put into containers: by the container's name, and by constant key (None: any)."""


def put_in(contents: Contents, name: str, key: str | int | None, values: Values) -> None:
    """Note that ``values`` are put into the container ``name``."""
    contents.setdefault(name, {}).setdefault(key, set()).update(values)


def held_in(contents: Contents, name: str, key: str | int | None) -> Iterator[Value]:
    """Yield what can be found under ``key`` (None: anywhere) in the container ``name``."""
    for known, values in contents.get(name, {}).items():
        if key is None or known is None or known == key:
            yield from values


@mutable(eq=False)
class Class:
    """One class: its bases, its methods, what its attributes can be and can contain.

    ``setters`` are the methods that storing a property calls.  ``record``: annotated names
    of its body, ``fields``, are attributes of its instances, which its ``repr`` shows.
    ``metaclass`` is what its definition names as such.
    """

    module: Module
    node: ast.ClassDef
    name: str
    qualname: str
    bases: tuple[Values, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    setters: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, set[Value]] = field(default_factory=dict)
    self_attributes: dict[str, set[Value]] = field(default_factory=dict)
    contents: Contents = field(default_factory=dict)
    decorators: tuple[Values, ...] = ()
    record: bool = False
    fields: list[str] = field(default_factory=list)
    metaclass: Values = NOTHING


@mutable(eq=False)
class Module:
    """One lowered module.

    ``stores`` are all values that each global is given, ``contents`` what is put into
    the containers that globals hold, ``annotated`` what annotations promise,
    ``star_imports`` the library modules of ``from m import *``, ``star_modules`` those
    of the project, and ``imported`` the library modules of ``import m``, which are
    known to be modules; ``bound`` are the globals that an assignment, a definition or
    an import binds.
    """

    source: Source
    tree: ast.Module
    name: str
    body: Function = field(init=False)
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    stores: dict[str, set[Value]] = field(default_factory=dict)
    contents: Contents = field(default_factory=dict)
    annotated: dict[str, Values] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    star_modules: list[ModuleValue] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)


def attr(bases: Values, name: str) -> Values:
    """Return the attribute ``name`` of each of ``bases``."""
    return frozenset(
        UNKNOWN if isinstance(base, Unknown) or depth_of(base) >= MAX_DEPTH else Attr(base, name)
        for base in bases
    )


def item(bases: Values, key: str | int | None = None) -> Values:
    """Return an item of each of ``bases``."""
    return frozenset(
        UNKNOWN
        if isinstance(base, Unknown) or depth_of(base) >= MAX_DEPTH
        else _surplus(base, key) or Item(base, key)
        for base in bases
    )


def _surplus(base: Value, key: str | int | None) -> Param | None:
    """Return the one thing that an item of ``*args`` or ``**kwargs`` is."""
    if not isinstance(base, Param):
        return None
    function = base.function
    if base.index == function.vararg and isinstance(key, int) and 0 <= key < MOST_SURPLUS:
        return Param(function, f"*{key}")
    if base.index == function.kwarg and isinstance(key, str):
        return Param(function, key)
    return None


def surplus_of(param: Param) -> Param | None:
    """Return the ``*args`` or ``**kwargs`` that ``param`` is an item of, if it is one."""
    if isinstance(param.index, int):
        return None
    function = param.function
    return Param(function, function.vararg if param.index.startswith("*") else function.kwarg)


def element(bases: Values) -> Values:
    """Return what iterating over each of ``bases`` gives."""
    return frozenset(
        UNKNOWN if isinstance(base, Unknown) or depth_of(base) >= MAX_DEPTH else Element(base)
        for base in bases
    )


def entered(bases: Values) -> Values:
    """Return what a ``with`` statement binds for each of ``bases``."""
    return frozenset(base if isinstance(base, Unknown) else Entered(base) for base in bases)


def union(*sets: Values) -> Values:
    """Join values; too many of them are unknown."""
    joined = frozenset().union(*sets)
    return joined if len(joined) <= MAX_VALUES else ANYTHING


def depth_of(value: Value) -> int:
    """Return the length of the access path of ``value``."""
    depth = 0
    while type(value) in _PATHS:
        value = value.base  # type: ignore[union-attr]
        depth += 1
    return depth


def global_of(value: Value) -> Global | None:
    """Return the global that a bare name stands for, if it is one."""
    if isinstance(value, Seen):
        return value.place
    return value if isinstance(value, Global) else None


def anchor(place: Value) -> Value:
    """Return the state that a place is part of.

    That is a module global, an attribute of a class or of an imported module, or
    else whatever the access path starts from (a parameter).
    """
    walk = place
    while isinstance(walk, Attr | Item | Element | Entered | Copied):
        if isinstance(walk, Attr) and isinstance(walk.base, ClassValue | Imported):
            return walk
        walk = walk.base
    return walk


def is_state(value: Value) -> bool:
    """Whether an anchor is state that outlives the function that uses it: what all
    functions of a process have in common, a variable of an enclosing function, or what
    a worker was handed.
    """
    return isinstance(value, Global | Attr | Cell | Handed)


def unhand(place: Value) -> Value:
    """Return the place of the parent of which ``place`` is the worker's copy, or ``place``."""
    if isinstance(place, Handed):
        return place.base
    if isinstance(place, Attr):
        return Attr(unhand(place.base), place.name)
    if isinstance(place, Item):
        return Item(unhand(place.base), place.key)
    if isinstance(place, Element):
        return Element(unhand(place.base))
    return place


def state_name(state: Value) -> str:
    """Return what people call a piece of state: ``name``, ``Class.name``, ``module.name``."""
    if isinstance(state, Handed):
        return state.param.name
    if isinstance(state, Cell):
        return state.name
    if isinstance(state, Attr) and isinstance(state.base, ClassValue):
        return f"{state.base.cls.qualname}.{state.name}"
    if isinstance(state, Attr) and isinstance(state.base, Imported):
        return f"{state.base.name}.{state.name}"
    return state.name if isinstance(state, Global) else ""


def once(name: str) -> str:
    """Return what the global is called that stands for the one object that calling ``name``
    gives, whenever that is: no other global has such a name.
    """
    return f"{name}()"


def is_receiver(value: Value) -> bool:
    """Whether a value is the object, or the class, of which a method is called."""
    return isinstance(value, Param) and value.index == 0 and value.function.has_self


def is_once(place: Value) -> bool:
    """Whether a place is the one object that a call gives, whenever that is."""
    return isinstance(place, Global) and place.name.endswith("()")


def root(value: Value) -> Value:
    """Return the value at which the access path of ``value`` starts."""
    while type(value) in _PATHS:
        value = value.base  # type: ignore[union-attr]
    return value


_PATHS = frozenset((Attr, Item, Element, Entered, Copied))
"""Values that are part of another one: in a set, since this is asked all the time."""


def take_apart(module: Module) -> None:
    """Empty a module that nobody looks at any longer.

    Its functions, classes and values name one another; without those cycles it is freed
    at once, and not when the collector comes by.  What the values of a loop still hold
    then is little.
    """
    module.tree = nothing = ast.Module([], [])
    for function in (module.body, *module.functions):
        for held in (
            function.body,
            function.calls,
            function.stores,
            function.loads,
            function.returns,
            function.yields,
            function.cells,
            function.defaults,
            function.annotations,
        ):
            held.clear()
        function.decorators = ()
        function.cls = function.outer = function.block = None
        function.node = nothing
    for cls in module.classes:
        for kept in (
            cls.methods,
            cls.setters,
            cls.attributes,
            cls.self_attributes,
            cls.contents,
        ):
            kept.clear()
        cls.bases = cls.decorators = ()
        cls.metaclass = NOTHING
    for each in (module.stores, module.contents, module.annotated):
        each.clear()
    module.functions.clear()
    module.classes.clear()
