package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nov30/nov30/harness/slo"
)

// FuzzEvents checks that what is read is numbered, survives being written again, and can be reported.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"seq":1,"at_ns":1,"kind":"phase","name":"steady","ok":true}` + "\n" + `{"seq":2,"at_ns":-5,"kind":"probe","name":"api","took_ns":9,"ok":true,"detail":"status 502"}` + "\n{"))
	f.Add([]byte(`{"seq":1,"kind":"finding","finding":{"severity":"critical"}}` + "\n"))
	f.Add([]byte(`{"seq":1,"at_ns":-9223372036854775808,"kind":"phase","name":"inject","ok":true}` + "\n" + `{"seq":2,"at_ns":9223372036854775807,"kind":"probe","name":"api","took_ns":9223372036854775807,"ok":false}` + "\n"))
	f.Add([]byte(`{"seq":1,"kind":"certificate","name":"x","ok":false}` + "\n" + `{"seq":2,"kind":"change","ok":true}` + "\n" + `{"seq":3,"kind":"snapshot","ok":true}` + "\n"))
	f.Add([]byte(`{"seq":1,"at_ns":-1,"kind":"pace","took_ns":9223372036854775807,"late_ns":9223372036854775807,"ok":true,"wakes":{"due":9223372036854775807,"late":-1}}` + "\n" + `{"seq":2,"kind":"pace","ok":true}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := parseEvents(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		for i, e := range events {
			if e.Seq != int64(i)+1 {
				t.Fatalf("event %d is numbered %d", i+1, e.Seq)
			}
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			again.Write(append(line, '\n'))
		}
		if got, err := parseEvents(&again); err != nil || len(got) != len(events) {
			t.Fatalf("written again: %d of %d, %v", len(got), len(events), err)
		}
		rec := slo.Record{Version: 1, Scenario: "x", Arm: slo.Treated, Spec: spec(), Events: events}
		arms := map[slo.Arm]slo.Record{slo.Treated: rec}
		r := Results{Records: Records{"x": arms}, Verdicts: []slo.Verdict{slo.Evaluate(arms, spec())}}
		if !utf8.Valid(Markdown(r)) {
			t.Fatal("the Markdown is not UTF-8")
		}
		wellFormed(t, html(t, r))
	})
}

func FuzzRecord(f *testing.F) {
	text, _ := json.Marshal(untreated())
	f.Add(text)
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err == nil && (r.Version < 1 || r.Version > slo.RecordVersion) {
			t.Fatalf("read version %d", r.Version)
		}
	})
}

// FuzzVerdicts checks that whatever can be read can be reported as valid XML and bounded Markdown.
func FuzzVerdicts(f *testing.F) {
	text, _ := json.Marshal(results(hostile).Verdicts)
	f.Add(text)
	f.Add([]byte(`[{"name":"x","verdict":"fail","reasons":["\u0000|<"],"changes":[{"arm":"treated","state":"odd","kind":"","object":"","diff":"` + "```" + `"}],"arms":{"treated":{"timeline":[{"name":"a\nb","at_s":1e308}]}}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		verdicts, err := parseVerdicts(text)
		if err != nil {
			return
		}
		r := Results{Verdicts: verdicts}
		junit, err := JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		var got junitSuites
		if err := xml.Unmarshal(junit, &got); err != nil || got.Tests != len(verdicts) {
			t.Fatalf("%d of %d cases: %v\n%s", got.Tests, len(verdicts), err, junit)
		}
		wellFormed(t, html(t, r))
		if len(Markdown(r)) > markdownMax {
			t.Fatal("the Markdown is too long")
		}
	})
}

// FuzzMarkdown checks that no text from outside leaves its line or its cell, or holds anything that Markdown acts on.
func FuzzMarkdown(f *testing.F) {
	f.Add("a|b\n# c `d` <e> [f](g) \\| \x00 https://x www.x")
	f.Fuzz(func(t *testing.T, text string) {
		got := markdown(text, 50)
		if strings.ContainsAny(got, "|<>\n\r\x00") || strings.Contains(got, "://") || !utf8.ValidString(got) {
			t.Fatalf("%q became %q", text, got)
		}
		own := regexp.MustCompile(`&(#[0-9]+|lt|gt|amp);`).ReplaceAllString(got, "")
		for i, r := range own {
			if strings.ContainsRune("`*_[]#~$!", r) && (i == 0 || own[i-1] != '\\') {
				t.Fatalf("%q became %q", text, got)
			}
		}
		if len([]rune(got)) > 51*6 {
			t.Fatalf("%d characters", len([]rune(got)))
		}
	})
}
