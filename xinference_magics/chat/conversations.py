"""The conversations of a notebook, by name; one of them is current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.chat.conversation import Conversation
from xinference_magics.errors import NotebookError
from xinference_magics.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xinference_magics.chat.conversation import Host
    from xinference_magics.chat.storage import Restored

DEFAULT = "default"
"""The display name of the conversation without a name."""


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
        """The names of the conversations."""
        return [each.name or DEFAULT for each in self]

    def begin(self, name: str) -> Conversation:
        """Return the conversation named `name`, creating it if needed."""
        name = "" if name == DEFAULT else name
        if name not in self._by_name:
            self._adopt(Conversation(name))
        return self._by_name[name]

    def look_up(self, name: str | None) -> Conversation:
        """Return the conversation named `name`; None means the current one.

        If there is none, return an empty one, which is not registered until `adopt`.
        """
        if name is None:
            return self.current
        name = "" if name == DEFAULT else name
        found = self._by_name.get(name)
        return Conversation(name, host=self._host) if found is None else found

    def announced(self, name: str) -> str:
        """Say that a conversation of that name is new, or return an empty text if it is not."""
        if name in {"", *self.names}:
            return ""
        return f"New conversation {name}. {did_you_mean(name, self.names)}".rstrip()

    def adopt(self, conversation: Conversation) -> bool:
        """Register a conversation returned by `look_up`; return False if it already was."""
        is_new = conversation.name not in self._by_name
        if is_new:
            self._adopt(conversation)
        return is_new

    def release(self, conversation: Conversation) -> None:
        """Unregister a conversation made for a turn that gave no answer, if nothing else uses it.

        The turn may still count as pending: it ends after this call.
        """
        used = len(conversation) or len(conversation.pending) > 1 or conversation.system is not None
        if conversation.name and not used and conversation is not self.current:
            self._by_name.pop(conversation.name, None)

    def find(self, name: str | None) -> Conversation:
        """Return the conversation named `name`; None means the current one.

        Raises:
            NotebookError: There is no such conversation.
        """
        if name is None:
            return self.current
        found = self._by_name.get("" if name == DEFAULT else name)
        if found is None:
            listed = f"Conversations: {', '.join(self.names)}."
            raise NotebookError(
                f"There is no conversation {name}.", hint=did_you_mean(name, self.names) or listed
            )
        return found

    def switch(self, name: str) -> Conversation:
        """Make the conversation named `name` current, creating it if needed."""
        self.current = self.begin(name)
        return self.current

    def rename(self, conversation: Conversation, name: str) -> None:
        """Rename a conversation; if it was the default one, an empty default replaces it.

        Raises:
            NotebookError: The name is taken.
        """
        self._reject_taken(name)
        del self._by_name[conversation.name]
        conversation.name = name
        self._adopt(conversation)
        if not conversation.name or "" not in self._by_name:
            self.begin("")

    def fork(self, conversation: Conversation, name: str) -> Conversation:
        """Copy a conversation under a new name, and make the copy current.

        Raises:
            NotebookError: The name is taken.
        """
        self._reject_taken(name)
        self.current = self._adopt(conversation.fork(name))
        return self.current

    def drop(self, conversation: Conversation) -> None:
        """Remove a conversation and its turns; the default one stays, empty."""
        conversation.clear()
        if conversation.name:
            del self._by_name[conversation.name]
        if conversation is self.current:
            self.current = self.begin("")

    def put(self, conversation: Conversation) -> None:
        """Add a loaded conversation, replacing the one of the same name."""
        was_current = self.current.name == conversation.name
        self._adopt(conversation)
        if was_current:
            self.current = conversation

    def put_all(self, restored: Restored) -> None:
        """Add the conversations restored from a notebook's saved outputs."""
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

    def _reject_taken(self, name: str) -> None:
        if name == DEFAULT or name in self._by_name:
            raise NotebookError(
                f"There is a conversation {name} already.", hint="Choose another name."
            )
