"""Texts of machine-readable zones after ICAO Doc 9303 (TD1, TD2, TD3, MRV-A, MRV-B) and of the former French card.

Names and numbers are invented at random. A seventh of the lines obeys no grammar at all, so that the network learns
shapes and not a language: what a character is must never follow from where it stands.
"""

from alphabet import DIGITS, FILLER, LETTERS, ALPHABET

COUNTRIES = (
    "AFG ALB DZA AND AGO ARG ARM AUS AUT AZE BEL BGR BIH BLR BRA CAN CHE CHL CHN COL CRI CYP CZE DNK EGY ESP EST ETH "
    "FIN FRA GBR GEO GHA GRC HRV HUN IDN IND IRL IRN IRQ ISL ISR ITA JPN KAZ KEN KOR KWT LBN LKA LTU LUX LVA MAR MDA "
    "MEX MKD MLT MNE MYS NGA NLD NOR NPL NZL OMN PAK PER PHL POL PRT QAT ROU RUS SAU SGP SRB SVK SVN SWE THA TUN TUR "
    "TWN UKR URY USA UZB VEN VNM YEM ZAF ZWE D<< UTO UNO XXA GBD RKS HKG"
).split()
SURNAMES = (
    "SMITH JONES MUELLER SCHMIDT FISCHER WEBER WAGNER BECKER GARCIA FERNANDEZ GONZALEZ RODRIGUEZ LOPEZ MARTINEZ ROSSI "
    "RUSSO FERRARI BIANCHI MARTIN BERNARD DUBOIS THOMAS IVANOV PETROV KUZNETSOV NOWAK KOWALSKI WISNIEWSKI NGUYEN TRAN "
    "PHAM LE KIM LEE PARK CHOI WANG LI ZHANG LIU CHEN YANG HUANG SATO SUZUKI TAKAHASHI WATANABE SILVA SANTOS OLIVEIRA "
    "JOHANSSON ANDERSSON NIELSEN JENSEN HANSEN KORHONEN VIRTANEN TAMM OZOLS KALNINS KAZLAUSKAS HORVAT NOVAK KOVACS "
    "SZABO POPESCU IONESCU DIMITROV GEORGIEV PAPADOPOULOS YILMAZ KAYA OZTURK HUSSEIN AHMED KHAN SINGH KUMAR PATEL "
    "OKAFOR MENSAH DIALLO VAN<DER<BERG DE<LA<CRUZ O<CONNOR MACDONALD BROWN QUISPE XAVIER ZHOU JIMENEZ BJORK FITZGERALD"
).split()
GIVEN_NAMES = (
    "ANNA MARIA JOHN JAMES MARY PETER PAUL MICHAEL THOMAS DAVID ELENA OLGA IVAN SERGEI DMITRI JOSE JUAN CARLOS LUIS "
    "LUCIA SOFIA GIULIA MARCO LUCA FRANCESCA PIERRE JEAN CLAUDE SOPHIE HANS KARL FRIEDRICH HEIKE ULRIKE ANDREAS "
    "KATARZYNA PIOTR MOHAMMED ALI FATIMA AISHA OMAR HASSAN WEI MING XIAO YUKI HIROSHI KENJI MIN JUNG THI VAN MINH RAJ "
    "PRIYA AMIT SUNITA KWAME AMINA CHARLOTTE WILLIAM ELIZABETH VICTORIA ALEXANDER BENJAMIN ZOE CHLOE LARS INGRID BJORN "
    "MATTI AINO KRISTJAN LIIS JANIS ILZE JONAS RUTA QUENTIN YVES FELIX MAX BEATRIX"
).split()
VOWELS, CONSONANTS = "AEIOU", "BCDFGHJKLMNPQRSTVWXYZ"
DOCUMENT_CODES = {
    "TD3": "P< P< P< P< P< PO PD PS PN PP PM PR".split(),
    "TD1": "I< I< ID ID C< CR AC IP IR AR IX".split(),
    "TD2": "I< ID AC C< P<".split(),
    "MRVA": "V< VA VN V<".split(),
    "MRVB": "V< VB VC".split(),
}
LINE_LENGTH = {"TD3": 44, "MRVA": 44, "TD2": 36, "MRVB": 36, "FRANCE": 36, "TD1": 30}
FORMAT_WEIGHTS = {"TD3": 40, "TD1": 30, "TD2": 8, "MRVA": 8, "MRVB": 6, "FRANCE": 8}

UNGRAMMATICAL_SHARE = 0.14
DIGIT_IN_CODE_SHARE = 0.08  # issuers do print codes such as I1 or P2, against the standard


def check_digit(text):
    """ICAO Doc 9303 part 3, 4.9: weights 7, 3, 1 modulo 10."""
    values = (0 if c == FILLER else int(c) if c in DIGITS else ord(c) - ord("A") + 10 for c in text)
    return str(sum(value * (7, 3, 1)[i % 3] for i, value in enumerate(values)) % 10)


def zone(dice):
    """Lines of one zone; a single line where no grammar is wanted."""
    if dice.chance(UNGRAMMATICAL_SHARE):
        return [ungrammatical_line(dice)]
    form = dice.weighted(FORMAT_WEIGHTS)
    if form == "TD1":
        return td1(dice)
    if form == "FRANCE":
        return french_card(dice)
    return two_line_zone(dice, form)


def ungrammatical_line(dice):
    length = dice.choice([30, 36, 44])
    letters = dice.weighted({ALPHABET: 5, LETTERS * 2 + FILLER * 5: 4, DIGITS + FILLER: 2, ALPHABET + FILLER * 30: 3})
    return dice.characters(letters, length)


def td1(dice):
    number, birth, expiry = document_number(dice), date(dice), date(dice)
    number_check = FILLER if dice.chance(0.03) else check_digit(number)
    first = document_code(dice, "TD1") + dice.choice(COUNTRIES) + number + number_check + optional_data(dice, 15)
    optional = optional_data(dice, 11)
    middle = birth + check_digit(birth) + sex(dice) + expiry + check_digit(expiry) + dice.choice(COUNTRIES) + optional
    covered = first[5:] + middle[:7] + middle[8:15] + middle[18:]
    return [first, middle + check_digit(covered), names(dice, 30)]


def french_card(dice):
    """The French identity card of 1988: 36 characters a line, own field order."""
    office = dice.characters(DIGITS, 6) if dice.chance(0.6) else "<<<" + dice.characters(DIGITS, 3)
    first = "IDFRA" + names(dice, 25) + office
    number, birth = dice.characters(DIGITS, 12), date(dice)
    second = number + check_digit(number) + names(dice, 14) + birth + check_digit(birth) + dice.choice("MF")
    return [first, second + check_digit(first + second)]


def two_line_zone(dice, form):
    length = LINE_LENGTH[form]
    first = document_code(dice, form) + dice.choice(COUNTRIES) + names(dice, length - 5)
    number, birth, expiry = document_number(dice), date(dice), date(dice)
    second = number + check_digit(number) + dice.choice(COUNTRIES)
    second += birth + check_digit(birth) + sex(dice) + expiry + check_digit(expiry)
    if form == "TD3":
        optional = optional_data(dice, 14)
        empty = not optional.strip(FILLER)
        second += optional + (FILLER if empty and dice.chance(0.4) else check_digit(optional))
    elif form == "TD2":
        second += optional_data(dice, 7)
    else:
        return [first, second + optional_data(dice, length - len(second))]
    return [first, second + check_digit(second[:10] + second[13:20] + second[21:])]


def document_code(dice, form):
    code = dice.choice(DOCUMENT_CODES[form])
    return code[0] + dice.choice(DIGITS) if dice.chance(DIGIT_IN_CODE_SHARE) else code


def names(dice, length):
    """Primary and secondary identifiers, cut or filled to a length."""
    text = FILLER.join(name(dice, SURNAMES) for _ in range(1 if dice.chance(0.75) else 2))
    if dice.chance(0.96):
        text += "<<" + FILLER.join(name(dice, GIVEN_NAMES) for _ in range(dice.choice([1, 1, 1, 2, 2, 3])))
    return text[:length].ljust(length, FILLER)


def name(dice, known):
    kind = dice.weighted({"known": 45, "syllables": 45, "letters": 10})
    if kind == "known":
        return dice.choice(known)
    if kind == "letters":
        return dice.characters(LETTERS, dice.integer(2, 12))
    return "".join(syllable(dice) for _ in range(dice.integer(1, 4)))


def syllable(dice):
    head = dice.choice(CONSONANTS) if dice.chance(0.9) else ""
    tail = dice.choice(CONSONANTS) if dice.chance(0.4) else ""
    return head + dice.choice(VOWELS) + tail


def document_number(dice):
    kind = dice.weighted({"letters first": 35, "digits": 30, "mixed": 20, "zeros": 7, "short": 8})
    if kind == "letters first":
        text = dice.characters(LETTERS, dice.integer(1, 3))
        text += dice.characters(DIGITS, 9 - len(text))
    elif kind == "digits":
        text = dice.characters(DIGITS, 9)
    elif kind == "mixed":
        text = dice.characters(DIGITS + LETTERS, 9)
    elif kind == "zeros":
        text = dice.characters(LETTERS, 2) + "0" * dice.integer(3, 6)
        text += dice.characters(DIGITS, 9 - len(text))
    else:
        text = dice.characters(DIGITS + LETTERS, dice.integer(6, 8))
    return text.ljust(9, FILLER)


def optional_data(dice, length):
    kind = dice.weighted({"empty": 55, "digits": 25, "mixed": 15, "anything": 5})
    if kind == "empty":
        return FILLER * length
    if kind == "anything":
        return dice.characters(ALPHABET + "<<", length)
    letters = DIGITS if kind == "digits" else DIGITS + LETTERS
    return dice.characters(letters, dice.integer(1, length)).ljust(length, FILLER)


def date(dice):
    """YYMMDD; now and then with the unknown parts that the standard allows as fillers."""
    year, month, day = dice.integer(0, 99), dice.integer(1, 12), dice.integer(1, 31)
    if dice.chance(0.02):
        return f"{year:02d}<<<<"
    return f"{year:02d}{month:02d}{day:02d}"


def sex(dice):
    return dice.choice("MFMFMF<X")
