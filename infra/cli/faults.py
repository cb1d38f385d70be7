"""What ends a command in a sentence."""


class CommandFailed(Exception):
    """A command cannot do what was asked. The text, one or two sentences, names the thing, the place and the remedy.

    exit_code: 1 it was not done, or not all of it; 2 it was asked in a wrong way, or the stack cannot be reached.
    """

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
