package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ekyc"
	"ekyc/internal/gate"
	"ekyc/internal/vision"
)

// hostileTimeout is how long one hostile file may keep the program busy before it counts as a crash.
const hostileTimeout = 30 * time.Second

// fast is what "reject fast" grants: a bomb that is refused must not have been inflated first.
const fast = 2 * time.Second

// eicar is the antivirus test string of EICAR (2003), put together so that this program's own file does not contain it.
var eicar = []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`)

// hostileCase is one line of hostile/expected.json.
type hostileCase struct {
	File     string `json:"file"`
	Expected string `json:"expected"`
}

// outcome is what one file did to a child process that was given it.
type outcome struct {
	crashed  bool
	accepted bool
	code     ekyc.ErrorCode
	elapsed  time.Duration // of decoding; of the whole process where the file was refused
	rssMB    float64
}

// hostile gives each file to a process of its own, which runs every module on it, so that a crash of native code is seen
// and counted and does not end the bench.
func (b *Bench) hostile(ctx context.Context) (*HostileResult, error) {
	dir := filepath.Join(b.dir, "hostile")
	var cases []hostileCase
	if err := readJSON(filepath.Join(dir, "expected.json"), &cases); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "ekyc-hostile-")
	if err != nil {
		return nil, unreadable("a temporary folder", err)
	}
	defer os.RemoveAll(work)
	var asExpected tally
	result := &HostileResult{}
	progress := b.progress("hostile", len(cases))
	for _, c := range cases {
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		path := filepath.Join(dir, c.File)
		if c.Expected == "infected" {
			path = filepath.Join(work, "eicar.jpg")
			if err := os.WriteFile(path, eicar, 0o600); err != nil {
				return nil, unreadable(path, err)
			}
		}
		o := b.probe(ctx, path)
		if o.crashed {
			result.Crashes++
		}
		result.PeakRSSMB = max(result.PeakRSSMB, o.rssMB)
		ok := c.met(o, path)
		asExpected.add(ok)
		if !ok {
			b.fault("hostile/"+c.File, "expected "+c.Expected+", got "+o.String())
		}
		progress.step()
	}
	progress.done()
	result.AsExpected = asExpected.rate()
	return result, stopped(ctx)
}

// probe runs `ekyc inspect --read --json` on the file.
func (b *Bench) probe(ctx context.Context, path string) outcome {
	ctx, cancel := context.WithTimeout(ctx, hostileTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, b.program, "inspect", "--read", "--json", path)
	var stdout bytes.Buffer
	command.Stdout = &stdout
	start := time.Now()
	err := command.Run()
	elapsed := time.Since(start)
	o := outcome{}
	if command.ProcessState != nil {
		if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
			o.rssMB = float64(usage.Maxrss) / 1024
		}
	}
	var answer struct {
		ElapsedMS float64 `json:"elapsed_ms"`
		Error     *struct {
			Code ekyc.ErrorCode `json:"code"`
		} `json:"error"`
	}
	decodeErr := json.Unmarshal(stdout.Bytes(), &answer)
	var exit *exec.ExitError
	switch {
	case err == nil && decodeErr == nil:
		o.accepted = true
		o.elapsed = time.Duration(answer.ElapsedMS * float64(time.Millisecond))
	case errors.As(err, &exit) && exit.ExitCode() == exitBadInput && decodeErr == nil && answer.Error != nil && answer.Error.Code != ekyc.ErrInternal:
		o.code = answer.Error.Code
		o.elapsed = elapsed // a refusal does not tell its own time, and loads no model
	default:
		o.crashed = true
	}
	return o
}

// exitBadInput is the program's exit status for an input that it refuses.
const exitBadInput = 2

func (o outcome) String() string {
	switch {
	case o.crashed:
		return "a crash"
	case o.accepted:
		return "accepted in " + o.elapsed.Round(time.Millisecond).String()
	}
	return string(o.code)
}

// met compares an outcome with the words of expected.json.
func (c hostileCase) met(o outcome, path string) bool {
	if o.crashed {
		return false
	}
	switch c.Expected {
	case "reject", "infected", "sanitise": // a list of hostile file names is data and no image: refused by content, its names unused
		return !o.accepted
	case "accept":
		return o.accepted
	case "accept_or_reject_fast":
		return o.elapsed < fast
	case "reject_or_reencode":
		return !o.accepted || keptClean(path)
	case "no_crash", "reject_or_no_crash":
		return true
	}
	return false
}

// keptClean says whether the gate refuses a file, or what would be stored of it carries nothing that was appended to it.
func keptClean(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	clean, err := gate.Clean(data, documentLimits)
	return err != nil || !bytes.Contains(clean, []byte("PK\x03\x04")) && bytes.HasSuffix(clean, []byte{0xff, 0xd9})
}

// exif checks that what would be stored of a photograph is upright and says nothing of camera, place or time.
func (b *Bench) exif(ctx context.Context) (*EXIFResult, error) {
	dir := filepath.Join(b.dir, "exif")
	var cases []struct {
		File        string `json:"file"`
		Size        [2]int `json:"size"`
		Orientation int    `json:"orientation"`
		Make        string `json:"make"`
		Decodes     bool   `json:"decodes"`
	}
	if err := readJSON(filepath.Join(dir, "expected.json"), &cases); err != nil {
		return nil, err
	}
	var clean, upright tally
	progress := b.progress("exif", len(cases))
	for _, c := range cases {
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			return nil, unreadable(c.File, err)
		}
		out, err := gate.Clean(data, documentLimits)
		progress.step()
		if err != nil {
			if c.Decodes {
				clean.add(false)
				b.fault("exif/"+c.File, "refused: "+string(ekyc.CodeOf(err)))
			}
			continue
		}
		isClean := !bytes.Contains(bytes.Replace(out, orientationOnly, nil, 1), []byte("Exif\x00")) && (c.Make == "" || !bytes.Contains(out, []byte(strings.TrimSpace(c.Make))))
		clean.add(isClean)
		picture, err := vision.Decode(out, documentLimits)
		if c.Size == [2]int{} { // the truth does not say
			continue
		}
		want := c.Size
		if c.Orientation >= 5 {
			want[0], want[1] = want[1], want[0]
		}
		isUpright := err == nil && [2]int{picture.Native().Width, picture.Native().Height} == want
		upright.add(isUpright)
		if !isClean || !isUpright {
			b.fault("exif/"+c.File, "metadata left or not upright")
		}
	}
	progress.done()
	return &EXIFResult{clean.rate(), upright.rate()}, nil
}

// orientationOnly begins the Exif segment that the gate writes, which has room for one entry.
var orientationOnly = []byte("\xff\xe1\x00\x22Exif\x00\x00")
