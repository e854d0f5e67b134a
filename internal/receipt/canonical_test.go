package receipt_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ekyc/internal/receipt"
)

// texts are RFC 8785's own examples (sections 3.2.2 and 3.2.3) and the test data that its author publishes beside it.
var texts = map[string][2]string{
	"section 3.2.2": {
		"{\n  \"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],\n  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n  \"literals\": [null, true, false]\n}",
		`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
	},
	"section 3.2.3": {
		"{\n  \"\\u20ac\": \"Euro Sign\",\n  \"\\r\": \"Carriage Return\",\n  \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\",\n  \"1\": \"One\",\n  \"\\ud83d\\ude00\": \"Emoji: Grinning Face\",\n  \"\\u0080\": \"Control\",\n  \"\\u00f6\": \"Latin Small Letter O With Diaeresis\"\n}",
		"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"\u00f6\":\"Latin Small Letter O With Diaeresis\",\"\u20ac\":\"Euro Sign\",\"\U0001f600\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
	},
	"arrays":     {"[\n  56,\n  {\n    \"d\": true,\n    \"10\": null,\n    \"1\": [ ]\n  }\n]\n", `[56,{"1":[],"10":null,"d":true}]`},
	"french":     {"{\"peach\": \"This sorting order\",\n\"péché\": \"is wrong according to French\",\n\"pêche\": \"but canonicalization MUST\",\n\"sin\":   \"ignore locale\"}", `{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}`},
	"structures": {"{\"1\": {\"f\": {\"f\": \"hi\",\"F\": 5} ,\"\\n\": 56.0},\"10\": { },\"\": \"empty\",\"a\": { },\"111\": [ {\"e\": \"yes\",\"E\": \"no\" } ],\"A\": { }}", `{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}`},
	"unicode":    {"{\"Unnormalized Unicode\":\"A\\u030a\"}", "{\"Unnormalized Unicode\":\"A\u030a\"}"},
	"weird": {
		"{\"\\u20ac\": \"Euro Sign\",\"\\r\": \"Carriage Return\",\"\\u000a\": \"Newline\",\"1\": \"One\",\"\\u0080\": \"Control\\u007f\",\"\\ud83d\\ude02\": \"Smiley\",\"\\u00f6\": \"Latin Small Letter O With Diaeresis\",\"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\",\"</script>\": \"Browser Challenge\"}",
		"{\"\\n\":\"Newline\",\"\\r\":\"Carriage Return\",\"1\":\"One\",\"</script>\":\"Browser Challenge\",\"\u0080\":\"Control\u007f\",\"\u00f6\":\"Latin Small Letter O With Diaeresis\",\"\u20ac\":\"Euro Sign\",\"\U0001f602\":\"Smiley\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
	},
}

// numbers are those of RFC 8785, appendix B: the bits of a double and how it is written.
var numbers = map[string]string{
	"0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
	"7fefffffffffffff": "1.7976931348623157e+308", "ffefffffffffffff": "-1.7976931348623157e+308",
	"4340000000000000": "9007199254740992", "c340000000000000": "-9007199254740992", "4430000000000000": "295147905179352830000",
	"44b52d02c7e14af5": "9.999999999999997e+22", "44b52d02c7e14af6": "1e+23", "44b52d02c7e14af7": "1.0000000000000001e+23",
	"444b1ae4d6e2ef4e": "999999999999999700000", "444b1ae4d6e2ef4f": "999999999999999900000", "444b1ae4d6e2ef50": "1e+21",
	"3eb0c6f7a0b5ed8c": "9.999999999999997e-7", "3eb0c6f7a0b5ed8d": "0.000001",
	"41b3de4355555553": "333333333.3333332", "41b3de4355555554": "333333333.33333325", "41b3de4355555555": "333333333.3333333",
	"41b3de4355555556": "333333333.3333334", "41b3de4355555557": "333333333.33333343",
	"becbf647612f3696": "-0.0000033333333333333333", "43143ff3c1cb0959": "1424953923781206.2",
}

func TestCanonicalFormOfTheStandardsVectors(t *testing.T) {
	t.Parallel()
	for name, v := range texts {
		if got, err := receipt.Canonical([]byte(v[0])); err != nil || string(got) != v[1] {
			t.Errorf("%s: %s, %v; wanted %s", name, got, err, v[1])
		}
	}
	for bits, want := range numbers {
		b, err := strconv.ParseUint(bits, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, spelling := range []string{strconv.FormatFloat(math.Float64frombits(b), 'e', 20, 64), strconv.FormatFloat(math.Float64frombits(b), 'f', -1, 64)} {
			if got, err := receipt.Canonical([]byte(spelling)); err != nil || string(got) != want {
				t.Errorf("%s, as %s: %s, %v; wanted %s", bits, spelling, got, err, want)
			}
		}
	}
}

func TestWhatHasNoCanonicalFormIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "{", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "1 2", "[1,]", "NaN", "Infinity", "1e400", "-1e400", `"` + "\xff" + `"`, `"\ud800"`, `"\udc00\ud800"`,
		"01", "+1", ".5", "'a'", `{"a":1}x`, "\ufeff1", strings.Repeat("[", 100_000),
	} {
		if got, err := receipt.Canonical([]byte(text)); err == nil {
			t.Errorf("%.40q became %.40q", text, got)
		} else if secret := "a\":1"; strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

// Whatever the text, its canonical form means the same, and is its own.
func TestCanonicalFormMeansTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := anything(3).Draw(t, "value")
		text, err := json.MarshalIndent(value, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		once, err := receipt.Canonical(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after any
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(once, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s means another thing than %s", once, text)
		}
		if twice, err := receipt.Canonical(once); err != nil || string(twice) != string(once) {
			t.Fatalf("%s becomes %s", once, twice)
		}
	})
}

func anything(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.Int32().AsAny(),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(anything(depth-1), 0, 4).AsAny(), rapid.MapOfN(rapid.String(), anything(depth-1), 0, 4).AsAny())
	}
	return rapid.OneOf(kinds...)
}
