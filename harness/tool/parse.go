package tool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Parse reads the text of a tool file, strictly, and sets the deadlines that it leaves out. fixtures/tools/tool.schema.json
// says the same. The error names every field that must be mended.
func Parse(text []byte) (Tool, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return Tool{}, err
	}
	var top any
	if err := json.Unmarshal(asJSON, &top); err != nil {
		return Tool{}, err
	}
	t := Tool{Deadlines: Deadlines{metav1.Duration{Duration: DefaultDetect}, metav1.Duration{Duration: DefaultRecover}}}
	var r reader
	r.object("", top, fields{
		"name":      {r.text(&t.Name), "give the tool a name"},
		"version":   {r.text(&t.Version), "give the tool's version, for example version: v1"},
		"detect":    {r.command(&t.Detect), "give a command, for example detect: {exec: [./detect.sh]}"},
		"recover":   {r.command(&t.Recover), "give a command, for example recover: {exec: [./recover.sh]}"},
		"deadlines": {r.deadlines(&t.Deadlines), ""},
	})
	if err := errors.Join(r.errs...); err != nil {
		return Tool{}, err
	}
	return t, nil
}

// reader reads values without the leniency of the usual decoders: encoding/json takes Name for name and null for an empty
// text, and a YAML decoder gives 1.10 for a text as 1.1.
type reader struct{ errs []error }

// fields are what a mapping may hold: how each is read, and what to do where it is missing; empty: it may be.
type fields map[string]struct {
	read read
	mend string
}

// read reads the value of a field, whose name is for errors.
type read func(field string, value any)

func (r *reader) wrong(field, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", clean(cmp.Or(field, "the file"), nameMax), fmt.Sprintf(format, args...)))
}

// object reads a mapping; at is the field that holds it, empty for the file itself.
func (r *reader) object(at string, value any, known fields) {
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	object, ok := value.(map[string]any)
	if !ok {
		r.wrong(at, "must be a mapping with the fields %s", names)
		return
	}
	within := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if f, ok := known[name]; ok {
			f.read(within(name), object[name])
		} else {
			r.wrong(within(name), "unknown field; the fields here are %s", names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if _, ok := object[name]; !ok && known[name].mend != "" {
			r.wrong(within(name), "missing; %s", known[name].mend)
		}
	}
}

func (r *reader) text(to *string) read {
	return func(field string, value any) {
		text, ok := value.(string)
		switch {
		case !ok:
			r.wrong(field, "must be text; put what looks like a number in quotes")
		case strings.TrimSpace(text) == "":
			r.wrong(field, "is empty")
		}
		*to = text
	}
}

func (r *reader) command(to *Command) read {
	return func(field string, value any) {
		r.object(field, value, fields{"exec": {r.argv(&to.Exec), "give a program and its arguments, for example exec: [./my-tool, --verbose]"}})
	}
}

func (r *reader) argv(to *[]string) read {
	return func(field string, value any) {
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			r.wrong(field, "must be a list: a program and its arguments, for example [./my-tool, --verbose]")
		}
		for i, v := range list {
			arg, ok := v.(string)
			at := fmt.Sprintf("%s[%d]", field, i)
			switch {
			case !ok:
				r.wrong(at, "must be text; put what looks like a number in quotes")
			case strings.ContainsRune(arg, 0):
				r.wrong(at, "holds a zero byte, which no argument can")
			case i == 0 && arg == "":
				r.wrong(at, "is empty; give a program")
			}
			*to = append(*to, arg)
		}
	}
}

func (r *reader) deadlines(to *Deadlines) read {
	return func(field string, value any) {
		if value != nil { // else it is the word with nothing below it
			r.object(field, value, fields{"detect": {r.deadline(&to.Detect), ""}, "recover": {r.deadline(&to.Recover), ""}})
		}
	}
}

func (r *reader) deadline(to *metav1.Duration) read {
	return func(field string, value any) {
		text, ok := value.(string)
		d, err := time.ParseDuration(text)
		switch {
		case !ok || err != nil:
			r.wrong(field, "must be a time such as 90s or 2m")
		case d < minDeadline || d > maxDeadline:
			r.wrong(field, "%v is not between %v and %v", d, minDeadline, maxDeadline)
		}
		to.Duration = d
	}
}
