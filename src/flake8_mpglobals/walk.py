"""An abstract run of code: events in order, branches joined, loops twice round.

What a state means, and what events do to it, is left to those who walk; how control
goes is the same for all of them.
"""

from __future__ import annotations

from flake8_mpglobals.ir import Block, Branch, Call, Exit, Function, Load, Loop, Make, Store, Try

State = int | None
"""A set of bits, of which each says that something has happened on some way to this point;
None: this point is not reached.
"""


class Walk:
    """Runs the bodies of functions; ``event`` says what happens on the way."""

    def __init__(self) -> None:
        self.function: Function | None = None
        self._returned: State = None
        self._loops: list[State] = []

    def event(self, event: Load | Store | Call | Make, state: int) -> State:
        """Return the state after one event."""
        raise NotImplementedError

    def body(self, function: Function, state: int) -> State:
        """Return the state after the body of ``function``, whichever way it ends."""
        saved = (self.function, self._returned, self._loops)
        self.function, self._returned, self._loops = function, None, []
        out = join(self.block(function.body, state), self._returned)
        self.function, self._returned, self._loops = saved
        return out

    def block(self, block: Block, state: State) -> State:
        """Run the events of a block in order."""
        for event in block:
            if state is None:
                return None
            if isinstance(event, Branch):
                start, state = state, None
                for part in event.blocks:
                    state = join(state, self.block(part, start))
            elif isinstance(event, Loop):
                state = self._loop(event, state)
            elif isinstance(event, Try):
                state = self._try(event, state)
            elif isinstance(event, Exit):
                self._leave(event, state)
                return None
            else:
                state = self.event(event, state)
        return state

    def tried(self, body: Block, state: int) -> tuple[State, State]:
        """Return the state after the body of a ``try``, and one for its handlers to start in."""
        end = self.block(body, state)
        return end, join(state, end)

    def _loop(self, event: Loop, state: int) -> State:
        """Run a loop body twice; it may also not run at all."""
        out: State = state
        for _ in range(2):
            if out is None:
                break
            self._loops.append(None)
            end = self.block(event.body, out)
            left = self._loops.pop()
            out = join(join(out, end), left)
        return out

    def _try(self, event: Try, state: int) -> State:
        end, start = self.tried(event.body, state)
        out = self.block(event.orelse, end)
        for handler in event.handlers:
            out = join(out, self.block(handler, start))
        if out is None:
            # Only the way out through an exception or a return is left.
            self.block(event.final, start)
            return None
        return self.block(event.final, out)

    def _leave(self, event: Exit, state: int) -> None:
        """Leave the block: the state goes on where control goes on."""
        if event.how == "return":
            self._returned = join(self._returned, state)
        elif event.how in ("break", "continue") and self._loops:
            self._loops[-1] = join(self._loops[-1], state)


def join(one: State, other: State) -> State:
    """Return what holds where two ways meet."""
    if one is None:
        return other
    return one if other is None else one | other
