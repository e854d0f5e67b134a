package api

import (
	"encoding/base64"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"ekyc"
)

// longBase64 is a text that is lifted, with so many bytes more than the shortest.
func longBase64(more int) string {
	image := make([]byte, longText*3/4+3+more)
	source := rand.NewChaCha8([32]byte{byte(more)})
	source.Read(image)
	return base64.StdEncoding.EncodeToString(image)
}

// sameAsWhole decodes a body in both ways, and says whether the first has lifted anything and gone through.
func sameAsWhole(t *testing.T, body string) (quick bool) {
	t.Helper()
	var got, want VerifyBody
	gotErr, wantErr := decode([]byte(body), &got), decodeWhole([]byte(body), &want)
	if ekyc.CodeOf(gotErr) != ekyc.CodeOf(wantErr) || !reflect.DeepEqual(got, want) && wantErr == nil {
		t.Fatalf("%v where the whole body gives %v", gotErr, wantErr)
	}
	if l := lift([]byte(body)); len(l.images) > 0 {
		var into VerifyBody
		return l.decode(&into)
	}
	return false
}

func TestLongImagesAreLiftedOutOfABody(t *testing.T) {
	t.Parallel()
	a, b := longBase64(0), longBase64(1)
	quick := map[string]bool{
		`{"image_live_base64":"` + a + `","image_front_base64":"` + b + `"}`:                           true,
		`{ "frames_base64" : [ "` + a + `" , "AAAA", "` + a + `" ], "image_front_base64":"` + b + `"}`: true,
		`{"image_live_base64":"` + a + `","image_front_base64":"AAAA","hints":{"pose":true}}`:          true,
		`{"image_live_base64":"` + a + `","image_front_base64":"AAAA","metadata":{"x":"` + b + `"}}`:   false, // not an image
		`{"image_live_base64":"` + a + `","image_front_base64":"AAAA","subject_ref":"\"` + b + `"}`:    false, // part of a string
		`{"image_live_base64":"` + a + `","image_live_base64":"` + b + `"}`:                            false, // twice
		`{"image_live_base64":"` + a + `","unknown":"` + b + `"}`:                                      false,
		`{"` + a + `":"` + b + `"}`:                                          false,
		`{"image_live_base64":"` + a[:len(a)-1] + `"}`:                       false, // not whole quanta
		`{"image_live_base64":"` + a[:len(a)-4] + `AB=="}`:                   false, // bits left over
		`{"image_live_base64":"` + a[:len(a)/2] + `\n` + a[len(a)/2:] + `"}`: false,
		`{"image_live_base64":"` + strings.Replace(a, "A", "-", 1) + `"}`:    false,
		`{"image_live_base64":"` + a + `"`:                                   false,
		`{"image_live_base64":"` + a:                                         false,
		a:                                                                    false,
		`"` + a + `"`:                                                        false,
	}
	for body, want := range quick {
		if got := sameAsWhole(t, body); got != want {
			t.Errorf("%.40s… %.40s: lifted %v, want %v", body, body[len(body)-min(40, len(body)):], got, want)
		}
	}
	l := lift([]byte(`{"image_live_base64":"` + a + `"}`))
	var into VerifyBody
	l.body = []byte(strings.Replace(string(l.body), "}", `,"image_front_base64":"`+l.name+`0"}`, 1))
	if l.decode(&into) || into.ImageFront != nil {
		t.Error("one image stands in two places")
	}
}

// FuzzLongBodies puts long texts into whatever bodies: both ways of decoding agree.
func FuzzLongBodies(f *testing.F) {
	long := longBase64(5)
	f.Add(`{"image_live_base64":"`, 0, `","image_front_base64":"`, 4, `"}`)
	f.Add(`{"subject_ref":"\"`, 0, `","image_live_base64":"`, 1, `="}`)
	f.Fuzz(func(t *testing.T, head string, cut int, middle string, cutAgain int, tail string) {
		at := func(n int) string { return long[:len(long)-(n&0xff)] }
		sameAsWhole(t, head+at(cut)+middle+at(cutAgain)+tail)
	})
}
