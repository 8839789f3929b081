"""What changes an object in place: methods by type, functions by name, as data.

The verbs are the words of the messages ("worker 'w' *appends to* …").
"""

from __future__ import annotations

import ast

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

_ITEMS = {
    "__setitem__": "stores an item in",
    "__delitem__": "deletes an item of",
}
_STREAM = {
    "write": "writes to",
    "writelines": "writes to",
    "truncate": "truncates",
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
        "fromfile": "extends",
        "fromunicode": "extends",
        "fromstring": "extends",
    },
    "memoryview": _ITEMS,
    "ctypes": _ITEMS,
    "ndarray": {
        **_ITEMS,
        "__iadd__": "changes",
        "__isub__": "changes",
        "__imul__": "changes",
        "setfield": "stores items in",
        "fill": "fills",
        "sort": "sorts",
        "resize": "resizes",
        "put": "stores items in",
        "itemset": "stores an item in",
        "partition": "reorders",
    },
    "DataFrame": {
        **_ITEMS,
        "insert": "inserts into",
        "update": "updates",
        "pop": "removes from",
        "inplace": "changes",
    },
    "tensor": {
        **_ITEMS,
        "resize_": "resizes",
        "fill_": "fills",
        "zero_": "fills",
        "add_": "adds into",
        "index_add_": "adds into",
        "scatter_add_": "adds into",
        "copy_": "copies into",
    },
    "StringIO": _STREAM,
    "BytesIO": _STREAM,
    "iterator": {"__next__": "advances", "send": "advances"},
}
"""Mutating methods of each kind of container."""

INPLACE = "inplace"
"""The method that stands for any call with ``inplace=True``."""


def changing_verb(kind: str, method: str) -> str | None:
    """Return what a method does to an object of a kind, None where it changes nothing."""
    verb = METHODS.get(kind, {}).get(method)
    if verb is None and kind == "tensor" and method.endswith("_") and not method.endswith("__"):
        return "changes"  # torch's own rule for names
    return verb


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

_UNARY = (
    "abs", "absolute", "cbrt", "ceil", "conj", "cos", "exp", "exp2", "expm1", "fabs", "floor",
    "invert", "log", "log10", "log1p", "log2", "logical_not", "negative", "reciprocal", "rint",
    "sign", "sin", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip
_BINARY = (
    "add", "arctan2", "bitwise_and", "bitwise_or", "bitwise_xor", "divide", "equal",
    "floor_divide", "fmax", "fmin", "fmod", "greater", "hypot", "less", "logical_and",
    "logical_or", "matmul", "maximum", "minimum", "mod", "multiply", "power", "remainder",
    "subtract", "true_divide",
)  # fmt: skip
"""numpy's universal functions: the array to write into may stand after what they work on."""

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
    "operator.isub": (0, "removes from"),
    "operator.iand": (0, "removes from"),
    "operator.ixor": (0, "updates"),
    "operator.imul": (0, "changes"),
    "operator.itruediv": (0, "changes"),
    "struct.pack_into": (1, "packs into"),
    "builtins.next": (0, "advances"),
    "numpy.copyto": (0, "copies into"),
    "numpy.put": (0, "stores items in"),
    "numpy.place": (0, "stores items in"),
    "numpy.fill_diagonal": (0, "fills"),
    "numpy.putmask": (0, "stores items in"),
    "numpy.put_along_axis": (0, "stores items in"),
    "numpy.random.shuffle": (0, "shuffles"),
    "ctypes.memset": (0, "fills"),
    "ctypes.memmove": (0, "copies into"),
    "numpy.clip": (3, "writes into"),
    **{f"numpy.{name}": (1, "writes into") for name in _UNARY},
    **{f"numpy.{name}": (2, "writes into") for name in _BINARY},
    **{
        f"numpy.{name}.at": (0, "adds into" if name == "add" else "changes items of")
        for name in (
            "add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum",
            "logical_or", "logical_and", "bitwise_or", "bitwise_and", "bitwise_xor", "negative",
        )
    },
}  # fmt: skip
"""Functions that change one of their arguments: its position, and the verb."""

WRITES_TO: dict[str, tuple[int, str]] = {
    "builtins.print": (-1, "file"),
    "json.dump": (1, "fp"),
    "pickle.dump": (1, "file"),
    "marshal.dump": (1, "file"),
}
"""Functions that write to the stream that they are given: at a position, or by this name."""

WRITERS: dict[str, int] = {"csv.writer": 0, "csv.DictWriter": 0}
"""Makers of objects that write rows to the stream that they are given at a position,"""
ROW_METHODS = frozenset(("writerow", "writerows", "writeheader"))
"""and the methods that do."""

READS_INTO = frozenset(("readinto", "readinto1", "recv_into", "recvfrom_into", "recv_bytes_into"))
"""Methods that write what they read into the buffer that they are given first."""

SHUFFLERS = frozenset(
    (
        "random.Random",
        "random.SystemRandom",
        "numpy.random.default_rng",
        "numpy.random.RandomState",
        "numpy.random.Generator",
    )
)
"""Makers of generators of random numbers, whose ``shuffle`` changes its argument."""

ONLY_ITERATORS = frozenset(("builtins.next",))
"""Of those, the ones that change nothing unless the argument is an iterator."""

BUFFERS = frozenset(
    ("ndarray", "bytearray", "array", "ctypes", "memoryview", "DataFrame", "tensor")
)
"""Kinds whose elements live in one flat piece of memory."""

RESHAPES: dict[str, frozenset[str]] = {
    "ctypes": frozenset(("value", "raw", "contents")),
    "ndarray": frozenset(("T", "flat", "real", "imag", "ravel", "reshape", "view", "transpose")),
    "DataFrame": frozenset(("loc", "iloc", "at", "iat", "values", "columns", "index")),
    "tensor": frozenset(("data", "T", "view", "reshape", "squeeze", "unsqueeze")),
    "memoryview": frozenset(("cast",)),
}
"""Attributes and methods that give the same memory under another shape."""

AGAIN: dict[str, frozenset[str]] = {
    "ndarray": frozenset(("copy", "astype", "flatten", "repeat", "cumsum", "clip", "round")),
    "DataFrame": frozenset(("copy", "reset_index", "set_index", "head", "dropna", "fillna")),
    "tensor": frozenset(("clone", "float", "double", "int", "detach")),
}
"""Methods that make a new object of the same kind."""

SLICES_SHARE = frozenset(("ndarray", "tensor", "memoryview"))
"""Kinds of which an item or slice can be a view of the same memory."""

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
    "itertools.repeat": "iterator",
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
    "collections.UserDict": "dict",
    "collections.UserList": "list",
    "io.StringIO": "StringIO",
    "io.BytesIO": "BytesIO",
    "ctypes.create_string_buffer": "ctypes",
    "ctypes.create_unicode_buffer": "ctypes",
    "ctypes.Structure": "ctypes",
    "ctypes.Union": "ctypes",
    "array.array": "array",
    "types.SimpleNamespace": "object",
    "argparse.Namespace": "object",
    "builtins.object": "object",
    "pandas.DataFrame": "DataFrame",
    "pandas.Series": "DataFrame",
    **{
        f"pandas.{name}": "DataFrame"
        for name in (
            "read_csv", "read_table", "read_excel", "read_json", "read_parquet", "read_pickle",
            "read_feather", "read_sql", "read_sql_query", "concat", "merge", "get_dummies",
            "pivot_table", "DataFrame.from_dict", "DataFrame.from_records",
        )
    },
    **{
        f"torch.{name}": "tensor"
        for name in (
            "zeros", "ones", "empty", "full", "rand", "randn", "randint", "randperm", "arange",
            "linspace", "eye", "tensor", "zeros_like", "ones_like", "empty_like", "full_like",
            "rand_like", "randn_like", "FloatTensor", "LongTensor", "IntTensor",
        )
    },
    **{
        f"numpy.{name}": "ndarray"
        for name in (
            "zeros", "ones", "empty", "full", "array", "arange", "linspace",
            "zeros_like", "ones_like", "empty_like", "full_like", "eye",
            "random.rand", "random.randn", "random.randint", "random.random", "random.normal",
            "random.uniform", "random.standard_normal", "random.random_sample",
            "random.permutation", "random.poisson", "random.choice", "random.exponential",
            "identity", "diag", "tile", "repeat", "loadtxt", "genfromtxt", "fromiter", "fromstring",
            "concatenate", "stack", "vstack", "hstack", "column_stack", "geomspace", "logspace",
            "indices", "copy", "tri", "vander", "bincount", "matrix",
        )
    },
}  # fmt: skip
"""Calls that make a new mutable object, and its kind."""

ARRAY_MAKERS = frozenset(
    name.rpartition(".")[2] for name, kind in CONSTRUCTORS.items() if kind in BUFFERS
)
"""The last parts of the names of calls that make buffers."""

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

READS_ATTRIBUTES = frozenset(
    (
        "builtins.vars",
        "dataclasses.asdict",
        "dataclasses.astuple",
        "dataclasses.replace",
        "attr.asdict",
        "attrs.asdict",
        "pickle.dump",
        "pickle.dumps",
        "cloudpickle.dump",
        "cloudpickle.dumps",
        "dill.dump",
        "dill.dumps",
        "joblib.dump",
        "torch.save",
    )
)
"""Calls that read every attribute of what they are given."""

SHOWS = frozenset(
    (
        "builtins.print",
        "builtins.repr",
        "builtins.str",
        "builtins.format",
        "builtins.str.format",
        "pprint.pprint",
    )
)
"""Calls that show what they are given, all its attributes where it is a record; of containers
what is in them, too.
"""

FIELDS = frozenset(("dataclasses.field", "attr.ib", "attrs.field", "pydantic.Field"))
"""Calls in a class body that say what an attribute of each instance starts with."""

REORDERS = frozenset(("sorts", "reverses", "rotates", "shuffles", "reorders"))
"""What changes the order of items, and not how many there are."""

KEEP_THEIR_SIZE = frozenset(("list", "deque", *BUFFERS))
"""Kinds that hold as many items after one is stored as before."""

HANDS_BACK: dict[str, int] = {
    "contextlib.closing": 0,
    "typing.cast": 1,
}
"""Calls whose result stands for one of their arguments."""

RECORD_MAKERS: dict[str, str] = {
    "collections.namedtuple": "types.SimpleNamespace",
    "typing.NamedTuple": "types.SimpleNamespace",
}
"""Calls that make a class, and a class with attributes as its instances have them."""

MODULE_OBJECTS: dict[str, str] = {
    "os.environ": "dict",
    "sys.path": "list",
    "sys.argv": "list",
    "sys.modules": "dict",
}
"""Mutable attributes of library modules, and their kinds."""

MODULE_NUMBERS: dict[str, str] = {
    "math.inf": "float",
    "math.nan": "float",
    "math.pi": "float",
    "math.e": "float",
    "math.tau": "float",
    "numpy.inf": "float",
    "numpy.nan": "float",
    "numpy.pi": "float",
    "sys.maxsize": "int",
}
"""Attributes of library modules that are numbers, and their kinds."""

_TEXT = ("__str__", "__repr__")

PROTOCOL: dict[str, tuple[str, ...]] = {
    "builtins.next": ("__next__",),
    "builtins.iter": ("__iter__",),
    "builtins.len": ("__len__",),
    "builtins.str": _TEXT,
    "builtins.print": _TEXT,
    "builtins.str.format": _TEXT,
    "pprint.pprint": ("__repr__",),
    "builtins.format": ("__format__", *_TEXT),
    "builtins.repr": ("__repr__",),
    "builtins.reversed": ("__reversed__",),
    "builtins.bool": ("__bool__", "__len__"),
    "builtins.int": ("__int__", "__index__"),
    "builtins.float": ("__float__", "__index__"),
    "builtins.abs": ("__abs__",),
    "builtins.hash": ("__hash__",),
    "builtins.round": ("__round__",),
}
"""Builtins that call the first that is there of some special methods of what they get."""

PROTOCOL_OF_ITEMS: dict[str, tuple[str, ...]] = {
    "builtins.sorted": ("__lt__", "__gt__"),
    "builtins.min": ("__lt__", "__gt__"),
    "builtins.max": ("__gt__", "__lt__"),
    "builtins.sum": ("__radd__", "__add__"),
}
"""Builtins that do so with the items of what they get, unless told what to compare by."""

NAMED_RESULTS: dict[str, tuple[str, str]] = {"parse_args": ("argparse", "object")}
"""Methods that mean one thing where a module is used: that module, and the kind they make."""

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

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
}


COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"),
    ast.NotEq: ("__ne__", "__ne__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
    ast.In: ("", "__contains__"),
    ast.NotIn: ("", "__contains__"),
}
"""The special methods that a comparison calls, of its left and of its right side."""

SIGNS: dict[type[ast.unaryop], str] = {
    ast.USub: "__neg__",
    ast.UAdd: "__pos__",
    ast.Invert: "__invert__",
    ast.Not: "__bool__",
}
"""The special methods that unary operators call."""


def reflected(op: ast.operator) -> str:
    """Return the special method of the right side that an operator may call."""
    return f"__r{_OPERATORS[type(op)]}__"


def in_place(op: ast.operator) -> tuple[str, str]:
    """Return the special methods of which ``target op= value`` calls the first that is there."""
    name = _OPERATORS[type(op)]
    return f"__i{name}__", f"__{name}__"
