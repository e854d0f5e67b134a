package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ekyc"
	"ekyc/internal/engine"
)

func TestTheDoctorTellsOneJSONValue(t *testing.T) {
	t.Parallel()
	well, sick := engine.Diagnosis{Model: "a", Healthy: true}, engine.Diagnosis{Model: "b", Problem: "it is not there"}
	for _, diagnoses := range [][]engine.Diagnosis{{well}, {well, sick}} {
		var out bytes.Buffer
		c := &console{out: &out, err: &out}
		err := tellDiagnoses(c, diagnoses, true)
		if err != nil {
			c.fail(err, true)
		}
		if (ekyc.CodeOf(err) == ekyc.ErrModelAltered) != (len(diagnoses) == 2) {
			t.Errorf("%d diagnoses: %v", len(diagnoses), err)
		}
		var value any
		if err := json.Unmarshal(out.Bytes(), &value); err != nil {
			t.Errorf("%d diagnoses: %v", len(diagnoses), err)
		}
		for _, d := range diagnoses {
			if !strings.Contains(out.String(), `"`+d.Model+`"`) {
				t.Errorf("nothing is said of %s", d.Model)
			}
		}
	}
}
