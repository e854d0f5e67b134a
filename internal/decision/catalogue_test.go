package decision_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/decision"
)

// declaredCodes reads the constants of type Code and RuleCode out of the source, so that none can be forgotten.
func declaredCodes(t *testing.T) map[decision.Code]bool {
	t.Helper()
	codes := map[decision.Code]bool{}
	for _, name := range []string{"catalogue.go", "rules.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, ok := spec.Type.(*ast.Ident)
			if literal, isLiteral := spec.Values[0].(*ast.BasicLit); ok && isLiteral && (kind.Name == "Code" || kind.Name == "RuleCode") {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				codes[decision.Code(value)] = true
			}
			return true
		})
	}
	if len(codes) < 30 {
		t.Fatalf("only %d codes were found in the source", len(codes))
	}
	return codes
}

func TestCatalogueIsCompleteAndNeutral(t *testing.T) {
	t.Parallel()
	declared, seen := declaredCodes(t), map[decision.Code]bool{}
	fraudTexts, honestTexts := map[decision.Text]bool{}, map[decision.Text]bool{}
	for _, e := range decision.Catalogue() {
		if seen[e.Code] || !declared[e.Code] {
			t.Errorf("%s is listed twice or is not declared", e.Code)
		}
		seen[e.Code] = true
		if e.Meaning == "" || e.User.EN == "" || e.User.FR == "" || e.User.EN == e.User.FR {
			t.Errorf("%s: a text is missing", e.Code)
		}
		if e.Fraud {
			fraudTexts[e.User] = true
		} else {
			honestTexts[e.User] = true
		}
	}
	for code := range declared {
		if !seen[code] {
			t.Errorf("%s is not in the catalogue", code)
		}
	}
	if len(fraudTexts) != 1 {
		t.Errorf("%d different texts for signals of fraud tell them apart", len(fraudTexts))
	}
	for text := range fraudTexts {
		if !honestTexts[text] {
			t.Error("the text of fraud codes is used for nothing else, and so betrays them")
		}
		for _, word := range []string{"fraud", "attack", "spoof", "fake", "match", "live", "screen", "forge", "score", "similar", "fraude", "attaque", "faux", "vivant", "écran", "ressembl"} {
			if strings.Contains(strings.ToLower(text.EN+" "+text.FR), word) {
				t.Errorf("the text of fraud codes says %q", word)
			}
		}
	}
}

func TestWhatThePersonIsTold(t *testing.T) {
	t.Parallel()
	allowed := map[decision.Text]bool{}
	for _, e := range decision.Catalogue() {
		allowed[e.User] = true
	}
	s, told := seeded{rand.New(rand.NewPCG(3, 4))}, 0
	for range 2000 {
		r := evaluate(t, randomInput(s))
		texts := r.ForPerson()
		if (len(texts) == 0) != (r.Decision == ekyc.Accepted) {
			t.Fatalf("%s and %d texts", r.Decision, len(texts))
		}
		seen := map[decision.Text]bool{}
		for _, text := range texts {
			if !allowed[text] || seen[text] || strings.ContainsAny(text.EN+text.FR, "0123456789") {
				t.Fatalf("told %q", text)
			}
			seen[text] = true
			told++
		}
	}
	if told < 1000 {
		t.Errorf("only %d texts were seen", told)
	}
}

func TestWhatCouldNotBeReadIsNotToldAsAFact(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]decision.Code{
		"minimum_age": decision.CodeFieldsMissing, "claimed_birth_date": decision.CodeFieldsMissing, "document_not_expired": decision.CodeFieldsMissing,
		"type_accepted": decision.CodeDocumentUnknown, "country_accepted": decision.CodeDocumentUnknown,
		"mrz_checksum": decision.CodeMRZUnreadable, "mrz_alphabet": decision.CodeMRZUnreadable, "barcode_present": decision.CodeBarcodeUnreadable,
	} {
		in := good(0.9, 0.9, 0.7)
		in.Document.Valid, in.Document.Retakeable = false, true
		in.Document.Checks = []ekyc.Check{{Name: name, Status: ekyc.NotExecuted, Severity: ekyc.SeverityMajor, Message: "it was not read"}}
		r := evaluate(t, in)
		i := slices.IndexFunc(r.Reasons, func(reason decision.Reason) bool { return reason.Evidence["check"] == name })
		if i < 0 || r.Reasons[i].Code != want || !r.Reasons[i].Retryable {
			t.Errorf("%s: %+v", name, r.Reasons)
		}
	}
}
