package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"ekyc"
	"ekyc/internal/document"
)

// CoverageCmd is `ekyc coverage`.
type CoverageCmd struct {
	Country string `help:"Only this country: any code of ISO 3166-1 or ICAO." placeholder:"CODE"`
	Type    string `help:"Only this type of document." enum:",passport,id_card,driver_license,residence_permit,other" default:""`
	JSON    bool   `help:"Print JSON, as GET /v1/coverage has it."`
}

// Run prints what is read of which documents, and how that was tested.
func (cmd *CoverageCmd) Run(c *console) error {
	country := ""
	if cmd.Country != "" {
		known, ok := ekyc.CountryByCode(strings.ToUpper(cmd.Country))
		if !ok || known.Alpha3 == "" {
			return ekyc.Errorf(ekyc.ErrInvalidArgument, "there is no country of this code")
		}
		country = known.Alpha3
	}
	list := []document.Coverage{}
	for _, entry := range document.Covered() {
		if (country == "" || entry.Country == country || entry.Country == "*") && (cmd.Type == "" || string(entry.Type) == cmd.Type) {
			list = append(list, entry)
		}
	}
	if cmd.JSON {
		return writeJSON(c.out, list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "COUNTRY\tTYPE\tSOURCE\tBY\tFIELDS\tTESTED")
	for _, entry := range list {
		kind := string(entry.Type)
		if entry.Subtype != "" {
			kind = entry.Subtype
		}
		for _, part := range entry.Reads {
			by := part.Standard
			if part.Source == document.FromVisual && len(entry.Documents) > 0 && by == "national layout" {
				names := make([]string, len(entry.Documents))
				for i, d := range entry.Documents {
					names[i] = d.Name
				}
				by = strings.Join(names, "; ")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", entry.Country, kind, part.Source, by, len(part.Fields), part.Tested)
		}
	}
	return w.Flush()
}
