"""What a page shows of Markdown that grows, assembled from the changes as `blocks.js` does it."""

import re


class GrowingPage:
    """The blocks and the text after them."""

    def __init__(self):
        self.blocks = []
        self.rest = ""

    def take(self, piece):
        """Take text, or a change as a dict."""
        if isinstance(piece, str):
            self.rest += piece
            return
        del self.blocks[piece["keep"] :]
        if piece["into"]:
            self.blocks[-1] = _inside(self.blocks[-1], piece["into"])
        self.blocks += piece["blocks"]
        self.rest = piece["rest"]

    @property
    def text(self):
        """Everything shown, without tags."""
        return re.sub(r"<[^>]*>", "", "".join(self.blocks)) + self.rest


def _inside(html, more):
    ends = {"<div": "</tbody>", "<ul": "</ul>", "<ol": "</ol>"}
    place = html.rindex(next(end for start, end in ends.items() if html.startswith(start)))
    return html[:place] + more + html[place:]
