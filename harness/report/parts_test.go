package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

func TestWhatDoesNotFitIsLeftOutDetailsFirstAndNamed(t *testing.T) {
	text := func(n int) []byte { return []byte(strings.Repeat("x", n) + "\n") }
	const size = 100 << 10
	parts := []part{{"summary", false, text(10)}, {"arm one", true, text(60 << 10)}, {"one", false, text(40 << 10)}, {"arm two", true, text(20 << 10)}}
	got := string(fit(parts, size))
	if len(got) > size || !strings.HasPrefix(got, string(text(10))+string(text(40<<10))+string(text(20<<10))) {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.Contains(got, "## Left out") || !strings.Contains(got, "- about arm one\n") || strings.Contains(got, "arm two") {
		t.Error(got[len(got)-200:])
	}
	if got := string(fit(parts[:1], size)); strings.Contains(got, "Left out") {
		t.Error(got)
	}
	for i := range 1000 {
		parts = append(parts, part{fmt.Sprint(i, long), true, text(size)})
	}
	if got := string(fit(parts, size)); len(got) > size || !strings.Contains(got, "and 981 more") {
		t.Errorf("%d bytes", len(got))
	}
}

// A run that has more to tell than GitHub takes still says how every scenario ended, as far as that fits.
func TestTheMarkdownOfAHugeRunFitsIntoAJobSummary(t *testing.T) {
	one := spoilt(strings.Repeat("<&>@|*", 20))
	huge := Results{Records: Records{}}
	for i := range 220 {
		v := one.Verdicts[0]
		arms := one.Records[v.Name]
		v.Name = fmt.Sprintf("scenario-%d", i)
		v.Reasons = slices.Repeat([]string{strings.Repeat("<", textShown)}, 5)
		huge.Verdicts, huge.Records[v.Name] = append(huge.Verdicts, v), arms
	}
	text := string(Markdown(huge))
	if len(text) > markdownMax || len(text) < markdownMax/2 {
		t.Errorf("%d bytes, want at most %d", len(text), markdownMax)
	}
	if !strings.Contains(text, "# nov30: 220 scenarios, 0 pass, 220 fail") || !strings.Contains(text, "scenario-199 ") || !strings.Contains(text, "… and 20 more, see verdicts.json") ||
		!strings.Contains(text, "## Left out") {
		t.Errorf("%.500s", text)
	}
}

func TestTheChangesStandInTheMarkdownWithTheirDiffs(t *testing.T) {
	text := string(Markdown(only(gallery(found()), "vandal")))
	golden(t, "vandal.md", []byte(text))
	for _, want := range []string{"Vandalism (2):", "```diff\n" + diffOfAProbe + "\n```", "Renewed (1):", "- renewed control-plane: " + serverCert,
		"| " + serverCert + " | renewed | 1f3a99c2, 2018-11-30", "The tool changed nothing."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	if strings.Contains(text, "serial: 90ffee12") {
		t.Error("the diff of what was only renewed")
	}
}

func TestWhatBecameOfACertificate(t *testing.T) {
	for want, serials := range map[string][3]string{
		"renewed": {"1", "2", "3"}, "the old one put back": {"1", "2", "1"}, "still the one of the fault": {"1", "2", "2"},
		"not read at the end": {"1", "2", ""}, "unchanged": {"1", "", "1"}, "not read before": {"", "2", "3"},
	} {
		l := lives{at: map[string]slo.Event{}}
		for i, when := range seenAt {
			if serials[i] != "" {
				l.at[when] = seen(when, s, serials[i], true)
			}
		}
		if got := l.became(); got != want {
			t.Errorf("%v: %s, want %s", serials, got, want)
		}
	}
	var r slo.Record
	for i := range 100 {
		r.Events = append(r.Events, slo.Event{Kind: slo.CertificateSeen, Name: fmt.Sprint(i)})
	}
	if list, more := certificates(r); len(list) != certificatesMax || more != 40 {
		t.Errorf("%d and %d more", len(list), more)
	}
	if serial, _, wrong := (lives{at: map[string]slo.Event{slo.SnapshotEnd: {Error: "no such file"}}}).life(slo.SnapshotEnd); serial != "not read" || wrong != "no such file" {
		t.Errorf("%s, %s", serial, wrong)
	}
}
