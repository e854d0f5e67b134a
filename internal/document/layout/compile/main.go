// Command compile reads the layouts of documents in data, checks them, and writes them into table.json, which the program reads
// at its start. It is run by go generate in the directory of package layout.
package main

import (
	"fmt"
	"os"

	"ekyc/internal/document/layout"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	table, err := layout.Load(os.DirFS("."), "data")
	if err != nil {
		return err
	}
	text, err := table.Compile()
	if err != nil {
		return err
	}
	return os.WriteFile("table.json", text, 0o644)
}
