package profile

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letterTable maps capital letters to A–Z; it is written as fields of a letter and its spelling.
type letterTable map[rune]string

func tableOf(fields string) letterTable {
	table := letterTable{}
	for _, f := range strings.Fields(fields) {
		letters := []rune(f)
		table[letters[0]] = string(letters[1:])
	}
	return table
}

// plainLetters are the letters that do not fall apart into a base letter and marks. Latin and Cyrillic after ICAO Doc 9303-3 section 6,
// with the Ukrainian, Belarusian, Serbian and Macedonian letters; Greek after ELOT 743; Georgian after the national system of 2002;
// Armenian after BGN/PCGN 1981.
var plainLetters = tableOf(`
	ÆAE ØO ĐD ÐD ŁL ŒOE ßSS ẞSS ÞTH ŊN ĦH ŦT ƏE ĲIJ ĸK ƯU ƠO
	АA БB ВV ГG ҐG ДD ЂD ЕE ЄIE ЖZH ЗZ ЅDZ ИI ІI ЈJ КK ЛL ЉLJ МM НN ЊNJ ОO ПP РR СS ТT ЋC УU ФF ХKH ЦTS ЧCH ЏDZ ШSH ЩSHCH Ъ ЫY Ь ЭE ЮIU ЯIA
	ӘA ҒG ҚK ҢN ӨO ҰU ҮU ҺH
	ΑA ΒV ΓG ΔD ΕE ΖZ ΗI ΘTH ΙI ΚK ΛL ΜM ΝN ΞX ΟO ΠP ΡR ΣS ΤT ΥY ΦF ΧCH ΨPS ΩO
	აA ბB გG დD ეE ვV ზZ თT იI კK ლL მM ნN ოO პP ჟZH რR სS ტT უU ფP ქK ღGH ყQ შSH ჩCH ცTS ძDZ წTS ჭCH ხKH ჯJ ჰH
	ԱA ԲB ԳG ԴD ԵE ԶZ ԷE ԸY ԹT ԺZH ԻI ԼL ԽKH ԾTS ԿK ՀH ՁDZ ՂGH ՃCH ՄM ՅY ՆN ՇSH ՈO ՉCH ՊP ՋJ ՌR ՍS ՎV ՏT ՐR ՑTS ՒV ՓP ՔK ՕO ՖF`)

// longLetters are second spellings in use: those of ICAO's table A, and the sounds of letters with a caron or cedilla, which meet the
// spellings of Cyrillic names.
var longLetters = tableOf(`ÄAE ÖOE ÜUE ÅAA ØOE ČCH ĆCH ŠSH ŽZH ŞSH ȘSH ÇCH ĐDJ ЂDJ ЋCH ЙY ЁYO ЄYE ЇYI ЮYU ЯYA ЦC ГH`)

// arabicLetters are the consonants of Arabic and Persian in the classes of skeleton; vowels, carriers and half-vowels fall away.
var arabicLetters = tableOf(`بB تT ثT جG حH خH دD ذD رR زZ سS شS صS ضD طT ظZ غG فF قK كK لL مM نN هH پB چS ژZ گG کK
	ا أ إ آ ى ء ئ ؤ ع ة و ي ی`)

// digraphs are sounds of two letters in Greek and Armenian that are spelled otherwise than letter by letter.
var digraphs = strings.NewReplacer("ΟΥ", "OU", "ΑΥ", "AV", "ΕΥ", "EV", "ΓΓ", "NG", "ΓΚ", "GK", "ΓΞ", "NX", "ΓΧ", "NCH", "ՈՒ", "U", "ԵՎ", "EV")

// capitals writes a word in capital letters of Unicode's form C. Georgian is left in its usual letters.
func capitals(word string) string {
	upper := strings.Map(func(r rune) rune {
		const mtavruli, mkhedruli, letters = 0x1C90, 0x10D0, 0x30
		if mtavruli <= r && r < mtavruli+letters {
			return r - mtavruli + mkhedruli
		}
		return r
	}, strings.ToUpper(word))
	return norm.NFC.String(upper)
}

// romanise writes a capital word with A–Z and digits; with long it prefers the second spellings. It is false for a letter of a script
// without a table.
func romanise(word string, long bool) (string, bool) {
	var out strings.Builder
	for _, r := range digraphs.Replace(word) {
		if spelling, found := longLetters[r]; long && found {
			out.WriteString(spelling)
			continue
		}
		for _, part := range norm.NFD.String(string(r)) {
			spelling, found := plainLetters[part]
			switch {
			case isRoman(part):
				out.WriteRune(part)
			case found:
				out.WriteString(spelling)
			case !unicode.Is(unicode.Mn, part):
				return "", false
			}
		}
	}
	return out.String(), out.Len() > 0
}

func isRoman(r rune) bool { return 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' }

// The steps of coarse, each on the whole word: sounds with several spellings across languages get one, with "%" for the sound of CH.
var (
	consonantSounds = strings.NewReplacer("SHCH", "S", "TSCH", "%", "SCH", "S", "TCH", "%", "CZ", "%", "SZ", "S", "KH", "H", "GH", "G", "DH", "D",
		"TH", "T", "PH", "F", "CK", "K", "QU", "K", "Q", "K", "X", "KS", "ZH", "Z", "SH", "S", "TZ", "Z", "TS", "Z", "CH", "%", "C", "K", "W", "V")
	vowelSounds = strings.NewReplacer("OU", "U", "OO", "U", "EE", "I", "IE", "I", "AE", "A", "OE", "O", "UE", "U", "AA", "A")
	vowelMerge  = strings.NewReplacer("E", "I", "Y", "I", "J", "I", "O", "U")
)

// umlauts undoes the spelling of Ä, Ö, Ü and Å with two letters.
var umlauts = strings.NewReplacer("AE", "A", "OE", "O", "UE", "U", "AA", "A")

var roundedSpellings = strings.NewReplacer("Ö", "o", "Ø", "o", "Ő", "o", "OE", "o", "Ü", "u", "Ű", "u", "UE", "u")

// roundedVowels tells the rounded front vowels of a word, O or U for each, in their order.
func roundedVowels(capital string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == 'o' || r == 'u' {
			return r
		}
		return -1
	}, roundedSpellings.Replace(capital)))
}

// coarse gives words the same key that are spellings of one name in several languages or systems of transliteration: MUELLER and MÜLLER,
// YULIYA and IULIIA, EVGENY and YEVGENIY.
func coarse(roman string) string {
	key := vowelMerge.Replace(vowelSounds.Replace(consonantSounds.Replace(roman)))
	key = collapse(key)
	if rest, cut := strings.CutSuffix(key, "AH"); cut {
		key = rest + "A"
	}
	return key
}

// collapse writes every run of one letter once.
func collapse(s string) string {
	var out strings.Builder
	last := rune(-1)
	for _, r := range s {
		if r != last {
			out.WriteRune(r)
		}
		last = r
	}
	return out.String()
}

var skeletonSounds = strings.NewReplacer("KH", "H", "GH", "G", "DH", "D", "TH", "T", "SH", "S", "CH", "S", "PH", "F", "Q", "K", "C", "K", "X", "KS",
	"P", "B", "V", "B", "J", "G", "A", "", "E", "", "I", "", "O", "", "U", "", "Y", "", "W", "")

// skeleton keeps the consonants of a romanised word, in which it can be compared with one in Arabic letters, that leave vowels out.
func skeleton(roman string) string {
	if rest, cut := strings.CutSuffix(roman, "AH"); cut {
		roman = rest
	}
	return collapse(skeletonSounds.Replace(roman))
}

// arabicSkeleton does the same for a word in Arabic letters, without the article. It is false for any other word.
func arabicSkeleton(word string) (string, bool) {
	word = withoutArticle(word)
	var out strings.Builder
	for _, r := range word {
		spelling, found := arabicLetters[r]
		if !found && !unicode.Is(unicode.Mn, r) {
			return "", false
		}
		out.WriteString(spelling)
	}
	return collapse(out.String()), true
}
