package face

import (
	"testing"

	"ekyc"
)

func TestATargetBeyondTheCalibrationIsRefused(t *testing.T) {
	t.Parallel()
	c, err := CalibrationOfCard("some model", [3]float64{0.2, 0.3, 0.4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Judge(0.9, Options{TargetFMR: 1e-6}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("one in a million was promised: %v", err)
	}
	m, err := c.Judge(0.9, Options{TargetFMR: 1e-3})
	if err != nil || !m.Match || m.Threshold != 0.625 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := CalibrationOfCard("some model", [3]float64{0.4, 0.3, 0.2}); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("falling cosines were taken: %v", err)
	}
}
