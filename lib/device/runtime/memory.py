"""What is left of heap and flash, for the page and other readers. Loaded on demand."""


def facts(state):
    """{free, largest} of the heap and {flash_free, flash_size}, all in bytes."""
    board = state.ports.board
    free, size = state.ports.store.space()
    return {
        "free": board.free_memory(),
        "largest": board.largest_piece(),
        "flash_free": free,
        "flash_size": size,
    }
