"""What changes an object in place: methods by type, functions by name, as data.

The verbs are the words of the messages ("worker 'w' *appends to* …").
"""

from __future__ import annotations

_LIST = {
    "append": "appends to",
    "extend": "extends",
    "insert": "inserts into",
    "remove": "removes from",
    "pop": "removes from",
    "clear": "clears",
    "sort": "sorts",
    "reverse": "reverses",
    "__setitem__": "stores an item in",
    "__delitem__": "deletes an item of",
    "__iadd__": "extends",
}
_DICT = {
    "update": "updates",
    "setdefault": "stores an item in",
    "pop": "removes from",
    "popitem": "removes from",
    "clear": "clears",
    "__setitem__": "stores an item in",
    "__delitem__": "deletes an item of",
    "__ior__": "updates",
}
_SET = {
    "add": "adds to",
    "update": "updates",
    "discard": "removes from",
    "remove": "removes from",
    "pop": "removes from",
    "clear": "clears",
    "difference_update": "removes from",
    "intersection_update": "removes from",
    "symmetric_difference_update": "updates",
    "__ior__": "updates",
    "__iand__": "removes from",
    "__isub__": "removes from",
    "__ixor__": "updates",
}
_DEQUE = {
    **_LIST,
    "appendleft": "appends to",
    "extendleft": "extends",
    "popleft": "removes from",
    "rotate": "rotates",
}

METHODS: dict[str, dict[str, str]] = {
    "list": _LIST,
    "dict": _DICT,
    "defaultdict": _DICT,
    "OrderedDict": {**_DICT, "move_to_end": "reorders"},
    "Counter": {**_DICT, "subtract": "updates"},
    "ChainMap": _DICT,
    "set": _SET,
    "deque": _DEQUE,
    "bytearray": _LIST,
    "array": {
        **_LIST,
        "byteswap": "changes",
        "frombytes": "extends",
        "fromlist": "extends",
    },
    "ndarray": {
        "fill": "fills",
        "sort": "sorts",
        "resize": "resizes",
        "put": "stores items in",
        "itemset": "stores an item in",
        "partition": "reorders",
    },
    "iterator": {"__next__": "advances", "send": "advances"},
}
"""Mutating methods of each kind of container."""

CERTAIN: dict[str, str] = {
    "append": "appends to",
    "appendleft": "appends to",
    "extend": "extends",
    "extendleft": "extends",
    "setdefault": "stores an item in",
    "popitem": "removes from",
    "popleft": "removes from",
}
"""Names that can mean nothing but a change, whatever the type."""

FUNCTIONS: dict[str, tuple[int, str]] = {
    "heapq.heappush": (0, "pushes onto"),
    "heapq.heappop": (0, "removes from"),
    "heapq.heapify": (0, "reorders"),
    "heapq.heapreplace": (0, "replaces an item of"),
    "heapq.heappushpop": (0, "replaces an item of"),
    "bisect.insort": (0, "inserts into"),
    "bisect.insort_left": (0, "inserts into"),
    "bisect.insort_right": (0, "inserts into"),
    "random.shuffle": (0, "shuffles"),
    "operator.setitem": (0, "stores an item in"),
    "operator.delitem": (0, "deletes an item of"),
    "operator.iadd": (0, "extends"),
    "operator.ior": (0, "updates"),
    "operator.iconcat": (0, "extends"),
    "builtins.next": (0, "advances"),
    "numpy.add.at": (0, "adds into"),
    "numpy.copyto": (0, "copies into"),
    "numpy.put": (0, "stores items in"),
    "numpy.place": (0, "stores items in"),
    "numpy.fill_diagonal": (0, "fills"),
    "numpy.random.shuffle": (0, "shuffles"),
}
"""Functions that change one of their arguments: its position, and the verb."""

ONLY_ITERATORS = frozenset(("builtins.next",))
"""Of those, the ones that change nothing unless the argument is an iterator."""

BUFFERS = frozenset(("ndarray", "bytearray", "array", "ctypes", "memoryview", "DataFrame"))
"""Kinds whose elements live in one flat piece of memory."""

CONTAINERS = frozenset((*METHODS, *BUFFERS))
"""Kinds that can be changed in place."""

CONSTRUCTORS: dict[str, str] = {
    "builtins.list": "list",
    "builtins.sorted": "list",
    "builtins.dict": "dict",
    "builtins.set": "set",
    "builtins.bytearray": "bytearray",
    "builtins.memoryview": "memoryview",
    "builtins.iter": "iterator",
    "builtins.enumerate": "iterator",
    "builtins.zip": "iterator",
    "builtins.map": "iterator",
    "builtins.filter": "iterator",
    "builtins.reversed": "iterator",
    "itertools.count": "iterator",
    "itertools.cycle": "iterator",
    "itertools.chain": "iterator",
    "itertools.chain.from_iterable": "iterator",
    "itertools.islice": "iterator",
    "itertools.starmap": "iterator",
    "collections.deque": "deque",
    "collections.defaultdict": "defaultdict",
    "collections.OrderedDict": "OrderedDict",
    "collections.OrderedDict.fromkeys": "OrderedDict",
    "builtins.dict.fromkeys": "dict",
    "collections.Counter": "Counter",
    "collections.ChainMap": "ChainMap",
    "array.array": "array",
    "types.SimpleNamespace": "object",
    "argparse.Namespace": "object",
    "builtins.object": "object",
    "pandas.DataFrame": "DataFrame",
    "pandas.Series": "DataFrame",
    **{
        f"numpy.{name}": "ndarray"
        for name in (
            "zeros", "ones", "empty", "full", "array", "arange", "linspace",
            "zeros_like", "ones_like", "empty_like", "full_like", "eye",
            "random.rand", "random.randn", "random.randint", "random.random", "random.normal",
        )
    },
}  # fmt: skip
"""Calls that make a new mutable object, and its kind."""

SCALARS: dict[str, str] = {
    "builtins.int": "int",
    "builtins.len": "int",
    "builtins.id": "int",
    "builtins.hash": "int",
    "builtins.ord": "int",
    "builtins.float": "float",
    "builtins.bool": "bool",
    "builtins.isinstance": "bool",
    "builtins.any": "bool",
    "builtins.all": "bool",
    "builtins.str": "str",
    "builtins.repr": "str",
    "builtins.bytes": "bytes",
    "builtins.tuple": "tuple",
    "builtins.frozenset": "frozenset",
    "builtins.range": "range",
    "time.time": "float",
    "time.perf_counter": "float",
    "time.monotonic": "float",
    "os.getpid": "int",
}
"""Calls that make an immutable plain value, and its kind."""

ITERATES: dict[str, int] = {
    "builtins.list": 0,
    "builtins.tuple": 0,
    "builtins.set": 0,
    "builtins.sorted": 0,
    "builtins.reversed": 0,
    "builtins.iter": 0,
    "builtins.filter": 1,
    "collections.deque": 0,
    "itertools.chain": 0,
    "itertools.cycle": 0,
    "itertools.islice": 0,
    "concurrent.futures.as_completed": 0,
    "tqdm.tqdm": 0,
    "tqdm.auto.tqdm": 0,
    "tqdm.trange": 0,
}
"""Calls whose result gives the elements of one of their arguments."""

FIELDS = frozenset(("dataclasses.field", "attr.ib", "attrs.field", "pydantic.Field"))
"""Calls in a class body that say what an attribute of each instance starts with."""

HANDS_BACK: dict[str, int] = {
    "contextlib.closing": 0,
    "typing.cast": 1,
}
"""Calls whose result stands for one of their arguments."""

MODULE_OBJECTS: dict[str, str] = {"os.environ": "dict", "sys.path": "list", "sys.modules": "dict"}
"""Mutable attributes of library modules, and their kinds."""

CALLS_BACK: dict[str, tuple[int, ...]] = {
    "builtins.map": (0,),
    "builtins.filter": (0,),
    "functools.reduce": (0,),
    "itertools.starmap": (0,),
    "builtins.sorted": (),
    "builtins.min": (),
    "builtins.max": (),
}
"""Calls that run a callable among their arguments here and now (``key=`` too)."""
