package mrz

import (
	"math"
	"math/rand/v2"
)

// synthetic makes the log probabilities that a recogniser would give for a line: each character lasts one to three frames with
// a blank after it now and then, and always between two that are the same. The likeliest class has the given probability.
func synthetic(text string, probability float64, random *rand.Rand) []float32 {
	var frames []int
	for i := range len(text) {
		class, _ := ClassOf(text[i])
		for range 1 + random.IntN(3) {
			frames = append(frames, class)
		}
		if i+1 < len(text) && (text[i] == text[i+1] || random.IntN(2) == 0) {
			frames = append(frames, ClassBlank)
		}
	}
	frames = append([]int{ClassBlank}, append(frames, ClassBlank, ClassBlank)...)
	out := make([]float32, 0, len(frames)*Classes)
	for _, class := range frames {
		out = append(out, frame(map[int]float64{class: probability})...)
	}
	return out
}

// frame gives the log probabilities of one frame; what the given classes leave is shared by the others.
func frame(probabilities map[int]float64) []float32 {
	rest := 1.0
	for _, p := range probabilities {
		rest -= p
	}
	out := make([]float32, Classes)
	for class := range out {
		p, ok := probabilities[class]
		if !ok {
			p = rest / float64(Classes-len(probabilities))
		}
		out[class] = float32(math.Log(max(p, 1e-12)))
	}
	return out
}

// rowsOf puts synthetic lines below each other.
func rowsOf(lines []string, probability float64, random *rand.Rand) []Row {
	var rows []Row
	for i, line := range lines {
		rows = append(rows, Row{LogProbs: synthetic(line, probability, random), V: float64(100 + 30*i), Height: 20})
	}
	return rows
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// specimens are zones of ICAO Doc 9303 parts 4 to 7 (Anna Maria Eriksson of Utopia) and one of the French card's layout.
var specimens = map[Format][]string{
	TD1:   {"I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"},
	TD2:   {"I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"},
	TD3:   {"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"},
	MRVA:  {"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"},
	MRVB:  {"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"},
	FRAID: {"IDFRALOISEAU<<<<<<<<<<<<<<<<<<<<<<<<", "970675K002774HERVE<<DJAMEL<7303216M4"},
}

// licences are the zones of driving licences: the specimens of France (agence nationale des titres sécurisés) and Switzerland (federal
// roads office), the example of a reader of Dutch licences, and a composed line of the ISO's layout.
var licences = map[Format][]string{
	FRADL: {"D1FRA13AA000026181231MARTIN<<9"},
	NLDDL: {"D1NLD15094962111659VW87Z78NB84"},
	ISODL: {"D1HRV123456789ABCDEFGHIJKLMNO9"},
	CHEDL: {"AAA001D<<", "FACHE305142128097<<800126<<<<<", "MARCHAND<<FABIENNE<<<<<<<<<<<<"},
}
