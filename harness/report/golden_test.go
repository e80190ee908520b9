package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/slo"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", path, got)
	}
}

func TestMarkdownGolden(t *testing.T) { golden(t, MarkdownFile, Markdown(results(found()))) }

func TestJUnitGolden(t *testing.T) {
	text, err := JUnit(results(found()))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, JUnitFile, text)
}

func TestEveryVerdictIsItsOwnOutcomeInJUnit(t *testing.T) {
	for state, want := range map[slo.State][2]int{slo.Pass: {0, 0}, slo.Fail: {1, 0}, slo.Inconclusive: {0, 1}, "": {0, 1}, "odd": {0, 1}} {
		text, err := JUnit(Results{Verdicts: []slo.Verdict{{Name: "x", Verdict: state}}})
		if err != nil {
			t.Fatal(err)
		}
		var got junitSuites
		if err := xml.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		c := got.Suites[0].Cases[0]
		if got.Failures != want[0] || got.Errors != want[1] || (c.Failure != nil) != (want[0] == 1) || (c.Error != nil) != (want[1] == 1) {
			t.Errorf("%q: %s", state, text)
		}
	}
}

// hostile is a finding that tries everything.
var hostile = slo.ToolFinding{
	Severity: "critical", Kind: "x|y\n\n# owned", Node: "</td><script>alert(1)</script>",
	Culprit: "etcd/server]]>\x00<!--|`*_[a](javascript:x)\u202e@everyone",
	Evidence: "| a | b |\n|---|---|\n```\nhttps://evil.example www.evil.example <img src=x> ![i](http://e) $x$ &lt; -----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n" +
		strings.Repeat("A", 1<<16),
}

func TestAHostileFindingDoesNotBreakTheMarkdown(t *testing.T) {
	spoilt := found()
	spoilt.Culprit += "/other" // as many rows as the hostile one has
	want, got := strings.Split(string(Markdown(results(spoilt))), "\n"), strings.Split(string(Markdown(results(hostile))), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	bare := regexp.MustCompile("(^|[^\\\\])[`*_\\[\\]]|[<>]|://|www\\.|\\x00|\u202e|@")
	for i, line := range got {
		if n := strings.Count(line, "|"); n != strings.Count(want[i], "|") {
			t.Errorf("line %d has %d cells: %s", i+1, n, line)
		}
		if len(line) > 5000 {
			t.Errorf("line %d has %d bytes", i+1, len(line))
		}
		if !strings.Contains(line, "evil") && !strings.Contains(line, "script") && !strings.Contains(line, "everyone") {
			continue
		}
		own := regexp.MustCompile("`[+-][0-9.]+ s`|\\*\\*(pass|fail|inconclusive|no)\\*\\*").ReplaceAllString(line, "")
		if found := bare.FindString(own); found != "" {
			t.Errorf("line %d has a bare %q: %s", i+1, found, line)
		}
	}
	if text := strings.Join(got, "\n"); strings.Contains(text, "MHcCAQEE") || strings.Contains(text, "AAAA") {
		t.Error("a private key is in the report")
	} else if !strings.Contains(text, "evil") {
		t.Error("the finding is not in the report: nothing was tested")
	}
}

func TestAHostileFindingDoesNotBreakTheXML(t *testing.T) {
	r := results(hostile)
	r.Verdicts[1].Name = "]]><x a='\"\x00"
	r.Verdicts[1].Reasons = append(r.Verdicts[1].Reasons, strings.Repeat("long ", 1<<16), "</failure>")
	for range 1000 {
		r.Verdicts[1].Reasons = append(r.Verdicts[1].Reasons, "more")
	}
	text, err := JUnit(r)
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if n := len(got.Suites[0].Cases); n != 3 || got.Suites[0].Cases[1].Failure == nil && got.Suites[0].Cases[1].Error == nil {
		t.Errorf("%d cases:\n%s", n, text)
	}
	if len(text) > 32<<10 {
		t.Errorf("%d bytes", len(text))
	}
}

func TestAReportOfNothingIsNoPass(t *testing.T) {
	text := string(Markdown(Results{Exit: slo.ExitCode(nil)}))
	if !strings.Contains(text, "0 scenarios, 0 pass") || !strings.Contains(text, "exit code 2 (inconclusive)") {
		t.Error(text)
	}
	var v slo.Verdict // of no known state
	if text := string(Markdown(Results{Verdicts: []slo.Verdict{v}})); !strings.Contains(text, "0 pass, 0 fail, 1 inconclusive") || !strings.Contains(text, "**unknown**") {
		t.Error(text)
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	for _, text := range []string{
		"-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- CANARY",
		"client-key-data: CANARY", `"client-key-data":"CANARY"`, "Authorization: Bearer CANARYCANARY", "abcdef.0123456789canary",
		"eyJhbGciOiJSUzI1NiIs.CANARY.CANARY", "LS0tLS1CRUdJTiCANARY",
	} {
		for _, got := range []string{redact.String("a " + text + " b"), plain(text, 100), markdown(text, 100)} {
			if strings.Contains(strings.ToLower(got), "canary") {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
	const harmless = "certificate etcd/server on nov30-control-plane is after 2019-11-30T10:29:08Z (https://172.18.0.2:2379)"
	if got := plain(harmless, 200); got != harmless {
		t.Errorf("%q became %q", harmless, got)
	}
}
