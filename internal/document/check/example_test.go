package check_test

import (
	"fmt"
	"time"

	"ekyc"
	"ekyc/internal/document/check"
)

// Bare lines of a passport are validated by everything that their zone can prove.
func ExampleValidate() {
	result := check.Validate(check.Input{
		MRZ: &check.MRZ{Given: true, Lines: []string{
			"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
			"L898902C36UTO7408122F1204159ZE184226B<<<<<10",
		}},
		At:     time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC),
		Policy: check.Policy{SpecimensAllowed: true},
	})
	fmt.Println("valid:", result.DocumentValid, "zone:", result.MRZValid, "expired:", result.Expired)
	for _, c := range result.Checks {
		if c.Name == "mrz_checksum" || c.Status == ekyc.Fail {
			fmt.Println(c.Name, c.Status, c.Severity+":", c.Message)
		}
	}
	// Output:
	// valid: false zone: true expired: true
	// mrz_checksum pass critical: all 5 check digits hold
	// document_not_expired fail major: the document expired 5082 days ago, 0 days of grace are allowed
}
