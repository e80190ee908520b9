package tool

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
)

// schema compiles one of the shipped schemas; it must be a valid schema itself.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := toolsfs.FS.ReadFile(name)
	must(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	must(t, c.AddResource(name, document))
	s, err := c.Compile(name)
	must(t, err)
	if s.DraftVersion != 2020 {
		t.Errorf("%s: draft %d", name, s.DraftVersion)
	}
	return s
}

// accepts says what a schema holds of a text of YAML or JSON.
func accepts(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	must(t, err)
	return s.Validate(value)
}

// toolFiles are changes to the good tool file, and whether it is good after them.
var toolFiles = []struct {
	old, new string
	good     bool
}{
	{"", "", true},
	{"deadlines: {detect: 90s, recover: 3m}\n", "", true},
	{"{detect: 90s, recover: 3m}", "", true},
	{"{detect: 90s, recover: 3m}", "{}", true},
	{"{detect: 90s, recover: 3m}", "{recover: 1h}", true},
	{"{detect: 90s, recover: 3m}", "[]", false},
	{"{detect: 90s, recover: 3m}", "90s", false},
	{", recover: 3m", ", retry: 3m", false},
	{"90s", "1s", true},
	{"90s", "3600s", true},
	{"90s", "60m", true},
	{"90s", "59m59s", true},
	{"90s", "1m0s", true},
	{"90s", "2099s", true},
	{"90s", "0s", false},
	{"90s", "0", false},
	{"90s", "'0'", false},
	{"90s", "3601s", false},
	{"90s", "61m", false},
	{"90s", "60m1s", false},
	{"90s", "2h", false},
	{"90s", "-90s", false},
	{"90s", "90", false},
	{"90s", "'90'", false},
	{"90s", "90 s", false},
	{"90s", "ninety", false},
	{"90s", "''", false},
	{"90s", "~", false},
	{"90s", "1d", false},
	{"90s", "500ms", false},
	{"name: x\n", "", false},
	{"name: x", "name:", false},
	{"name: x", "name: ' '", false},
	{"name: x", "name: 1", false},
	{"name: x", "name: '1'", true},
	{"name: x", "name: [x]", false},
	{"name: x", "Name: x", false},
	{"name: x", "name: x\nname: y", false},
	{"name: x", "name: x\nowner: y", false},
	{"version: v1\n", "", false},
	{"version: v1", "version: 1.10", false},
	{"version: v1", "version: '1.10'", true},
	{"version: v1", "version: true", false},
	{"detect: {exec: [sh, -c, watch]}\n", "", false},
	{"{exec: [sh, -c, watch]}", "{}", false},
	{"{exec: [sh, -c, watch]}", "", false},
	{"{exec: [sh, -c, watch]}", "sh", false},
	{"{exec: [sh, -c, watch]}", "[sh]", false},
	{"{exec: [sh, -c, watch]}", "{exec: []}", false},
	{"{exec: [sh, -c, watch]}", "{exec: sh -c watch}", false},
	{"{exec: [sh, -c, watch]}", "{exec: {sh: x}}", false},
	{"{exec: [sh, -c, watch]}", "{Exec: [sh]}", false},
	{"{exec: [sh, -c, watch]}", "{exec: [sh], shell: true}", false},
	{"[sh, -c, watch]", "[sh, '']", true},
	{"[sh, -c, watch]", "['', x]", false},
	{"[sh, -c, watch]", "[sh, 1]", false},
	{"[sh, -c, watch]", "[sh, ~]", false},
	{"[sh, -c, watch]", "[sh, [x]]", false},
	{"[sh, -c, watch]", `[sh, "a\0b"]`, false},
	{"[sh, -c, watch]", `["sh\0"]`, false},
	{"recover: {exec: [./heal]}\n", "", false},
	{"recover: {exec: [./heal]}", "recover: ~", false},
}

func TestTheSchemaAndTheParserAgreeOnToolFiles(t *testing.T) {
	s := schema(t, "tool.schema.json")
	for _, c := range toolFiles {
		if !strings.Contains(good, c.old) {
			t.Fatalf("the good file has no %q", c.old)
		}
		text := strings.Replace(good, c.old, c.new, 1)
		_, parsed := Parse([]byte(text))
		validated := accepts(t, s, text)
		if (parsed == nil) != c.good || (validated == nil) != c.good {
			t.Errorf("%q for %q: good should be %t\nparser: %v\nschema: %v", c.new, c.old, c.good, parsed, validated)
		}
	}
	for _, text := range []string{"", "x", "[]", "~", "name: x"} {
		if _, err := Parse([]byte(text)); err == nil || accepts(t, s, text) == nil {
			t.Errorf("%q is taken: parser %v, schema %v", text, err, accepts(t, s, text))
		}
	}
}

// What the schema does not suggest is read all the same; nothing is taken by the schema and refused by the parser.
func TestTheParserReadsEveryFormOfTimeThatGoDoes(t *testing.T) {
	s := schema(t, "tool.schema.json")
	for form, want := range map[string]time.Duration{"1500ms": 1500 * time.Millisecond, "0.5h": 30 * time.Minute, "1h0m0s": time.Hour, "+5s": 5 * time.Second} {
		text := strings.Replace(good, "90s", form, 1)
		tool, err := Parse([]byte(text))
		if err != nil || tool.Deadlines.Detect.Duration != want || accepts(t, s, text) == nil {
			t.Errorf("%s: %v, %v", form, tool.Deadlines, err)
		}
	}
}

func TestEveryShippedToolFileIsValidByTheSchema(t *testing.T) {
	s := schema(t, "tool.schema.json")
	for _, name := range shipped(t) {
		text, err := toolsfs.FS.ReadFile(name)
		must(t, err)
		if err := accepts(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExamplesInASchemaAreValidByIt(t *testing.T) {
	for _, name := range []string{"tool.schema.json", "finding.schema.json"} {
		s := schema(t, name)
		if len(s.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, e := range s.Examples {
			if err := s.Validate(e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestTheSchemaAndTheParserAgreeOnFindings(t *testing.T) {
	s := schema(t, "finding.schema.json")
	for line, good := range map[string]bool{
		critical: true,
		`{"severity":"warning","culprit":"no such"}`:                                            true,
		`{"severity":"warning","culprit":"ca","node":"n","evidence":"","kind":"","more":[1,2]}`: true,
		`{"severity":"fatal","culprit":"ca"}`:                                                   false,
		`{"severity":"","culprit":"ca"}`:                                                        false,
		`{"culprit":"ca"}`:                                                                      false,
		`{"severity":"critical"}`:                                                               false,
		`{"severity":"critical","culprit":" "}`:                                                 false,
		`{"severity":"critical","culprit":["ca"]}`:                                              false,
		`{"severity":"critical","culprit":"ca","node":1}`:                                       false,
		`{"severity":"critical","culprit":"ca","evidence":{}}`:                                  false,
		`["critical","ca"]`:                                                                     false,
		`"critical"`:                                                                            false,
	} {
		_, parsed := parseFinding([]byte(line))
		if validated := accepts(t, s, line); (parsed == nil) != good || (validated == nil) != good {
			t.Errorf("%s: good should be %t\nparser: %v\nschema: %v", line, good, parsed, validated)
		}
	}
}

func TestAWrittenContextIsValidByItsSchema(t *testing.T) {
	s := schema(t, "context.schema.json")
	whole := Context{Cluster: "c", Kubeconfig: "/k", SiteURL: "http://127.0.0.1:1", Deadline: time.Now().UTC(), Engine: Engine{Command: "docker", Host: "unix:///s"},
		Nodes: []Node{{Name: "p", Role: "control-plane", Container: "p", Address: "10.0.0.1"}, {Name: "w", Role: "worker", Container: "w", Address: "10.0.0.2"}}}
	written := func(c Context) string {
		path := filepath.Join(t.TempDir(), "context.json")
		must(t, WriteContext(path, c))
		return contents(t, path)
	}
	if err := accepts(t, s, written(whole)); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(whole)
	must(t, err)
	for field := range strings.SplitSeq("cluster kubeconfig nodes site_url deadline engine role container address command", " ") {
		if err := accepts(t, s, strings.Replace(string(text), `"`+field+`"`, `"x"`, 1)); err == nil {
			t.Errorf("a context without %s is valid", field)
		}
	}
	for _, spoil := range []func(*Context){
		func(c *Context) { c.Nodes = nil }, func(c *Context) { c.Engine.Command = "" }, func(c *Context) { c.Cluster = "" },
		func(c *Context) { c.Nodes = []Node{{Name: "p", Role: "master", Container: "p", Address: "a"}} }, func(c *Context) { c.Kubeconfig = "k" },
	} {
		c := whole
		spoil(&c)
		if accepts(t, s, written(c)) == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

func FuzzContext(f *testing.F) {
	f.Add([]byte(`{"cluster":"c","nodes":[{"name":"p","role":"control-plane"}],"deadline":"2026-11-30T18:29:00Z","engine":{"command":"docker","host":"unix:///s"}}`))
	f.Add([]byte(`{"deadline":"2026-11-30T18:29:00.5+14:00","kubeconfig":"\u0000","more":1}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseContext(text)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "context.json")
		if err := WriteContext(path, c); err != nil {
			return // a year beyond 9999, for one
		}
		again, err := parseContext([]byte(contents(t, path)))
		if err != nil || !again.Deadline.Equal(c.Deadline) || again.Cluster != c.Cluster || len(again.Nodes) != len(c.Nodes) || again.Engine != c.Engine {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}
