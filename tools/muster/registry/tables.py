"""The tables of boards, as the cloud has them: documents, numbers of changes, what a board has sent last."""

from typing import NamedTuple

from muster.registry.database import Database

KEPT_BOARDS = 4  # ids of one device: a board that has lost its memory comes with another one


class Document(NamedTuple):
    """A document, or the mark of one that was deleted (`text` is None). `changed_s` is Unix seconds.

    `number` is that of its last change; `board` the id of the board that made it, None: somebody here.
    """

    key: str
    text: str | None
    number: int
    board: str | None
    changed_s: int


_COLUMNS = "key, document, number, board, changed_s"


class BoardTables:
    """The tables `board_tables`, `board_documents` and `board_messages`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self, device: str) -> list[tuple[str, int]]:
        """(name, how many documents) of each table of a device, sorted."""
        rows = self._database.rows(
            "SELECT t.name, (SELECT count(*) FROM board_documents d WHERE d.device = t.device"
            " AND d.table_name = t.name AND d.document IS NOT NULL)"
            " FROM board_tables t WHERE t.device = ? ORDER BY t.name",
            device,
        )
        return [(row[0], row[1]) for row in rows]

    def last(self, device: str, table: str) -> int | None:
        """The number of the last change; None when there is no such table."""
        row = self._database.row("SELECT last FROM board_tables WHERE device = ? AND name = ?", device, table)
        return None if row is None else int(row[0])

    def get(self, device: str, table: str, key: str) -> Document | None:
        """The document, or the mark of a deleted one."""
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM board_documents WHERE device = ? AND table_name = ? AND key = ?",
            device, table, key,
        )  # fmt: skip
        return Document(*row) if row else None

    def documents(self, device: str, table: str) -> list[Document]:
        """Every document of a table, sorted by key."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM board_documents WHERE device = ? AND table_name = ?"
            " AND document IS NOT NULL ORDER BY key",
            device, table,
        )  # fmt: skip
        return [Document(*row) for row in rows]

    def after(self, device: str, table: str, number: int, board: str, most: int) -> list[Document]:
        """What others than this board have changed after this number, in order; deletions too."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM board_documents WHERE device = ? AND table_name = ? AND number > ?"
            " AND board IS NOT ? ORDER BY number LIMIT ?",
            device, table, number, board, most,
        )  # fmt: skip
        return [Document(*row) for row in rows]

    def count(self, device: str, table: str) -> int:
        """How many documents and marks a table has."""
        row = self._database.row(
            "SELECT count(*) FROM board_documents WHERE device = ? AND table_name = ?", device, table
        )
        assert row is not None
        return int(row[0])

    def put(self, device: str, table: str, key: str, text: str | None, board: str | None, now_s: int) -> int:
        """Store a document, or with None the mark of a deleted one; the number of the change."""
        self._database.write(
            "INSERT INTO board_tables (device, name, last) VALUES (?, ?, 1)"
            " ON CONFLICT (device, name) DO UPDATE SET last = last + 1",
            device, table,
        )  # fmt: skip
        number = self.last(device, table)
        assert number is not None
        self._database.write(
            "INSERT INTO board_documents (device, table_name, key, document, number, board, changed_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, table_name, key) DO UPDATE SET"
            " document = excluded.document, number = excluded.number, board = excluded.board,"
            " changed_s = excluded.changed_s",
            device, table, key, text, number, board, now_s,
        )  # fmt: skip
        return number

    def own(self, device: str, table: str, key: str, board: str) -> None:
        """A board has what is here already: it need not get it."""
        self._database.write(
            "UPDATE board_documents SET board = ? WHERE device = ? AND table_name = ? AND key = ?"
            " AND board IS NOT ?",
            board, device, table, key, board,
        )  # fmt: skip

    def remove(self, device: str, table: str, key: str) -> None:
        """Remove a document without a mark: the board has deleted it itself."""
        self._database.write(
            "DELETE FROM board_documents WHERE device = ? AND table_name = ? AND key = ?", device, table, key
        )

    def drop_marks(self, device: str, table: str, number: int) -> None:
        """Remove the marks of deletions up to this number: the board has seen them."""
        self._database.write(
            "DELETE FROM board_documents WHERE device = ? AND table_name = ? AND document IS NULL"
            " AND number <= ?",
            device, table, number,
        )  # fmt: skip

    def message(self, device: str, board: str) -> int:
        """The number of the board's last message; 0 when there was none."""
        row = self._database.row(
            "SELECT number FROM board_messages WHERE device = ? AND board = ?", device, board
        )
        return 0 if row is None else int(row[0])

    def heard(self, device: str, board: str, number: int, prefix: str, now_s: int) -> None:
        """Remember the number of a message, and where it came from; the oldest ids are forgotten."""
        self._database.write(
            "INSERT INTO board_messages (device, board, number, prefix, received_s) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device, board) DO UPDATE SET number = excluded.number, prefix = excluded.prefix,"
            " received_s = excluded.received_s",
            device, board, number, prefix, now_s,
        )  # fmt: skip
        self._database.write(
            "DELETE FROM board_messages WHERE device = ? AND board NOT IN (SELECT board FROM board_messages"
            " WHERE device = ? ORDER BY received_s DESC, rowid DESC LIMIT ?)",
            device, device, KEPT_BOARDS,
        )  # fmt: skip

    def prefixes(self, device: str) -> list[str]:
        """What the topics begin with on which the device has asked."""
        rows = self._database.rows("SELECT DISTINCT prefix FROM board_messages WHERE device = ?", device)
        return [row[0] for row in rows]
