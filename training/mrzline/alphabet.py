"""The machine-readable zone's alphabet and the geometry that the generator, the network and the reader agree on."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
DIGITS = ALPHABET[:10]
LETTERS = ALPHABET[10:36]
FILLER = "<"

BLANK_CLASS = 0
IGNORED_CLASS = -1  # frames between a glyph and the gap: neither is wrong there
CLASS_OF = {character: index + 1 for index, character in enumerate(ALPHABET)}
CLASS_COUNT = len(ALPHABET) + 1

INPUT_HEIGHT = 32
INPUT_WIDTH = 736  # 44 characters of about 16.7 pixels
FRAME_WIDTH = 4  # input pixels a frame
FRAME_COUNT = INPUT_WIDTH // FRAME_WIDTH


def greedy_text(classes):
    """Text of a sequence of per-frame best classes: repeats merged, blanks dropped."""
    text, previous = [], BLANK_CLASS
    for current in classes:
        if current != BLANK_CLASS and current != previous:
            text.append(ALPHABET[current - 1])
        previous = current
    return "".join(text)
