package unit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/journal"
)

const armed = "ActiveState=active\nSubState=waiting\nUnitFileState=enabled\nNextElapseUSecMonotonic="

func answer(out string, err error) func(context.Context, []byte, []string) ([]byte, error) {
	return func(context.Context, []byte, []string) ([]byte, error) { return []byte(out), err }
}

func TestStatusSaysWhetherTheTimerCountsAndWhenItFires(t *testing.T) {
	u, n := place(t)
	now, err := monotonic()
	if err != nil {
		t.Fatal(err)
	}
	n.Commands["systemctl"] = answer(armed+(now+20*time.Second).Round(time.Microsecond).String()+"\n", nil)
	if _, err := u.Status(t.Context()); err == nil { // Go's way to write a time span is not systemd's
		t.Error("a time span in other units was read")
	}
	n.Commands["systemctl"] = func(_ context.Context, _ []byte, argv []string) ([]byte, error) {
		if argv[1] != "show" || argv[len(argv)-1] != TimerName {
			t.Errorf("asked %q", argv)
		}
		return []byte(armed + systemdSpan(now+20*time.Second) + "\n"), nil
	}
	n.Put("/f", []byte("healthy"), 0o600)
	change(t, u, n, "/f", "expired")
	s, err := u.Status(t.Context())
	if err != nil || !s.Armed || s.FiresIn > 20*time.Second || s.FiresIn < 15*time.Second || s.Pending != 1 || s.Fired != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := u.Revert(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	n.Commands["systemctl"] = answer("ActiveState=active\nSubState=elapsed\nUnitFileState=enabled\nNextElapseUSecMonotonic=infinity\n", nil)
	s, err = u.Status(t.Context())
	if err != nil || s.Armed || s.State != "active/elapsed/enabled" || s.FiresIn != 0 || s.Pending != 0 || s.Fired == nil || len(s.Fired.Reverted) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseStatus(text); err != nil || back.State != s.State || back.Fired.At != s.Fired.At {
		t.Errorf("%s came back as %+v, %v", text, back, err)
	}
}

// systemdSpan writes a time span as systemd does, with one unit missing in the middle.
func systemdSpan(d time.Duration) string {
	s := d.Round(time.Microsecond)
	days := s / (24 * time.Hour)
	text := ""
	if days > 0 {
		text = (days * time.Nanosecond).String()
		text = strings.TrimSuffix(text, "ns") + "d "
	}
	rest := (s % (24 * time.Hour)).Seconds()
	out, _ := json.Marshal(rest)
	return text + string(out) + "s"
}

func TestATimerThatDoesNotCountIsNotArmed(t *testing.T) {
	for _, show := range []string{
		"ActiveState=inactive\nSubState=dead\nUnitFileState=\nNextElapseUSecMonotonic=\n",
		"ActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nNextElapseUSecMonotonic=infinity\n",
		"ActiveState=active\nSubState=waiting\nUnitFileState=disabled\nNextElapseUSecMonotonic=1h\n", // gone after a restart
		"ActiveState=active\nSubState=running\nUnitFileState=enabled\nNextElapseUSecMonotonic=infinity\n",
		"ActiveState=failed\nSubState=failed\nUnitFileState=enabled\nNextElapseUSecMonotonic=infinity\n",
	} {
		if s, _, err := parseTimer(show); err != nil || s.Armed || s.State == "" {
			t.Errorf("%q: %+v, %v", show, s, err)
		}
	}
	for _, show := range []string{"", "what?", armed + "\n", armed + "infinity\n", armed + "soon\n"} {
		if s, _, err := parseTimer(show); err == nil {
			t.Errorf("%q: %+v without an error", show, s)
		}
	}
}

func TestStatusFailsWhereSomethingCannotBeKnown(t *testing.T) {
	u, n := place(t)
	n.Commands["systemctl"] = answer("", errors.New("Failed to connect to bus"))
	if _, err := u.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "bus") {
		t.Errorf("systemd is silent: %v", err)
	}
	n.Commands["systemctl"] = answer(armed+"1h 1s\n", nil)
	n.Put("/f", []byte("healthy"), 0o600)
	change(t, u, n, "/f", "expired")
	change(t, u, n, "/g", "new")
	path := journals(t, u)[0].Path
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte(`"path":"/f"`), []byte(`"path":"/x"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := u.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "entry 1 is damaged") {
		t.Errorf("the journal is damaged: %+v, %v", s, err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(u.Dir+"/"+markName, []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err := u.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "mark cannot be read") {
		t.Errorf("the mark is damaged: %+v, %v", s, err)
	}
}

func TestTimespansOfSystemd(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":                       -1,
		"3h 24min 17.023478s":     3*time.Hour + 24*time.Minute + 17*time.Second + 23478*time.Microsecond,
		"1w 2d 5ms":               9*24*time.Hour + 5*time.Millisecond,
		"1month 3us":              2629800*time.Second + 3*time.Microsecond,
		"2y":                      2 * 31557600 * time.Second,
		"1.5s":                    1500 * time.Millisecond,
		"":                        -1,
		"infinity":                -1,
		"5":                       -1,
		"5 s":                     -1,
		"-5s":                     -1,
		"5 minutes":               -1,
		"NaNs":                    -1,
		"99999999999y":            -1,
		"1h30m":                   -1,
		"1s 1s":                   2 * time.Second,
		"9223372036s":             9223372036 * time.Second,
		"9223372036s 854775807us": -1,
	} {
		got, err := parseTimespan(text)
		if diff := got - want; (want < 0) != (err != nil) || err == nil && diff.Abs() > time.Microsecond {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestTheUnitsCountOnTheMonotonicClockToTheMoment(t *testing.T) {
	timer := Timer(90 * time.Second)
	for _, want := range []string{"\nOnActiveSec=90000000us\n", "\nAccuracySec=100ms\n", "\nWantedBy=timers.target\n", "\nUnit=" + ServiceName + "\n"} {
		if !strings.Contains(timer, want) {
			t.Errorf("the timer does not say %q:\n%s", want, timer)
		}
	}
	for _, wall := range []string{"OnCalendar", "OnClockChange", "OnTimezoneChange", "Persistent", "OnBootSec"} {
		if strings.Contains(timer, wall) {
			t.Errorf("the timer listens to the wall clock, or counts from something else: %s", wall)
		}
	}
	if service := Service("n1"); !strings.Contains(service, "\nExecStart=/var/lib/nov30/nov30-node revert --node=n1\n") || !strings.Contains(service, "\nType=oneshot\n") {
		t.Errorf("the service is\n%s", service)
	}
}

func FuzzReadRequest(f *testing.F) {
	whole, err := json.Marshal(Request{meta("a"), journal.Inverse{Op: journal.RestoreFile, Node: "n", Path: "/f", Preimage: []byte("x"), Mode: 0o600}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(whole), string(whole[:40]), string(whole) + "{}", "", "null", "{}", `{"inverse":{"op":"rm -rf"},"meta":{}}`, `{"more":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, receipt, err := ReadRequest(bytes.NewReader(data))
		if err != nil {
			if strings.Contains(err.Error(), "canary") || receipt != (Receipt{}) {
				t.Fatalf("%v, receipt %v", err, receipt)
			}
			return
		}
		if receipt != NewReceipt(data) {
			t.Fatalf("a receipt for something else: %v", receipt)
		}
		again, err := json.Marshal(q)
		if err != nil {
			t.Skip() // a time that JSON has no way to write, such as the year 10000
		}
		if back, _, err := ReadRequest(bytes.NewReader(again)); err != nil || back.Inverse.String() != q.Inverse.String() || !bytes.Equal(back.Inverse.Preimage, q.Inverse.Preimage) {
			t.Fatalf("%s came back as %v, %v", again, back, err)
		}
	})
}

func FuzzParseTimer(f *testing.F) {
	for _, seed := range []string{armed + "3h 24min 17.023478s\n", armed, "", "ActiveState=x", armed + "1y 1month 1w 1d 1h 1min 1s 1ms 1us"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, show string) {
		s, elapses, err := parseTimer(show)
		if err == nil && (s.State == "" || elapses < 0 || s.Armed != (s.State == "active/waiting/enabled")) {
			t.Fatalf("%+v in %v", s, elapses)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	for _, seed := range []string{`{"armed":true,"state":"active/waiting/enabled","fires_in_ns":5,"fired":null,"pending":1}`, `{}`, `{"state":"x","fired":{"at":"2019-11-30T10:29:08Z","reverted":null}}`, "", "null"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseStatus(data); err == nil && s.State == "" {
			t.Fatalf("%+v", s)
		}
	})
}
