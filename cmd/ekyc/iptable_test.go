package main

import (
	"path/filepath"
	"testing"

	"ekyc"
	"ekyc/internal/profile"
)

func TestOperatorsOwnIPTable(t *testing.T) {
	t.Parallel()
	table, err := readIPTable(write(t, "ranges.csv", []byte("8.8.8.0/24,SE\n")))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := profile.New(profile.Options{IPTable: table}).Check(t.Context(), profile.Input{IP: "8.8.8.8"})
	if err != nil || answer.Normalised.IPCountry != "SWE" {
		t.Errorf("the address is of %q (%v), want SWE", answer.Normalised.IPCountry, err)
	}
	if table, err := readIPTable(""); table != nil || err != nil {
		t.Errorf("without a file the table is %v (%v)", table, err)
	}
	for path, want := range map[string]ekyc.ErrorCode{
		filepath.Join(t.TempDir(), "none.csv"):              ekyc.ErrFileUnreadable,
		write(t, "bad.csv", []byte("8.8.8.0/24,SE\n1,2\n")): ekyc.ErrInvalidArgument,
	} {
		if _, err := readIPTable(path); ekyc.CodeOf(err) != want {
			t.Errorf("%s gives %v, want %s", path, err, want)
		}
	}
}
