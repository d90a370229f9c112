"""The conversations of a notebook, by name; one of them is current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat.conversation import Conversation
from xinference_magics.errors import NotebookError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xinference_magics.chat.conversation import Host
    from xinference_magics.chat.storage import Restored

DEFAULT = "default"
"""What people call the conversation without a name."""


class Conversations:
    """The conversations of one notebook.

    Args:
        host: The notebook.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._by_name: dict[str, Conversation] = {}
        self.current = self.begin("")

    def __iter__(self) -> Iterator[Conversation]:
        return iter(list(self._by_name.values()))

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def names(self) -> list[str]:
        """What the conversations are called."""
        return [each.name or DEFAULT for each in self]

    def begin(self, name: str) -> Conversation:
        """Return the conversation of that name, making it where there is none."""
        name = "" if name == DEFAULT else name
        if name not in self._by_name:
            self._adopt(Conversation(name))
        return self._by_name[name]

    def look_up(self, name: str | None) -> Conversation:
        """Return the conversation of that name; None is the current one.

        Where there is none, an empty one is returned that is not among them before `adopt`.
        """
        if name is None:
            return self.current
        name = "" if name == DEFAULT else name
        found = self._by_name.get(name)
        return Conversation(name, host=self._host) if found is None else found

    def adopt(self, conversation: Conversation) -> None:
        """Put a conversation that was looked up among the others, unless it is one of them."""
        if conversation.name not in self._by_name:
            self._adopt(conversation)

    def find(self, name: str | None) -> Conversation:
        """Return the conversation of that name; None is the current one.

        Raises:
            NotebookError: There is none.
        """
        if name is None:
            return self.current
        found = self._by_name.get("" if name == DEFAULT else name)
        if found is None:
            raise NotebookError(
                f"There is no conversation {name}.", hint=f"Conversations: {', '.join(self.names)}."
            )
        return found

    def switch(self, name: str) -> Conversation:
        """Make the conversation of that name current, beginning it where there is none."""
        self.current = self.begin(name)
        return self.current

    def rename(self, conversation: Conversation, name: str) -> None:
        """Give a conversation another name; a default one without turns takes its place.

        Raises:
            NotebookError: The name is taken.
        """
        self._refuse_taken(name)
        del self._by_name[conversation.name]
        conversation.name = name
        self._adopt(conversation)
        if not conversation.name or "" not in self._by_name:
            self.begin("")

    def fork(self, conversation: Conversation, name: str) -> Conversation:
        """Make a copy of a conversation current.

        Raises:
            NotebookError: The name is taken.
        """
        self._refuse_taken(name)
        self.current = self._adopt(conversation.fork(name))
        return self.current

    def drop(self, conversation: Conversation) -> None:
        """Forget a conversation with its turns; the default one stays, empty."""
        conversation.clear()
        if conversation.name:
            del self._by_name[conversation.name]
        if conversation is self.current:
            self.current = self.begin("")

    def put(self, conversation: Conversation) -> None:
        """Take in a conversation that was loaded, in place of the one of its name."""
        was_current = self.current.name == conversation.name
        self._adopt(conversation)
        if was_current:
            self.current = conversation

    def put_all(self, restored: Restored) -> None:
        """Take in what a notebook's saved outputs hold."""
        for conversation in restored.conversations.values():
            self.put(conversation)

    def forget_cells(self, cell_ids: Collection[str]) -> None:
        """Drop the turns of cells that are no longer in the notebook."""
        for conversation in self:
            conversation.forget_cells(cell_ids)

    def _adopt(self, conversation: Conversation) -> Conversation:
        conversation.host = self._host
        self._by_name[conversation.name] = conversation
        return conversation

    def _refuse_taken(self, name: str) -> None:
        if name == DEFAULT or name in self._by_name:
            raise NotebookError(
                f"There is a conversation {name} already.", hint="Choose another name."
            )
