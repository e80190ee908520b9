package report

import (
	"bytes"
	"encoding/xml"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nov30/nov30/harness/slo"
)

// html is the report of results without a directory.
func html(t testing.TB, r Results) string {
	t.Helper()
	text, err := HTML(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// only is a run's results without all but one scenario.
func only(r Results, scenario string) Results {
	for _, v := range r.Verdicts {
		if v.Name == scenario {
			r.Verdicts, r.Records = []slo.Verdict{v}, Records{scenario: r.Records[scenario]}
			return r
		}
	}
	panic("no scenario " + scenario)
}

func TestHTMLGolden(t *testing.T) {
	golden(t, HTMLFile, []byte(html(t, only(gallery(found()), "vandal"))))
}

// wellFormed checks that every timeline of a page is XML, and counts the elements in all of them by name and class.
func wellFormed(t testing.TB, text string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for i, part := range strings.Split(text, `<svg class="timeline"`)[1:] {
		d := xml.NewDecoder(strings.NewReader(`<svg class="timeline"` + part))
		for depth, begun := 0, false; !begun || depth > 0; begun = true {
			token, err := d.Token()
			if err != nil {
				t.Fatalf("timeline %d: %v", i+1, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				depth++
				name := e.Name.Local
				for _, a := range e.Attr {
					if a.Name.Local == "class" {
						name += "." + a.Value
					}
				}
				count[name]++
			case xml.EndElement:
				depth--
			}
		}
	}
	return count
}

func TestATimelineShowsPhasesLanesAndMoments(t *testing.T) {
	r := gallery(found())
	count := wellFormed(t, html(t, r))
	arms, probes := 0, 0
	for _, records := range r.Records {
		for _, rec := range records {
			arms, probes = arms+1, probes+len(rec.Spec.Probes)
		}
	}
	for what, want := range map[string]int{
		"svg.timeline": arms, "desc": arms, "text.probe": probes, "rect.strip in-steady": arms, "rect.strip in-inject": 12, "rect.strip in-hold": 6,
		"rect.strip in-recover": 6, "g.flag bite": 10, "g.flag fault": 12, "g.flag symptom": 6, "g.flag detected": 5, "g.flag recovery": 10,
		"g.flag recovered": 3, "g.flag relapse": 1, "g.flag cut": 9, "rect.unchecked": 1,
	} {
		if count[what] != want {
			t.Errorf("%d %s, want %d", count[what], what, want)
		}
	}
	if count["rect.green"] < probes-30 || count["rect.red"] < 20 {
		t.Errorf("%d green, %d red", count["rect.green"], count["rect.red"])
	}
}

func TestAReportNeedsNothingBesideItself(t *testing.T) {
	text := html(t, gallery(found()))
	if n := strings.Count(text, `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`); n != 1 {
		t.Errorf("%d policies", n)
	}
	for _, outside := range []string{"<script", "<link", "<img", "<iframe", "@import", "src=", "url(", "http://", "https://", " on"} {
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(text, -1) {
			if strings.Contains(strings.ReplaceAll(tag, "url(#hatch)", ""), outside) {
				t.Errorf("%s in %s", outside, tag)
			}
		}
	}
	css, _ := htmlFS.ReadFile("html/style.css")
	if bytes.Contains(css, []byte("url(")) || bytes.Contains(css, []byte("@import")) {
		t.Error("the style refers to something outside")
	}
}

func TestTheSameResultsGiveTheSameBytes(t *testing.T) {
	first, md := html(t, gallery(found())), string(Markdown(gallery(found())))
	for range 2 {
		if html(t, gallery(found())) != first || string(Markdown(gallery(found()))) != md {
			t.Fatal("another text")
		}
	}
}

func TestEvidenceThatExistsIsLinkedAndNothingElse(t *testing.T) {
	r := only(gallery(found()), "vandal")
	file := &fstest.MapFile{Data: []byte("x")}
	files := fstest.MapFS{
		"vandal/treated/events.jsonl": file, "vandal/treated/detect.log": file, "vandal/treated/kubeconfig": file,
		"vandal/treated/evidence/a node/100% \"<kubelet>.log": file, "vandal/treated/evidence/link": {Mode: fs.ModeSymlink},
		"vandal/context.json": file,
	}
	text, err := HTML(r, files)
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, m := range regexp.MustCompile(`<li><a href="([^"]*)">`).FindAllSubmatch(text, -1) {
		links = append(links, string(m[1]))
	}
	want := []string{"vandal/treated/events.jsonl", "vandal/treated/detect.log", "vandal/treated/evidence/a%20node/100%25%20%22%3Ckubelet%3E.log"}
	if strings.Join(links, "\n") != strings.Join(want, "\n") {
		t.Errorf("links:\n%s", strings.Join(links, "\n"))
	}
	r.Verdicts[0].Name = "../vandal"
	if list, _ := filesOf(files, r.Verdicts[0].Name, slo.Treated); len(list) > 0 {
		t.Errorf("files outside of the run: %v", list)
	}
	for i := range evidenceMax {
		files["vandal/treated/evidence/"+strings.Repeat("f", i+1)] = file
	}
	if list, more := filesOf(files, "vandal", slo.Treated); len(list) != evidenceMax || more != 3 {
		t.Errorf("%d files and %d more", len(list), more)
	}
}

func TestAnArmThatWasBrokenOffIsShownAsSuch(t *testing.T) {
	text := html(t, only(gallery(found()), "probe-gap"))
	sham := text[strings.Index(text, "<h3>sham"):strings.Index(text, "<h3>untreated")]
	if !strings.Contains(sham, "inconclusive") || !strings.Contains(sham, `<svg class="timeline"`) {
		t.Error(sham)
	}
	r := only(gallery(found()), "relapse")
	delete(r.Verdicts[0].Arms, slo.Sham)
	delete(r.Records["relapse"], slo.Untreated)
	if text := html(t, r); !strings.Contains(text, "was broken off; it was not judged") || !strings.Contains(text, "There is no record of this arm.") {
		t.Error("neither is told")
	}
}

func TestNothingIsNotShownAsGood(t *testing.T) {
	if text := html(t, Results{Exit: slo.ExitInconclusive}); !strings.Contains(text, "There is no verdict.") || strings.Contains(text, "pill pass") {
		t.Error(text)
	}
	r := only(gallery(found()), "vandal")
	for arm, rec := range r.Records["vandal"] {
		rec.Events = without(rec.Events, func(e slo.Event) bool { return e.Kind == slo.Snapshot })
		r.Records["vandal"][arm] = rec
	}
	r.Verdicts[0].Changes = nil
	text, md := html(t, r), string(Markdown(r))
	for _, page := range []string{text, md} {
		if strings.Contains(page, "changed nothing") || strings.Count(page, "is not known: the cluster was not compared") != 2 || !strings.Contains(page, "not compared") {
			t.Error("an arm that was not compared looks as if nothing had been changed")
		}
	}
}
