package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ekyc/internal/keyring"
)

// heldVariable makes this test program the program itself, with the arguments that it holds.
const heldVariable = "EKYC_TEST_HOLDER"

// TestHolder is what the children of the next test run.
func TestHolder(t *testing.T) {
	text := os.Getenv(heldVariable)
	if text == "" {
		return
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 { // somebody who guards nothing
		if _, err := net.Dial("tcp", os.Getenv("EKYC_TEST_BELL")); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	os.Exit(run(context.Background(), args, &console{out: os.Stdout, err: os.Stderr}))
}

// keyHolders are the commands that hold root keys.
var keyHolders = [][]string{
	{"up"}, {"serve"}, {"worker"}, {"admin", "operator", "a@example.com"}, {"audit", "export", "--to", "out"}, {"receipt", "keys"}, {"receipt", "rotate"},
	{"keys", "status"}, {"keys", "rotate-root"}, {"keys", "rewrap"}, {"keys", "retire-root"}, {"keys", "seal-root", "--with="}, {"keys", "rotate-tenant", "--tenant", "tnt_x"},
	{"backup", "create", "--out", "backup"},
}

// TestNoCommandLeavesItsKeysToACrash crashes each of them while it holds the root keys and waits for a database, where core dumps are allowed.
func TestNoCommandLeavesItsKeysToACrash(t *testing.T) {
	t.Parallel()
	if out, dumped, _ := crash(t, nil, nil); !dumped && strings.Contains(hardLimit(t), "unlimited") && corePattern(t) == "core" {
		t.Errorf("a process that guards nothing leaves no core dump, so that this test shows nothing: %.500s", out)
	}
	for _, args := range keyHolders {
		t.Run(strings.Join(args[:min(2, len(args))], " "), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "root.key")
			if _, err := keyring.Create(path); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, dumped, limits := crash(t, args, []string{"EKYC_DATA_DIR=" + folder, "EKYC_METRICS_LISTEN=", "HOME=" + folder})
			if dumped {
				t.Error("it leaves a core dump")
			}
			if !regexp.MustCompile(`Max core file size +0 +0 `).MatchString(limits) {
				t.Errorf("its limits are %s", limits)
			}
			if !bytes.Contains(out, []byte("SIGABRT")) || !bytes.Contains(out, []byte("goroutine ")) {
				t.Errorf("it did not crash: %.2000s", out)
			}
			for _, m := range regexp.MustCompile(`"value":\s*"([A-Za-z0-9+/=]+)"`).FindAllSubmatch(content, -1) {
				key, err := base64.StdEncoding.DecodeString(string(m[1]))
				if err != nil || len(key) < 32 {
					t.Fatal("that is no key", err)
				}
				key = key[len(key)-32:] // behind the tags of its message, or near them
				for _, form := range [][]byte{m[1], key[:16], []byte(hex.EncodeToString(key[8:24]))} {
					if bytes.Contains(out, form) {
						t.Error("the crash shows a key")
					}
				}
			}
		})
	}
}

// crash starts a command whose database is an address where nobody speaks, waits until it asks there, and aborts it.
func crash(t *testing.T, args, environment []string) (out []byte, dumped bool, limits string) {
	t.Helper()
	bell, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bell.Close()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	if args == nil {
		text = []byte("[]")
	}
	directory := t.TempDir()
	child := exec.CommandContext(t.Context(), "/bin/sh", "-c", `ulimit -c unlimited 2>/dev/null; exec "$0" "$@"`, os.Args[0], "-test.run=^TestHolder$")
	child.Dir = directory
	child.Env = append(append(os.Environ(), environment...), heldVariable+"="+string(text), "EKYC_TEST_BELL="+bell.Addr().String(), "GOTRACEBACK=crash",
		fmt.Sprintf("EKYC_DATABASE_URL=postgres://nobody@%s/none?sslmode=disable", bell.Addr()))
	var said bytes.Buffer
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	bell.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	conn, err := bell.Accept()
	if err != nil {
		child.Process.Kill()
		child.Wait()
		t.Fatalf("it does not ask for its database: %s", said.Bytes())
	}
	defer conn.Close()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", child.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	child.Process.Signal(syscall.SIGABRT)
	child.Wait()
	cores, err := filepath.Glob(filepath.Join(directory, "core*"))
	return said.Bytes(), len(cores) > 0 || err != nil, string(content)
}

func corePattern(t *testing.T) string {
	content, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// hardLimit is how large a core dump a child may ask for.
func hardLimit(t *testing.T) string {
	out, err := exec.Command("/bin/sh", "-c", "ulimit -c unlimited; ulimit -c").Output()
	if err != nil {
		return ""
	}
	return string(out)
}
