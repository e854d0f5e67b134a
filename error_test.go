package ekyc_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"ekyc"
)

// declaredErrorCodes reads the constants out of the source, so that none can be forgotten in the registry.
func declaredErrorCodes(t *testing.T) []ekyc.ErrorCode {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []ekyc.ErrorCode
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "ErrorCode" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, ekyc.ErrorCode(value))
		}
		return true
	})
	return codes
}

func TestEveryErrorCodeIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	declared := declaredErrorCodes(t)
	if len(declared) == 0 || len(declared) != len(ekyc.Codes) {
		t.Fatalf("%d codes are declared and %d registered", len(declared), len(ekyc.Codes))
	}
	for i, code := range declared {
		if info, ok := code.Info(); !ok || info.Meaning == "" || ekyc.Codes[i].Code != code {
			t.Errorf("%s: %+v, %v", code, info, ok)
		}
	}
	if _, ok := ekyc.ErrorCode("of nobody").Info(); ok {
		t.Error("a code that does not exist is registered")
	}
}

func TestErrorsKeepTheirCauseToThemselves(t *testing.T) {
	t.Parallel()
	cause := errors.New("secret")
	err := fmt.Errorf("while reading: %w", ekyc.Errorf(ekyc.ErrImageCorrupt, "%d bytes", 3).With("bytes", 3).Because(cause))
	if ekyc.CodeOf(err) != ekyc.ErrImageCorrupt || !errors.Is(err, cause) || err.Error() != "while reading: image_corrupt: 3 bytes" {
		t.Errorf("%v, %s", err, ekyc.CodeOf(err))
	}
	if ekyc.CodeOf(nil) != "" || ekyc.CodeOf(cause) != ekyc.ErrInternal {
		t.Error("the codes of nothing and of a foreign error")
	}
}
