package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

func TestTableGolden(t *testing.T) { golden(t, "table.txt", []byte(compared(t).Table())) }

func TestJSONGolden(t *testing.T) {
	text, err := compared(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "result.json", text)
}

func svg(t testing.TB, r Result) string {
	t.Helper()
	text, err := r.SVG()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSVGGolden(t *testing.T) { golden(t, "plot.svg", []byte(svg(t, compared(t)))) }

// elements checks that a picture is XML and counts its elements by name and class.
func elements(t testing.TB, text string) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		if e, ok := token.(xml.StartElement); ok {
			name := e.Name.Local
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					name += "." + a.Value
				}
			}
			count[name]++
		}
	}
}

func TestThePlotShowsEverySampleAndNeedsNothingBesideItself(t *testing.T) {
	text := svg(t, compared(t))
	count := elements(t, text)
	for what, want := range map[string]int{"circle.dot": 24, "path.cross": 1, "line.median": 5, "line.range": 5, "line.target": 3, "text.way": 5, "rect.lane": 5, "desc": 1} {
		if count[what] != want {
			t.Errorf("%d %s, want %d", count[what], what, want)
		}
	}
	for _, outside := range []string{"href", "url(", "@import", "<script", "<image", "foreignObject", "https://"} {
		if strings.Contains(text, outside) {
			t.Errorf("%s is in the picture", outside)
		}
	}
	if strings.Count(text, "http://") != 1 || !strings.Contains(text, `role="img" aria-labelledby="bench-title bench-desc"`) || !strings.Contains(text, "prefers-color-scheme: dark") {
		t.Error(text)
	}
	desc := text[strings.Index(text, "<desc"):strings.Index(text, "</desc>")]
	for _, says := range []string{"rewind: median 8.10 s, 0.312 × ", "target ≤ 0.35 ×: met", "golden: ", "not met", "incomplete: 4 of 5 rounds"} {
		if !strings.Contains(desc, says) {
			t.Errorf("who does not see the picture is not told %q: %s", says, desc)
		}
	}
}

// Whatever happened, or nothing, can be shown, and nothing looks like a success.
func TestNothingIsNotShownAsGood(t *testing.T) {
	for name, r := range map[string]Result{
		"nothing":        {},
		"nothing done":   {Rounds: 5, Ways: []Measured{{Name: "base", Baseline: true}, {Name: "x", Target: Target{Ratio: 1, Within: time.Second}}}},
		"all failed":     {Rounds: 2, Ways: []Measured{of("base", 0, 0), {Name: "x", Target: Target{Within: 1}, Samples: of("x", 0, 0).Samples}}},
		"base failed":    {Rounds: 1, Ways: []Measured{of("base", 0), {Name: "x", Target: Target{Ratio: 1}, Samples: of("x", 1).Samples}}},
		"asked for none": {Ways: []Measured{of("base", 1), {Name: "x", Target: Target{Ratio: 1}, Samples: of("x", 1).Samples}}},
	} {
		text, err := r.JSON()
		var d document
		if err != nil || json.Unmarshal(text, &d) != nil || d.Complete {
			t.Errorf("%s: %v %s", name, err, text)
		}
		if table := r.Table(); strings.Contains(table, ": met") || strings.Contains(table, "NaN") || strings.Contains(table, "Inf") {
			t.Errorf("%s: %s", name, table)
		}
		picture := svg(t, r)
		if elements(t, picture); strings.Contains(picture, ": met") || strings.Contains(picture, "NaN") {
			t.Errorf("%s: %s", name, picture)
		}
	}
}

// FuzzTexts checks that no name, error or fact breaks a picture, a line of the table or the JSON.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"a", "</title><script>alert(1)</script>", "\x00\x1b[31m\r\n", "{{.}} \u202e", "]]>&amp;\"'", "client-key-data: CANARY", strings.Repeat("long ", 1000)} {
		f.Add(text, int64(1))
	}
	f.Fuzz(func(t *testing.T, text string, took int64) {
		plain, odd := of("base", 1, 2), of("x", time.Duration(max(1, took)), 0)
		odd.Name, odd.Samples[1].Error, odd.Samples[0].Parts, odd.Target.Ratio = text, "failed: "+text, []Part{{text, 1}}, 0.5
		want, got := Result{Rounds: 2, Ways: []Measured{plain, plain}}, Result{Rounds: 2, Ways: []Measured{plain, odd}, Machine: []Fact{{text, text}}}
		picture := svg(t, got)
		if count := elements(t, picture); count["text.way"] != 2 || count["script"] > 0 || count["path.cross"] != 1 {
			t.Fatalf("%v\n%s", count, picture)
		}
		if strings.ContainsAny(picture+got.Table(), "\x00\x1b\r\u202e") {
			t.Fatalf("%q", picture)
		}
		if n, m := strings.Count(want.Table(), "\n"), strings.Count(got.Table(), "\n"); m != n+1+2+1 { // the fact, two troubles, the parts
			t.Fatalf("%d lines, %d without the text:\n%s", m, n, got.Table())
		}
		if text, err := got.JSON(); err != nil || !json.Valid(text) {
			t.Fatal(err)
		}
	})
}
