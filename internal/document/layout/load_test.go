package layout

import (
	"os"
	"testing"
)

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		load()
	}
}

func TestTableIsCompiled(t *testing.T) {
	t.Parallel()
	table, err := Load(os.DirFS("."), "data")
	if err != nil {
		t.Fatal(err)
	}
	want, err := table.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(compiled) {
		t.Error("table.json is not what the files in data give; make generate writes it anew")
	}
}
