package snapshot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tree keeps a value of JSON or YAML under path, each of its own values under a path of its own.
func (d document) tree(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		d.object(path, value)
	case []any:
		d.list(path, value)
	default:
		d.set(path, scalar(value))
	}
}

func (d document) object(path string, object map[string]any) {
	if len(object) == 0 {
		d.set(path, "{}")
	}
	if object["kind"] == "Secret" {
		object = d.secretData(path, object)
	}
	sibling := func(name string) []byte {
		text, _ := object[name].(string)
		pem, _ := pemIn(text)
		return pem
	}
	for name, value := range object {
		under := join(path, name)
		if items, ok := value.([]any); ok && (name == "command" || name == "args") && d.flags(under, items) {
			continue
		}
		text, isText := value.(string)
		if pem, ok := pemIn(text); isText && ok {
			d.pem(under, name, pem, sibling)
			continue
		}
		if !isText || !d.embedded(under, text) {
			d.tree(under, value)
		}
	}
}

// list keeps a list: of texts as the lines of one text; of objects that each have a name, as containers, variables and
// kubeconfigs' users have, under their names; any other by position.
func (d document) list(path string, items []any) {
	if lines, ok := texts(items); ok {
		d.set(path+"[]", strings.Join(lines, "\n"))
		return
	}
	names, named := namesOf(items)
	for i, it := range items {
		under := path + "[" + strconv.Itoa(i) + "]"
		if named {
			under = path + "[" + names[i] + "]"
		}
		d.tree(under, it)
	}
	if named {
		d[path+order] = leaf{text: strings.Join(names, " ")}
	}
}

// order ends the path of a value that says in which order the named objects of a list stand.
const order = "[order]"

func texts(items []any) ([]string, bool) {
	lines := make([]string, 0, len(items))
	for _, it := range items {
		switch it.(type) {
		case map[string]any, []any:
			return nil, false
		}
		line := scalar(it)
		if line == "" || strings.Contains(line, "\n") {
			line = strconv.Quote(line)
		}
		lines = append(lines, line)
	}
	return lines, true
}

// namesOf are the names of a list's objects, if all have one and no two the same.
func namesOf(items []any) ([]string, bool) {
	var names []string
	for _, it := range items {
		object, _ := it.(map[string]any)
		name, _ := object["name"].(string)
		if name == "" || slices.Contains(names, name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// flags keeps a command line whose flags all stand behind its other words as a set of flags, because their order says
// nothing. Of any other it keeps nothing and says so: there a word may be a flag's value.
func (d document) flags(path string, items []any) bool {
	words, ok := texts(items)
	first := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
	if !ok || first < 0 || slices.ContainsFunc(words[first:], func(w string) bool { return !strings.HasPrefix(w, "--") }) {
		return false
	}
	d.set(path+"[]", strings.Join(words[:first], "\n"))
	for _, w := range words[first:] {
		name, value, given := strings.Cut(w, "=")
		if !given {
			value = "(given)"
		}
		if had, twice := d[join(path, name)]; twice { // the last one counts, or all do: their order matters
			value = had.text + "\n" + value
		}
		d.set(join(path, name), value)
	}
	return true
}

// scalar writes a single value. A text that looks like another kind of value is quoted, so that "true" is not true.
func scalar(value any) string {
	text, ok := value.(string)
	if !ok {
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Sprint(value)
		}
		return string(raw)
	}
	var other any
	if json.Unmarshal([]byte(text), &other) == nil {
		if _, isText := other.(string); !isText {
			return strconv.Quote(text)
		}
	}
	return text
}
