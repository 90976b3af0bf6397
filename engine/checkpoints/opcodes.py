"""A pickle reader that cannot run anything: our own interpreter of the opcodes that weight files use.

Containers become plain lists, dicts, sets and tuples. A global becomes a `Global`, which is a pair of
strings; calling one looks the exact pair up in a table of inert factories (`engine.checkpoints.allowed`).
Every length is checked against the bytes that are left before anything is allocated. Opcodes that no known
weight file uses are refused, so there is no second meaning for a scanner or another reader to disagree on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.checkpoints.graph import MAX_DEPTH, TOO_COMPLEX, check_graph
from engine.checkpoints.records import Budget, Global
from engine.errors import CorruptModelError, ModelError, UnsafeModelError, UnsupportedModelError

MAX_STACK = 100_000
MAX_INT_BYTES = 64
MAX_NAME_CHARS = 256
INLINE_BYTES = 4_096

CODE_HINT = "Weight files hold numbers only. Get the model from a source that you trust."


@dataclass(slots=True)
class PickleContext:
    """What the interpreter may turn to.

    Attributes:
        call: Makes a record of ``callable(*args)``; refuses what is not in the table.
        construct: The same for ``cls.__new__(cls, *args)``.
        admit: Refuses a global that is in no table.
        build: Gives an object its state.
        persistent: Resolves a persistent id (a storage in a torch file); ``None`` refuses them.
        load_storage: Reads a torch stream nested in a bytes object; ``None`` refuses nesting.
    """

    budget: Budget
    admit: Callable[[Global], None]
    call: Callable[[PickleContext, Global, tuple[Any, ...]], Any]
    construct: Callable[[PickleContext, Global, tuple[Any, ...]], Any]
    build: Callable[[PickleContext, Any, Any], None]
    persistent: Callable[[Any], Any] | None = None
    load_storage: Callable[[memoryview], Any] | None = None


def incomplete(needed: int, size: int) -> CorruptModelError:
    """The error for a file that ends too early."""
    return CorruptModelError(
        f"The file is incomplete: it ends at byte {size:,}, where {needed:,} or more are needed.",
        "Download or copy it again.",
    )


def read_pickle(data: memoryview, start: int, context: PickleContext) -> tuple[Any, int]:
    """Interpret one pickle.

    Args:
        data: The file, or a bytes object nested in it.
        start: Where the pickle begins.

    Returns:
        The value, of inert records and plain containers without cycles, and the position after STOP.

    Raises:
        UnsafeModelError: it asks for code. UnsupportedModelError: an opcode no weight file uses.
        CorruptModelError: it is malformed or incomplete.
    """
    machine = _Machine(data, start, context)
    value = machine.run()
    check_graph(value)
    return value, machine.pos


@dataclass(slots=True)
class _Machine:
    data: memoryview
    pos: int
    context: PickleContext
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    protocol: int = 0
    frame_end: int = -1
    start: int = -1

    def run(self) -> Any:
        self.start = self.pos
        data, size, budget = self.data, len(self.data), self.context.budget
        while True:
            if self.pos >= size:
                raise incomplete(size + 1, size)
            budget.opcodes -= 1
            if budget.opcodes < 0 or len(self.stack) > MAX_STACK:
                raise CorruptModelError(TOO_COMPLEX)
            op = data[self.pos]
            self.pos += 1
            if op == _STOP:
                return self._finish()
            handler = _HANDLERS[op]
            if handler is None:
                raise self._refusal(op)
            handler(self)
            if self.frame_end >= 0:
                self._check_frame()

    def _finish(self) -> Any:
        if self.frame_end >= 0 and self.pos != self.frame_end:
            raise CorruptModelError("The pickle in the file stops inside one of its frames.")
        if len(self.stack) != 1 or self.marks:
            raise CorruptModelError("The pickle in the file stops halfway.")
        return self.stack[0]

    def _check_frame(self) -> None:
        if self.pos > self.frame_end:
            raise CorruptModelError("A frame in the pickle does not end where it says.")
        if self.pos == self.frame_end:
            self.frame_end = -1

    def _refusal(self, op: int) -> ModelError:
        if op in _CODE_OPCODES:
            what = f"The file asks to run program code (operation {_CODE_OPCODES[op]}). It was not opened."
            return UnsafeModelError(what, CODE_HINT)
        if op in _TEXT_OPCODES:
            return UnsupportedModelError(
                "The file is a text pickle (protocol 0 or 1); no known model is stored like that."
            )
        where = f"at byte {self.pos - 1:,}"
        return CorruptModelError(f"The pickle has an operation 0x{op:02x} {where} that no model file uses.")

    # --- primitives -------------------------------------------------------------------------------------

    def take(self, count: int) -> memoryview:
        """The next bytes, as a slice of the file."""
        end = self.pos + count
        if end > len(self.data):
            raise incomplete(end, len(self.data))
        piece = self.data[self.pos : end]
        self.pos = end
        return piece

    def unsigned(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def line(self) -> str:
        """Text up to a newline, as in the GLOBAL opcode."""
        window = bytes(self.data[self.pos : self.pos + MAX_NAME_CHARS + 1])
        length = window.find(b"\n")
        if length < 0:
            raise CorruptModelError("A name in the pickle is too long or has no end.")
        self.pos += length + 1
        return _text(window[:length])

    def pop(self) -> Any:
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor:
            raise CorruptModelError("The pickle takes something from an empty stack.")
        return self.stack.pop()

    def top(self) -> Any:
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor:
            raise CorruptModelError("The pickle takes something from an empty stack.")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise CorruptModelError("The pickle looks for a mark that was never set.")
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def remember(self, index: int) -> None:
        if index > len(self.memo) + 1:
            raise CorruptModelError(f"The pickle remembers value {index:,} after only {len(self.memo):,} others.")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise CorruptModelError(f"The pickle recalls value {index:,}, which it never stored.")
        self.stack.append(self.memo[index])


def _text(raw: bytes | memoryview) -> str:
    try:
        return str(raw, "utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise CorruptModelError("A text in the pickle is not UTF-8.") from None


def _check_key(key: Any) -> None:
    """Keys must hash cheaply and by value: a nested tuple of itself would hash for ever."""
    plain = (str, int, float, bool, bytes, type(None), Global)
    if isinstance(key, plain):
        return
    if type(key) is tuple and len(key) <= 16 and all(isinstance(part, plain) for part in key):
        return
    raise CorruptModelError("The pickle uses something as a name that is neither text nor number.")


# --- opcodes ------------------------------------------------------------------------------------------------


def _proto(m: _Machine) -> None:
    at_start = m.pos - 1 == m.start
    m.protocol = m.unsigned(1)
    if not at_start:
        raise CorruptModelError("The pickle declares its protocol in the middle.")
    if not 2 <= m.protocol <= 5:
        raise UnsupportedModelError(f"The file uses pickle protocol {m.protocol}; Graft reads 2 to 5.")


def _frame(m: _Machine) -> None:
    length = m.unsigned(8)
    if m.protocol < 4 or m.frame_end >= 0:
        raise CorruptModelError("The pickle has a frame where none may be.")
    if m.pos + length > len(m.data):
        raise incomplete(m.pos + length, len(m.data))
    m.frame_end = m.pos + length


def _mark(m: _Machine) -> None:
    if len(m.marks) >= MAX_DEPTH:
        raise CorruptModelError(TOO_COMPLEX)
    m.marks.append(len(m.stack))


def _constant(value: Any) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(value)


def _fresh(kind: Callable[[], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(kind())


def _string(width: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(_text(m.take(m.unsigned(width))))


def _python2_string(width: int) -> Callable[[_Machine], None]:
    """Bytes that a Python 2 program called text; NVIDIA's loaders read them as latin-1."""
    return lambda m: m.stack.append(str(m.take(m.unsigned(width)), "latin-1"))


def _bytes(width: int) -> Callable[[_Machine], None]:
    def push(m: _Machine) -> None:
        piece = m.take(m.unsigned(width))
        m.stack.append(bytes(piece) if len(piece) <= INLINE_BYTES else piece)

    return push


def _int(width: int, *, signed: bool) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(int.from_bytes(m.take(width), "little", signed=signed))


def _long(width: int) -> Callable[[_Machine], None]:
    def push(m: _Machine) -> None:
        length = m.unsigned(width)
        if length > MAX_INT_BYTES:
            raise CorruptModelError(f"The pickle holds a whole number of {length:,} bytes.")
        m.stack.append(int.from_bytes(m.take(length), "little", signed=True))

    return push


def _float(m: _Machine) -> None:
    m.stack.append(struct.unpack(">d", m.take(8))[0])


def _tuple_of(count: int) -> Callable[[_Machine], None]:
    def push(m: _Machine) -> None:
        items = [m.pop() for _ in range(count)]
        m.stack.append(tuple(reversed(items)))

    return push


def _tuple(m: _Machine) -> None:
    m.stack.append(tuple(m.pop_to_mark()))


def _append(m: _Machine) -> None:
    item = m.pop()
    _expect(m.top(), list).append(item)


def _appends(m: _Machine) -> None:
    items = m.pop_to_mark()
    _expect(m.top(), list).extend(items)


def _setitem(m: _Machine) -> None:
    value, key = m.pop(), m.pop()
    _check_key(key)
    _expect(m.top(), dict)[key] = value


def _setitems(m: _Machine) -> None:
    items = m.pop_to_mark()
    target = _expect(m.top(), dict)
    if len(items) % 2:
        raise CorruptModelError("The pickle gives a name without a value.")
    for key, value in zip(items[::2], items[1::2], strict=True):
        _check_key(key)
        target[key] = value


def _additems(m: _Machine) -> None:
    items = m.pop_to_mark()
    for item in items:
        _check_key(item)
    _expect(m.top(), set).update(items)


def _expect(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise UnsafeModelError(f"The pickle fills something that is not a {kind.__name__}.", CODE_HINT)
    return value


def _put(width: int) -> Callable[[_Machine], None]:
    return lambda m: m.remember(m.unsigned(width))


def _memoize(m: _Machine) -> None:
    m.remember(len(m.memo))


def _get(width: int) -> Callable[[_Machine], None]:
    return lambda m: m.recall(m.unsigned(width))


def _admit(m: _Machine, module: str, name: str) -> None:
    token = Global(module[:MAX_NAME_CHARS], name[:MAX_NAME_CHARS])
    if "." in name:
        raise UnsafeModelError(f"The file asks for program code by the path {token}. It was not opened.", CODE_HINT)
    m.context.admit(token)
    m.stack.append(token)


def _global(m: _Machine) -> None:
    module = m.line()
    _admit(m, module, m.line())


def _stack_global(m: _Machine) -> None:
    name, module = m.pop(), m.pop()
    if type(name) is not str or type(module) is not str:
        raise UnsafeModelError("The file names program code with something that is not text.", CODE_HINT)
    _admit(m, module, name)


def _callee(m: _Machine) -> tuple[Global, tuple[Any, ...]]:
    args, function = m.pop(), m.pop()
    if type(function) is not Global or type(args) is not tuple:
        raise UnsafeModelError("The file calls something that is not a known name. It was not opened.", CODE_HINT)
    return function, args


def _reduce(m: _Machine) -> None:
    function, args = _callee(m)
    m.stack.append(m.context.call(m.context, function, args))


def _newobj(m: _Machine) -> None:
    kind, args = _callee(m)
    m.stack.append(m.context.construct(m.context, kind, args))


def _build(m: _Machine) -> None:
    state = m.pop()
    m.context.build(m.context, m.top(), state)


def _binpersid(m: _Machine) -> None:
    if m.context.persistent is None:
        raise UnsafeModelError("The file refers to an object outside itself. It was not opened.", CODE_HINT)
    m.stack.append(m.context.persistent(m.pop()))


_STOP = ord(".")
_HANDLERS: list[Callable[[_Machine], None] | None] = [None] * 256
for _code, _handler in {
    0x80: _proto,
    0x95: _frame,
    ord("("): _mark,
    ord("}"): _fresh(dict),
    ord("]"): _fresh(list),
    0x8F: _fresh(set),
    ord(")"): _constant(()),
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    0x8C: _string(1),
    ord("X"): _string(4),
    0x8D: _string(8),
    ord("U"): _python2_string(1),
    ord("T"): _python2_string(4),
    ord("C"): _bytes(1),
    ord("B"): _bytes(4),
    0x8E: _bytes(8),
    0x96: _bytes(8),  # a bytearray: protocol 5 holds the numbers of arrays in one
    ord("K"): _int(1, signed=False),
    ord("M"): _int(2, signed=False),
    ord("J"): _int(4, signed=True),
    0x8A: _long(1),
    0x8B: _long(4),
    ord("G"): _float,
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("t"): _tuple,
    ord("a"): _append,
    ord("e"): _appends,
    ord("s"): _setitem,
    ord("u"): _setitems,
    0x90: _additems,
    ord("q"): _put(1),
    ord("r"): _put(4),
    0x94: _memoize,
    ord("h"): _get(1),
    ord("j"): _get(4),
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _reduce,
    0x81: _newobj,
    ord("b"): _build,
    ord("Q"): _binpersid,
}.items():
    _HANDLERS[_code] = _handler

_CODE_OPCODES = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    ord("P"): "PERSID",
    0x92: "NEWOBJ_EX",
}
_TEXT_OPCODES = frozenset(b"FILSVdglp")
