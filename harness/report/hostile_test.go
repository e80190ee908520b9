package report

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// structural are texts that say what a part of a record is; a hostile text in their place would only make it another part.
var structural = []string{
	slo.PhaseSteady, slo.PhaseInject, slo.PhaseHold, slo.PhaseRecover, slo.PhaseSoak, slo.PhaseEnd,
	slo.SnapshotHealthy, slo.SnapshotBroken, slo.SnapshotEnd,
}

// spoil puts a text behind every text of a value; the keys of maps stay as they are.
func spoil(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), text)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			copied := reflect.New(v.Type().Elem()).Elem()
			copied.Set(v.MapIndex(key))
			spoil(copied, text)
			v.SetMapIndex(key, copied)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i), text)
			}
		}
	case reflect.String:
		switch v.Interface().(type) {
		case slo.Kind, slo.Arm, slo.State, slo.ChangeState, slo.Severity, slo.EffectKind:
		default:
			if !slices.Contains(structural, v.String()) {
				v.SetString(v.String() + text)
			}
		}
	}
}

// spoilt is a run with a text behind every text in it, the scenario's name included.
func spoilt(text string) Results {
	r := only(gallery(found()), "vandal")
	for i := range r.Verdicts {
		r.Verdicts[i].WrongCulprits = append(r.Verdicts[i].WrongCulprits, "wrong")
	}
	spoil(reflect.ValueOf(&r).Elem(), text)
	records := Records{}
	for name, arms := range r.Records {
		records[name+text] = arms
	}
	r.Records = records
	return r
}

var attacks = map[string]string{
	"elements":   `</title></desc></text></svg></td></table></style><script>alert(1)</script><img src=x onerror=alert(1)><style>*{display:none}</style>`,
	"quotes":     `" onmouseover="alert(1)" x='' ` + "` onload=alert(1) style=\"position:fixed",
	"comments":   `--><!-- ]]> <![CDATA[ <?xml ?>`,
	"templates":  `{{.CSS}}{{template "page"}} ${x} {%x%}`,
	"controls":   "\x00\x01\x07\x1b[31m\r\n\t\u0085\u2028\ufeff\xff\xfe",
	"directions": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c",
	"addresses":  `javascript:alert(1) data:text/html,x https://evil.example www.evil.example @everyone`,
	"fences":     "\n```\n~~~\n# owned\n| a | b |\n|---|---|\n<h1>x</h1>\n````diff\n",
	"long":       long,
}

func TestHostileTextsAreInertInTheHTML(t *testing.T) {
	tag := regexp.MustCompile(`<[a-zA-Z/!?][^>]*>`)
	quiet := regexp.MustCompile(`="[^"]*"`) // values of attributes, which cannot end before their quote
	shape := func(text string) []string {
		var tags []string
		for _, one := range tag.FindAllString(text, -1) {
			if !isSpan(one) {
				tags = append(tags, quiet.ReplaceAllString(one, ""))
			}
		}
		return tags
	}
	want := shape(html(t, spoilt("x")))
	for name, attack := range attacks {
		text := html(t, spoilt(attack))
		got := shape(text)
		if !slices.Equal(got, want) {
			t.Errorf("%s: other elements: %d, want %d", name, len(got), len(want))
		}
		wellFormed(t, text)
		if found := regexp.MustCompile("[\x00-\x08\x0b-\x1f\u0085\u061c\u200f\u2028\u202a-\u202e\u2066-\u2069\ufeff\ufffe]").FindString(text); found != "" {
			t.Errorf("%s: %q is in the page", name, found)
		}
		if len(text) > 2<<20 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
	}
	if !strings.Contains(html(t, spoilt(attacks["elements"])), "&lt;script&gt;alert(1)") {
		t.Error("the attack is not in the page: nothing was tested")
	}
}

// isSpan is for the lines of diffs: a text with line breaks makes more of them.
func isSpan(tag string) bool { return strings.HasPrefix(tag, "<span") || tag == "</span>" }

func TestHostileTextsAreInertInTheMarkdown(t *testing.T) {
	fence := regexp.MustCompile("^(`{3,})(diff)?$")
	bare := regexp.MustCompile(`<[a-zA-Z/!?]|://|www\.|@everyone|` + "[\x00-\x08\u202a-\u202e\u2066-\u2069]")
	for name, attack := range attacks {
		open := ""
		for i, line := range strings.Split(string(Markdown(spoilt(attack))), "\n") {
			if m := fence.FindStringSubmatch(line); m != nil && (open == "" || m[1] == open && m[2] == "") {
				if open == "" {
					open = m[1]
				} else {
					open = ""
				}
				continue
			}
			if open == "" && bare.MatchString(line) {
				t.Errorf("%s: line %d has a bare %q: %.200s", name, i+1, bare.FindString(line), line)
			}
			if open == "" && strings.HasPrefix(line, "# ") && i > 0 {
				t.Errorf("%s: line %d is a heading: %.200s", name, i+1, line)
			}
		}
		if open != "" {
			t.Errorf("%s: a block is not ended", name)
		}
	}
}

func TestADiffKeepsItsLinesAndNoSecrets(t *testing.T) {
	lines, more := diff("-a: 1\n+a:\t2\u202e\n  -----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n+token: abcdef.0123456789abcdef\n")
	if text := strings.Join(lines, "|"); more != 0 || !strings.HasPrefix(text, "-a: 1|+a: 2 |") || strings.Contains(text, "CANARY") || strings.Contains(text, "0123456789abcdef") {
		t.Errorf("%q, %d more", text, more)
	}
	lines, more = diff(strings.Repeat("+"+strings.Repeat("x", 1000)+"\n", 100))
	if len(lines) != diffLinesMax || more != 100-diffLinesMax || len([]rune(lines[0])) != diffLineMax+1 {
		t.Errorf("%d lines, %d more", len(lines), more)
	}
	if lines, _ := diff("\n\n"); lines != nil {
		t.Errorf("%q", lines)
	}
}
