package models

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ekyc"
)

// asset is a well-formed local entry for content, to be bent by the tests.
func asset(name string, content []byte) Asset {
	return Asset{
		Name: name, Kind: KindModel, Job: "test", File: name + ".onnx", SHA256: digestOf(content), Bytes: int64(len(content)),
		Source: Source{Manager: Local}, Licence: "CC0-1.0", Origin: Origin{Documented: true, Statement: "made by the test"},
		Profiles: []string{"standard", "strict"}, Card: "none",
	}
}

func TestShippedLockIsWellFormed(t *testing.T) {
	t.Parallel()
	lock, err := ShippedLock()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]Asset{}
	for _, a := range lock.Assets {
		names[a.Name] = a
		if a.Kind == KindModel && (len(a.Inputs) == 0 || len(a.Outputs) == 0) {
			t.Errorf("%s names no tensors", a.Name)
		}
		if strings.Contains(a.Origin.Statement+a.Job+a.Licence, "://") {
			t.Errorf("%s names an address", a.Name)
		}
	}
	for _, name := range []string{
		"onnxruntime", "face_detector", "face_detector_fast", "face_landmarks", "iris", "face_embedding", "face_embedding_192", "face_embedding_dlib", "eye_state",
		"presentation_attack", "presentation_attack_tree", "head_pose", "text_detector", "text_recogniser", "text_dictionary", "text_recogniser_accurate",
		"text_dictionary_accurate", "text_direction", "page_orientation",
	} {
		if _, ok := names[name]; !ok {
			t.Errorf("%s is not in the lock", name)
		}
	}
	if undocumented := names["face_embedding"]; slices.Contains(undocumented.Profiles, string(Strict)) {
		t.Error("face_embedding has no documented origin and is in the strict profile")
	}
}

func TestParseLockRefuses(t *testing.T) {
	t.Parallel()
	good := `{"format":1,"assets":[{"name":"a","kind":"model","job":"j","file":"a.onnx","sha256":"` + strings.Repeat("ab", 32) + `","bytes":1,
		"source":{"manager":"local"},"licence":"MIT","origin":{"documented":true,"statement":"s"},"profiles":["standard"]}]}`
	if _, err := ParseLock([]byte(good)); err != nil {
		t.Fatalf("the unbent lock is refused: %v", err)
	}
	for _, bend := range [][2]string{
		{`"format":1`, `"format":2`},
		{`"job":"j"`, `"job":""`},
		{`"job":"j"`, `"job":"j","jobb":"j"`},
		{`"name":"a"`, `"name":"a b"`},
		{`"kind":"model"`, `"kind":"modell"`},
		{`"file":"a.onnx"`, `"file":"../a.onnx"`},
		{`"file":"a.onnx"`, `"file":".hidden"`},
		{`"bytes":1`, `"bytes":0`},
		{`"licence":"MIT"`, `"licence":""`},
		{`"sha256":"ab`, `"sha256":"AB`},
		{`"sha256":"ab`, `"sha256":"`},
		{`"manager":"local"`, `"manager":"url"`},
		{`"manager":"local"`, `"manager":"npm","package":"p","version":"1","files":[{"path":"x","sha256":"` + strings.Repeat("ab", 32) + `"}]`},
		{`["standard"]`, `["strictest"]`},
		{`["standard"]`, `[]`},
		{`"documented":true,"statement":"s"},"profiles":["standard"]`, `"documented":false,"statement":"s"},"profiles":["strict"]`},
		{`"profiles"`, `"preprocessing":{"layout":"NCHW","colour":"RGB","width":1,"height":1,"mean":[0,0],"std":[1,1],"geometry":"g"},"profiles"`},
		{`"profiles"`, `"preprocessing":{"layout":"NCHW","colour":"RGB","width":1,"height":1,"mean":[0],"std":[0],"geometry":"g"},"profiles"`},
		{`]}]}`, `]},`},
		{`]}]}`, `]}]} {"format":1}`},
	} {
		bent := strings.Replace(good, bend[0], bend[1], 1)
		if bent == good {
			t.Fatalf("%q does not occur", bend[0])
		}
		if _, err := ParseLock([]byte(bent)); err == nil {
			t.Errorf("accepted with %s in place of %s", bend[1], bend[0])
		}
	}
}

func TestParseLockRefusesTwins(t *testing.T) {
	t.Parallel()
	entry := func(name, file, platform string) string {
		return `{"name":"` + name + `","kind":"model","job":"j","file":"` + file + `","platform":"` + platform + `","sha256":"` + strings.Repeat("ab", 32) +
			`","bytes":1,"source":{"manager":"local"},"licence":"MIT","origin":{"documented":true,"statement":"s"},"profiles":["standard"]}`
	}
	lock := func(entries ...string) error {
		_, err := ParseLock([]byte(`{"format":1,"assets":[` + strings.Join(entries, ",") + `]}`))
		return err
	}
	if lock(entry("a", "f", ""), entry("a", "g", "")) == nil || lock(entry("a", "f", ""), entry("b", "f", "")) == nil {
		t.Error("two assets share a name or a file")
	}
	if err := lock(entry("a", "f", "linux/amd64"), entry("a", "f", "linux/arm64")); err != nil {
		t.Errorf("one asset for two platforms: %v", err)
	}
	debian := func(name string) string {
		return strings.Replace(entry(name, "", ""), `"local"`, `"apt","package":"p"`, 1)
	}
	if err := lock(debian("a"), debian("b")); err != nil {
		t.Errorf("two Debian packages, which name no file: %v", err)
	}
}

func TestLibraryVerifiesAtEveryLoad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(r, "content")
		at := rapid.IntRange(0, len(content)-1).Draw(r, "at")
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		a := asset("net", content)
		library, err := open(Lock{Assets: []Asset{a}}, dir, Strict)
		if err != nil {
			r.Fatal(err)
		}
		if _, err := library.Bytes("net"); ekyc.CodeOf(err) != ekyc.ErrModelMissing {
			r.Fatalf("absent file: %v", err)
		}
		file := filepath.Join(dir, a.File)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			r.Fatal(err)
		}
		if got, err := library.Bytes("net"); err != nil || !bytes.Equal(got, content) {
			r.Fatalf("got %x, %v", got, err)
		}
		if path, err := library.Path("net"); err != nil || path != file {
			r.Fatalf("got %s, %v", path, err)
		}
		content[at] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			r.Fatal(err)
		}
		if _, err := library.Bytes("net"); ekyc.CodeOf(err) != ekyc.ErrModelAltered {
			r.Fatalf("altered file, Bytes: %v", err)
		}
		if _, err := library.Path("net"); ekyc.CodeOf(err) != ekyc.ErrModelAltered {
			r.Fatalf("altered file, Path: %v", err)
		}
	})
}

func TestErrorsNameTheCommandThatMends(t *testing.T) {
	t.Parallel()
	library, err := Open(t.TempDir(), Standard)
	if err != nil {
		t.Fatal(err)
	}
	_, missingModel := library.Bytes("face_detector")
	_, missingRuntime := library.Path("onnxruntime")
	if ekyc.CodeOf(missingModel) != ekyc.ErrModelMissing || ekyc.CodeOf(missingRuntime) != ekyc.ErrRuntimeMissing {
		t.Errorf("codes %s and %s", ekyc.CodeOf(missingModel), ekyc.CodeOf(missingRuntime))
	}
	a, _ := library.Asset("face_detector")
	if err := os.WriteFile(filepath.Join(library.Dir(), a.File), []byte("not a network"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, altered := library.Bytes("face_detector")
	if ekyc.CodeOf(altered) != ekyc.ErrModelAltered {
		t.Errorf("code %s", ekyc.CodeOf(altered))
	}
	for _, err := range []error{missingModel, missingRuntime, altered, library.Verify()} {
		if !strings.Contains(err.Error(), "ekyc models pull") {
			t.Errorf("%q does not name the command", err)
		}
	}
}

func TestListTellsStates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, altered, absent := asset("here", []byte("1")), asset("altered", []byte("2")), asset("absent", []byte("3"))
	for _, name := range []string{"here.onnx", "altered.onnx"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	library, err := open(Lock{Assets: []Asset{here, altered, absent}}, dir, Standard)
	if err != nil {
		t.Fatal(err)
	}
	want := []Status{{here, Verified}, {altered, Altered}, {absent, Missing}}
	if diff := cmp.Diff(want, library.List()); diff != "" {
		t.Error(diff)
	}
	fault := library.Verify()
	if fault == nil || strings.Contains(fault.Error(), "here.onnx") || !strings.Contains(fault.Error(), "altered.onnx") || !strings.Contains(fault.Error(), "absent.onnx") {
		t.Errorf("verify says %v", fault)
	}
}

func TestStrictProfileHoldsDocumentedOriginOnly(t *testing.T) {
	t.Parallel()
	strict, err := Open(t.TempDir(), Strict)
	if err != nil {
		t.Fatal(err)
	}
	standard, err := Open(t.TempDir(), Standard)
	if err != nil {
		t.Fatal(err)
	}
	if len(strict.Undocumented()) != 0 || len(standard.Undocumented()) == 0 {
		t.Errorf("undocumented: %d in strict, %d in standard", len(strict.Undocumented()), len(standard.Undocumented()))
	}
	if !standard.Has("face_embedding") || strict.Has("face_embedding") || !strict.Has("face_embedding_dlib") {
		t.Error("the profiles hold the wrong embeddings")
	}
	if _, err := Open(t.TempDir(), "lenient"); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument {
		t.Errorf("unknown profile: %v", err)
	}
}

const localLock = `{"format":1,"assets":[{"name":"face_embedding","kind":"model","job":"512-d face embedding","file":"mine.onnx",
	"sha256":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","bytes":1,"source":{"manager":"local"},"licence":"Apache-2.0",
	"origin":{"documented":true,"statement":"trained by the operator"},"profiles":["standard","strict"],"card":"CARD",
	"preprocessing":{"layout":"NCHW","colour":"BGR","width":112,"height":112,"mean":[127.5],"std":[128],"geometry":"warp","template":"arcface112"}}]}`

func TestOperatorsOwnWeightsReplaceShippedOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{LocalLockFile: localLock, "mine.onnx": "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, profile := range Profiles {
		library, err := Open(dir, profile)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := library.Bytes("face_embedding"); err != nil || string(content) != "1" {
			t.Errorf("%s: got %q, %v", profile, content, err)
		}
		if a, _ := library.Asset("face_embedding"); a.Preprocessing.Colour != "BGR" || a.Card != "CARD" {
			t.Errorf("%s: the entry is %+v", profile, a)
		}
	}
}

func TestOperatorsWeightsNeedACard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, LocalLockFile), []byte(strings.Replace(localLock, "CARD", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Standard); ekyc.CodeOf(err) != ekyc.ErrInvalidArgument || !strings.Contains(err.Error(), "card") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultDirTakesTheEnvironment(t *testing.T) {
	t.Setenv(DirectoryVariable, "/somewhere/else")
	if got := DefaultDir(); got != "/somewhere/else" {
		t.Errorf("got %s", got)
	}
	t.Setenv(DirectoryVariable, "")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	if got := DefaultDir(); got != "/cache/ekyc/models" {
		t.Errorf("got %s", got)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add(embeddedLock)
	f.Add([]byte(localLock))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := ParseLock(data)
		if err != nil {
			return
		}
		for _, a := range lock.Assets {
			if a.Source.Manager != Apt && filepath.Base(a.File) != a.File {
				t.Errorf("accepted the file name %q", a.File)
			}
		}
	})
}

func TestEmbeddedWeightsAreAsPinned(t *testing.T) {
	t.Parallel()
	library, err := Open(t.TempDir(), Strict)
	if err != nil {
		t.Fatal(err)
	}
	embedded := 0
	for _, s := range library.List() {
		if s.Asset.Source.Manager != Embedded {
			continue
		}
		embedded++
		content, err := library.Bytes(s.Asset.Name)
		if err != nil || int64(len(content)) != s.Asset.Bytes || s.State != Verified {
			t.Errorf("%s: %d bytes, state %s, %v", s.Asset.Name, len(content), s.State, err)
		}
	}
	if embedded == 0 {
		t.Error("the program embeds no weights")
	}
}
