package snapshot

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nov30/nov30/harness/slo"
)

// Diff is what is different in after, sorted by node, object and kind; the same two snapshots give the same list. A
// certificate or key of which only serial, life and key are new is slo.Renewed; an object of the API with another identity
// is slo.Recreated where its content is the same, and slo.Altered where that differs too.
func Diff(before, after Snapshot) []slo.Change {
	var changes []slo.Change
	note := func(k key, kind slo.ChangeKind, text string) {
		changes = append(changes, slo.Change{Kind: kind, Node: k.node, Object: k.object, Diff: text})
	}
	for k, was := range before.items {
		is, stays := after.items[k]
		switch {
		case stays:
			if kind, text := compare(was, is); kind != "" {
				note(k, kind, text)
			}
		case after.hasFor(k, func(other item) bool { return replaces(other, was) }):
			note(k, slo.Renewed, "another file stands in for it")
		case !was.quiet:
			note(k, slo.Removed, show(was.doc, nil))
		}
	}
	for k, is := range after.items {
		_, stayed := before.items[k]
		switch {
		case stayed || is.quiet:
		case before.hasFor(k, func(other item) bool { return replaces(is, other) }):
			note(k, slo.Renewed, "it stands in for another file")
		default:
			note(k, slo.Added, show(nil, is.doc))
		}
	}
	slices.SortFunc(changes, func(a, b slo.Change) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Kind, b.Kind))
	})
	return changes
}

// hasFor says whether the snapshot has such a file of a family on the key's node.
func (s Snapshot) hasFor(k key, such func(item) bool) bool {
	for other, i := range s.items {
		if other.node == k.node && i.family != "" && such(i) {
			return true
		}
	}
	return false
}

// replaces says whether is, a file of the same family as was, differs from it by no more than a renewal.
func replaces(is, was item) bool {
	return is.family == was.family && len(contentDiffers(was.doc, is.doc)) == 0
}

// compare says what happened to an object that is there before and after, "" for nothing.
func compare(was, is item) (slo.ChangeKind, string) {
	reborn := was.uid != is.uid
	if paths := contentDiffers(was.doc, is.doc); len(paths) > 0 {
		text := lines{}
		if reborn {
			text.add("-metadata.uid: " + was.uid)
			text.add("+metadata.uid: " + is.uid)
		}
		text.changes(paths, was.doc, is.doc)
		return slo.Altered, text.String()
	}
	if reborn {
		return slo.Recreated, "-metadata.uid: " + was.uid + "\n+metadata.uid: " + is.uid
	}
	if paths := lifeDiffers(was.doc, is.doc); len(paths) > 0 {
		text := lines{}
		text.renewals(paths, was.doc, is.doc)
		return slo.Renewed, text.String()
	}
	return "", ""
}

// contentDiffers are the paths at which the content differs, sorted.
func contentDiffers(was, is document) []string {
	var paths []string
	for _, path := range union(was, is) {
		a, had := was[path]
		b, has := is[path]
		if had != has || a.differs(b) {
			paths = append(paths, path)
		}
	}
	return paths
}

// lifeDiffers are the paths at which a renewal shows, sorted.
func lifeDiffers(was, is document) []string {
	return slices.DeleteFunc(union(was, is), func(path string) bool {
		return was[path].life == is[path].life && was[path].text == is[path].text
	})
}

func union(a, b document) []string {
	paths := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(paths)
	return slices.Compact(paths)
}

// show is all that an object holds that came or went.
func show(was, is document) string {
	text := lines{}
	text.changes(union(was, is), was, is)
	return text.String()
}
